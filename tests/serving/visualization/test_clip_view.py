from __future__ import annotations

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_models.weight_axes import Source, WeightAxes
from serving.client.caption_result import CaptionResult
from serving.client.local_model import LocalModel
from serving.visualization.clip_view import Clip, build_view, frame_request
from serving.visualization.moments import MAX_FRAMES
from transform.schema import (
    ChunkGrid,
    FeatureSpec,
    FrameGrid,
    FrameSampling,
    Imported,
    KeyFrames,
    Regions,
    ShortSide,
    Strided,
    WholeClip,
)
from transform.schema.frame_placement import frame_edges
from transform.video import reader
from transform.video.video_info import DecodeError

FPS, SECONDS = 25, 30.0
FRAMES = round(FPS * SECONDS)
SAMPLING = FrameSampling(frames=20, window=3)
WORDS = ("a", "ball", "rolls")


@pytest.fixture(scope="module")
def half_a_minute(tmp_path_factory):
    """A clip of 30 s that becomes brighter: its grey says how late it is."""
    path = tmp_path_factory.mktemp("clips") / "brighter.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = 64, 32, "yuv420p"
        stream.codec_context.thread_count = 1
        for number in range(FRAMES):
            grey = np.full((32, 64, 3), round(255 * number / FRAMES), np.uint8)
            frame = av.VideoFrame.from_ndarray(grey, format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def frame_grid(at, **changes) -> FrameGrid:
    settings = {
        "name": "seen",
        "network": "tiny",
        "layer": "grid",
        "size": 32,
        "grid": (2, 2),
        "width": 8,
        "at": at,
    }
    return FrameGrid(**settings | changes)


def chunk_grid(at, **changes) -> ChunkGrid:
    settings = {
        "name": "seen",
        "network": "c3d",
        "layer": "pool5",
        "size": 32,
        "grid": (2, 2),
        "width": 8,
        "at": at,
    }
    return ChunkGrid(**settings | changes)


def look(path, feature, weights, axes=("word", "step"), ratio=1, boxes=None, **more):
    """The view of a caption that looked at the steps of one feature."""
    spec = FeatureSpec(sampling=SAMPLING, features=(feature,))
    edges = frame_edges(np.arange(FRAMES) / FPS)
    steps = (
        len(feature.step_seconds(edges, SAMPLING))
        if hasattr(feature, "step_seconds")
        else feature.max_steps
    )
    about = WeightAxes(axes=axes, source=Source(feature=feature.name, ratio=ratio))
    attention = {"weights": weights} | {name: leaf for name, (_, leaf) in more.items()}
    named = {"weights": about} | {name: each for name, (each, _) in more.items()}
    result = CaptionResult(("a ball rolls",), (0.0,), (WORDS,), attention, "")
    frames = reader.read_frames(path, SAMPLING, [frame_request(spec, named)])
    clip = Clip(path, {feature.name: np.zeros(steps)}, boxes or {}, frames)
    return build_view(spec, named, result, clip)


def extract(model, path, start=None, end=None) -> Clip:
    """A clip with its features and frames, from one decoding."""
    keep = [frame_request(model.spec, model.weight_axes)]
    found = model.extract(path, start, end, keep)
    return Clip(path, found.features, found.boxes, found.frames)


def all_on(step: int, steps: int) -> np.ndarray:
    """(1, L, T) weights of a caption that looks at a single step."""
    weights = np.zeros((1, 4, steps))
    weights[..., step] = 1
    return weights


def seconds_of(picture: np.ndarray) -> float:
    """When a picture of `half_a_minute` was shown."""
    return float(picture.mean()) / 255 * SECONDS


PLACEMENTS = {
    "key frames": (frame_grid(KeyFrames()), 20, 12, (18.0, 19.5)),
    "chunks of 16": (
        chunk_grid(Strided(frames=16, max_steps=60)),
        60,
        30,
        (19.2, 19.84),
    ),
    "chunks of 32": (
        chunk_grid(Strided(frames=32, max_steps=20), chunk=32),
        20,
        19,
        (24.32, 25.6),
    ),
    "frames of segments": (
        frame_grid(Strided(frames=32, max_steps=20)),
        20,
        4,
        (5.12, 6.4),
    ),
    "chunks on a clock": (
        chunk_grid(Strided(frames=16, max_steps=60, fps=10.0)),
        60,
        10,
        (16.0, 17.6),
    ),
    "whole clip": (
        chunk_grid(WholeClip(max_frames=128, fps=2.0), times="steps"),
        8,
        2,
        (16.0, 24.0),
    ),
    "a map's own steps": (
        chunk_grid(WholeClip(max_frames=128, fps=2.0), times="steps", map_times=8),
        64,
        29,
        (29.0, 30.0),
    ),
}


@pytest.mark.parametrize("name", PLACEMENTS)
def test_a_weight_is_drawn_at_the_time_of_its_step(name, half_a_minute):
    feature, steps, step, (begin, end) = PLACEMENTS[name]
    view = look(half_a_minute, feature, all_on(step, steps))
    assert view.seconds == pytest.approx(SECONDS, abs=0.05)
    (drawn,) = view.steps
    np.testing.assert_allclose(drawn.spans[step], (begin, end), atol=0.05)
    assert (drawn.weights.argmax(axis=1) == step).all()
    (frames,) = view.frames
    assert len(frames.pictures) == len(WORDS)
    np.testing.assert_allclose(frames.spans, [(begin, end)] * 3, atol=0.05)
    for picture in frames.pictures:
        assert begin - 0.3 < seconds_of(picture) < end + 0.3


def test_masked_steps_are_left_out(half_a_minute):
    weights = np.full((1, 4, 60), 1 / 46)
    feature = chunk_grid(Strided(frames=16, max_steps=60))
    (drawn,) = look(half_a_minute, feature, weights).steps
    assert drawn.weights.shape == (3, 46)  # of 750 frames, 46 times 16
    assert drawn.spans[-1, 1] == pytest.approx(46 * 16 / 25)


@settings(max_examples=30, deadline=None)
@given(
    feature=st.one_of(
        st.builds(
            lambda frames, steps, fps: chunk_grid(
                Strided(frames=frames, max_steps=steps, fps=fps), chunk=frames
            ),
            st.integers(4, 64),
            st.integers(1, 40),
            st.none() | st.floats(2, 50),
        ),
        st.builds(
            lambda frames, fps: chunk_grid(
                WholeClip(max_frames=frames, fps=fps), times="steps"
            ),
            st.integers(8, 400),
            st.none() | st.floats(2, 50),
        ),
    ),
    share=st.floats(0, 0.999),
)
def test_the_frame_of_any_placement_is_within_its_step(feature, share, half_a_minute):
    steps = feature.tensor(SAMPLING).max_steps
    edges = frame_edges(np.arange(FRAMES) / FPS)
    spans = feature.step_seconds(edges, SAMPLING)
    step = int(share * len(spans))
    weights = all_on(step, steps) + 1e-3 * all_on(0, steps)
    view = look(half_a_minute, feature, weights)
    for frames in view.frames:
        begin, end = frames.spans[0]
        assert (begin, end) == pytest.approx(tuple(spans[step]), abs=0.05)
        assert begin - 0.3 < seconds_of(frames.pictures[0]) < end + 0.3


def test_of_a_clip_of_many_steps_a_bounded_number_of_small_frames_is_kept(
    half_a_minute,
):
    feature = frame_grid(WholeClip(max_frames=1000))
    spec = FeatureSpec(sampling=SAMPLING, features=(feature,))
    about = WeightAxes(axes=("word", "step"), source=Source(feature="seen"))
    request = frame_request(spec, {"weights": about})
    frames = reader.read_frames(half_a_minute, SAMPLING, [request])
    assert request.size == 256
    kept = frames.frame_sets[request].frames
    assert kept.shape == (MAX_FRAMES, 32, 64, 3)  # of 750 frames
    for step in (0, 1, 374, 748, 749):
        view = look(half_a_minute, feature, all_on(step, FRAMES))
        seconds = seconds_of(view.frames[0].pictures[0])
        assert seconds == pytest.approx(step / FPS, abs=0.2)


def test_steps_that_became_one_share_their_time(half_a_minute):
    feature = chunk_grid(
        WholeClip(max_frames=128, fps=2.0),
        times="steps",
        map_times=8,
        grid=(14, 14),
    )
    view = look(half_a_minute, feature, all_on(1, 8), ratio=8)
    np.testing.assert_allclose(view.steps[0].spans[:2], [(0, 8), (8, 16)], atol=0.05)


# ----------------------------------------------------------------------------- cells


def brightest(picture: np.ndarray, rows: int, columns: int) -> tuple[int, int]:
    """The row and column of the warmest part of a picture."""
    height, width = (
        picture.shape[0] // rows * rows,
        picture.shape[1] // columns * columns,
    )
    parts = picture[:height, :width].astype(float).sum(-1)
    means = parts.reshape(rows, height // rows, columns, -1).mean((1, 3))
    return tuple(map(int, np.unravel_index(means.argmax(), means.shape)))


def test_a_words_cells_are_drawn_over_the_frame_of_its_strongest_step(half_a_minute):
    feature = chunk_grid(Strided(frames=16, max_steps=60), grid=(3, 3))
    cells = np.zeros((1, 4, 9))
    for word, cell in enumerate((2, 4, 6, 0)):
        cells[0, word, cell] = 1
    about = WeightAxes(axes=("word", "cell"), source=Source(feature="seen"))
    view = look(half_a_minute, feature, all_on(30, 60), spatial=(about, cells))
    (frames,) = view.frames
    assert [brightest(each, 3, 3) for each in frames.pictures] == [
        (0, 2),
        (1, 1),
        (2, 0),
    ]
    np.testing.assert_allclose(frames.spans, [(19.2, 19.84)] * 3, atol=0.05)


def test_cells_of_every_step_are_those_of_the_strongest(half_a_minute):
    feature = frame_grid(KeyFrames(), grid=(1, 2))
    cells = np.full((1, 4, 20, 2), 0.5)
    cells[0, :, 12] = (0, 1)
    about = WeightAxes(axes=("word", "step", "cell"), source=Source(feature="seen"))
    view = look(half_a_minute, feature, all_on(12, 20), spatial=(about, cells))
    assert {brightest(each, 1, 2) for each in view.frames[0].pictures} == {(0, 1)}


def test_a_map_without_weights_of_steps_stands_for_the_whole_clip(half_a_minute):
    feature = frame_grid(KeyFrames())
    cells = np.full((1, 4, 4), 0.25)
    view = look(half_a_minute, feature, cells, axes=("word", "cell"))
    (frames,) = view.frames
    np.testing.assert_allclose(frames.spans, [(0, SECONDS)] * 3, atol=0.05)
    assert not view.steps


def test_a_crop_is_not_stretched_over_the_frame(half_a_minute):
    feature = frame_grid(KeyFrames(), grid=(1, 1), fit=ShortSide(side=32))
    view = look(half_a_minute, feature, np.ones((1, 4, 1)), axes=("word", "cell"))
    columns = view.frames[0].pictures[0].astype(float).sum((0, 2))
    warm = np.flatnonzero(columns > columns.mean())
    # A square of a frame that is twice as wide as high: its middle half.
    assert (warm[0] / 256, warm[-1] / 256) == pytest.approx((0.25, 0.75), abs=0.02)


def test_regions_are_filled_where_their_boxes_are(half_a_minute):
    feature = Regions(name="seen", count=2)
    boxes = np.tile([[0, 0, 0.5, 0.5], [0.5, 0.5, 1, 1]], (20, 1, 1))
    cells = np.zeros((1, 4, 20, 2))
    cells[..., 1] = 1 / 20
    about = WeightAxes(axes=("word", "step", "cell"), source=Source(feature="seen"))
    weights = {"weights": all_on(3, 20), "spatial": (about, cells)}
    view = look(half_a_minute, feature, boxes={"seen": boxes}, **weights)
    assert brightest(view.frames[0].pictures[0], 2, 2) == (1, 1)
    unknown = look(half_a_minute, feature, **weights)  # of stored features
    assert len(unknown.frames) == 1
    assert np.ptp(unknown.frames[0].pictures[0]) < 5  # no map


def test_the_last_cells_of_blocks_are_filled_up_beyond_the_frame(half_a_minute):
    feature = chunk_grid(
        WholeClip(max_frames=128, fps=2.0), times="steps", map_times=8, grid=(28, 28)
    )
    cells = np.zeros((1, 4, 8, 16))
    cells[..., 15] = 1
    about = WeightAxes(
        axes=("word", "step", "cell"), source=Source(feature="seen", ratio=8)
    )
    weights = all_on(1, 8)
    view = look(half_a_minute, feature, weights, ratio=8, spatial=(about, cells))
    picture = view.frames[0].pictures[0].astype(float).sum(-1)
    columns = picture[-8:].mean(0)
    # Of the 32 columns of four blocks, 28 exist: the last block is half as wide.
    assert columns.argmax() / 256 > 24 / 28
    assert columns[round(256 * 18 / 28)] < columns.mean()


# ------------------------------------------------------------- what has no place


def test_a_word_that_looked_nowhere_has_no_frame(half_a_minute):
    weights = all_on(12, 20)
    weights[0, 0] = 0
    (frames,) = look(half_a_minute, frame_grid(KeyFrames()), weights).frames
    assert [picture is None for picture in frames.pictures] == [True, False, False]


def test_without_a_strongest_step_there_is_no_frame_of_it(half_a_minute):
    weights = np.full((1, 4, 20), 0.05)
    view = look(half_a_minute, frame_grid(KeyFrames()), weights)
    assert not view.frames and view.steps


def test_imported_steps_have_no_time(half_a_minute):
    feature = Imported(name="seen", shape=(8,), max_steps=20)
    view = look(half_a_minute, feature, all_on(12, 20))
    assert not view.frames and not view.steps


def test_features_of_another_file_are_refused(half_a_minute):
    feature = frame_grid(Strided(frames=16, max_steps=60))
    spec = FeatureSpec(sampling=SAMPLING, features=(feature,))
    about = {
        "weights": WeightAxes(axes=("word", "step"), source=Source(feature="seen"))
    }
    result = CaptionResult(("a",), (0.0,), (("a",),), {"weights": all_on(3, 60)}, "")
    request = frame_request(spec, about)
    frames = reader.read_frames(half_a_minute, SAMPLING, [request])
    clip = Clip(half_a_minute, {"seen": np.zeros(7)}, {}, frames)
    with pytest.raises(DecodeError, match=r"46 steps of seen .* 7; extract it again"):
        build_view(spec, about, result, clip)


# ------------------------------------------------------------------- the encoder's


def test_the_key_frame_is_told_with_its_probability(half_a_minute):
    probabilities = np.full(20, 0.5 / 19)
    probabilities[15] = 0.5
    view = look(half_a_minute, frame_grid(KeyFrames()), probabilities, axes=("step",))
    (key_frame,) = view.key_frames
    assert key_frame.chosen == 15
    assert key_frame.steps.weights[0, 15] == 0.5
    assert seconds_of(key_frame.picture) == pytest.approx(15.5 / 20 * SECONDS, abs=0.5)


def test_options_are_taken_of_the_best_caption(half_a_minute):
    levels = np.zeros((2, 4, 2))
    levels[0, :, 1] = 1
    about = WeightAxes(axes=("word", "option"), options=("pool4", "pool5"))
    feature = frame_grid(KeyFrames())
    view = look(half_a_minute, feature, all_on(1, 20), level=(about, levels))
    (options,) = view.options
    assert options.names == ("pool4", "pool5")
    np.testing.assert_array_equal(options.weights, levels[0, :3])


def test_a_real_models_view_has_its_words_maps_and_flow(exported, clip, spec):
    model = LocalModel(exported)
    result, found = model.caption_file(clip), extract(model, clip)
    view = build_view(spec, model.weight_axes, result, found)
    assert view.words == result.words[0]
    assert [row.name for row in view.film] == ["frames", "tiny\nspatial", "flow"]
    (steps,) = view.steps
    np.testing.assert_allclose(steps.weights.sum(axis=1), 1, rtol=1e-5)
    assert view.film[0].pictures[0].shape == (192, 256, 3)  # 4 : 3, as the clip is
    bare = build_view(spec, model.weight_axes, result._replace(attention={}), found)
    assert not bare.steps and not bare.frames
    assert [row.name for row in bare.film] == ["frames", "flow"]


def test_a_part_of_a_clip_counts_from_its_own_beginning(exported, clip, spec):
    model = LocalModel(exported)
    result = model.caption_file(clip, start=0.5, end=1.0)
    found = extract(model, clip, start=0.5, end=1.0)
    view = build_view(spec, model.weight_axes, result, found)
    assert view.seconds == pytest.approx(0.5, abs=0.01)
    assert view.steps[0].spans[0, 0] == 0

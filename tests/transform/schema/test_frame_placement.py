import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.reference import placements
from transform.common.config import ConfigError
from transform.schema import ChunkGrid, FlowInput, FrameGrid
from transform.schema.frame_placement import (
    FrameSampling,
    KeyFrames,
    Strided,
    WholeClip,
    frame_edges,
    on_clock,
)
from transform.schema.resize import (
    CentreCrop,
    Letterbox,
    ShortSide,
    Stretch,
    seen_part,
)

FRAMES = st.integers(1, 400)
SPANS = st.integers(1, 40)
AHEAD = st.integers(0, 1)
MOST = st.integers(1, 60)


def _seconds(frames: int, fps: float = 25.0) -> np.ndarray:
    return np.arange(frames) / fps


# ------------------------------------------------------------------ placements


@given(frames=FRAMES, wanted=MOST, chunk_size=SPANS, lookahead=AHEAD)
def test_runs_are_centred_on_key_frames(frames, wanted, chunk_size, lookahead) -> None:
    sampling = FrameSampling(frames=wanted)
    indices = KeyFrames().frame_indices(
        _seconds(frames), sampling, chunk_size, lookahead
    )
    keys = placements.key_frames(frames, wanted)
    assert indices.tolist() == placements.around(keys, frames, chunk_size, lookahead)
    assert (np.diff(sampling.key_frames(frames)) > 0).all()
    assert len(indices) <= KeyFrames().num_chunks(sampling, chunk_size)


@given(frames=FRAMES, step=SPANS, most=MOST, chunk_size=SPANS, lookahead=AHEAD)
def test_steps_follow_each_other_through_the_clip(
    frames, step, most, chunk_size, lookahead
) -> None:
    at = Strided(frames=step, max_steps=most)
    indices = at.frame_indices(_seconds(frames), FrameSampling(), chunk_size, lookahead)
    assert indices.tolist() == placements.every(
        frames, step, most, chunk_size, lookahead
    )
    assert 1 <= len(indices) <= at.num_chunks(FrameSampling(), chunk_size)


@given(frames=FRAMES, most=MOST, chunk_size=SPANS, lookahead=AHEAD)
def test_a_whole_clip_is_one_run_of_whole_chunks(
    frames, most, chunk_size, lookahead
) -> None:
    at = WholeClip(max_frames=most)
    indices = at.frame_indices(_seconds(frames), FrameSampling(), chunk_size, lookahead)
    assert indices.tolist() == placements.whole(frames, most, chunk_size, lookahead)
    chunks = (indices.size - lookahead * len(indices)) / chunk_size
    assert chunks <= at.num_chunks(FrameSampling(), chunk_size)


@given(
    frames=FRAMES,
    at=st.one_of(
        st.just(KeyFrames()),
        st.builds(Strided, frames=SPANS, max_steps=MOST, fps=st.floats(0.2, 90)),
        st.builds(WholeClip, max_frames=MOST, fps=st.floats(0.2, 90)),
    ),
    fps=st.floats(1, 120),
    chunk_size=SPANS,
    lookahead=AHEAD,
)
def test_every_run_is_within_the_clip_and_goes_forward(
    frames, at, fps, chunk_size, lookahead
) -> None:
    indices = at.frame_indices(
        _seconds(frames, fps), FrameSampling(), chunk_size, lookahead
    )
    assert indices.ndim == 2 and len(indices) >= 1
    assert 0 <= indices.min() and indices.max() < frames
    assert (np.diff(indices) >= 0).all()
    assert (np.diff(indices[:, 0]) >= 0).all()


def test_frames_and_chunks_of_one_placement_have_the_same_steps() -> None:
    at = Strided(frames=32, max_steps=20)
    for frames in (1, 31, 32, 33, 95, 96, 300):
        single, chunks, shorter = (
            at.frame_indices(_seconds(frames), FrameSampling(), chunk_size)
            for chunk_size in (1, 32, 16)
        )
        assert len(single) == len(chunks) == len(shorter) == max(1, frames // 32)
        if frames >= 32:
            assert (single[:, 0] == chunks[:, 16]).all()


def test_chunks_may_overlap() -> None:
    indices = Strided(frames=8, max_steps=99).frame_indices(
        _seconds(128), FrameSampling(), 16
    )
    # dualAFR's 15 chunks of 128 frames.
    assert indices[:, 0].tolist() == list(range(0, 113, 8))


# ------------------------------------------------------------- when steps take place


@given(frames=FRAMES, wanted=MOST)
def test_a_frames_time_is_that_of_its_nearest_key_frame(frames, wanted) -> None:
    edges = frame_edges(_seconds(frames))
    spans = KeyFrames().step_seconds(edges, FrameSampling(frames=wanted))
    expected = placements.nearest_key(frames, wanted)
    assert [_step_at(spans, second) for second in _middles(edges)] == expected


@given(frames=FRAMES, step=SPANS, most=MOST, chunk_size=SPANS)
def test_a_strided_step_lasts_until_the_next_one(frames, step, most, chunk_size):
    at = Strided(frames=step, max_steps=most)
    edges = frame_edges(_seconds(frames))
    spans = at.step_seconds(edges, FrameSampling(), chunk_size)
    count = len(at.frame_indices(_seconds(frames), FrameSampling(), chunk_size))
    assert len(spans) == count
    numbers = [frame // step for frame in range(frames)]
    expected = [number if number < count else None for number in numbers]
    assert [_step_at(spans, second) for second in _middles(edges)] == expected


@given(frames=FRAMES, most=MOST, chunk_size=SPANS)
def test_a_whole_clips_chunks_end_with_the_clip(frames, most, chunk_size) -> None:
    edges = frame_edges(_seconds(frames))
    spans = WholeClip(max_frames=most).step_seconds(edges, FrameSampling(), chunk_size)
    numbers = [frame // chunk_size for frame in range(frames)]
    expected = [
        number if frame < most else None for frame, number in enumerate(numbers)
    ]
    assert [_step_at(spans, second) for second in _middles(edges)] == expected


@given(
    gaps=st.lists(st.integers(1, 90), max_size=80),
    at=st.one_of(
        st.just(KeyFrames()),
        st.builds(
            Strided,
            frames=SPANS,
            max_steps=MOST,
            fps=st.none() | st.floats(0.2, 90),
        ),
        st.builds(WholeClip, max_frames=MOST, fps=st.none() | st.floats(0.2, 90)),
    ),
    chunk_size=SPANS,
)
def test_steps_cover_the_clip_in_order_and_none_lies_outside(gaps, at, chunk_size):
    seconds = 7.0 + np.cumsum([0, *gaps]) / 100
    edges = frame_edges(seconds)
    spans = at.step_seconds(edges, FrameSampling(), chunk_size)
    assert spans[0, 0] == 0 and spans[-1, 1] <= edges[-1]
    assert (spans[:, 0] < spans[:, 1]).all()
    np.testing.assert_array_equal(spans[1:, 0], spans[:-1, 1])
    indices = at.frame_indices(seconds, FrameSampling(), chunk_size)
    steps = len(indices) if at.kind != "whole" else indices.size // chunk_size
    assert len(spans) == steps


def test_steps_of_a_faster_clock_share_a_frames_time() -> None:
    edges = frame_edges(_seconds(3, 10.0))
    at = Strided(frames=2, max_steps=9, fps=40.0)
    spans = at.step_seconds(edges, FrameSampling())
    np.testing.assert_allclose(spans[:, 0], [0, 0.05, 0.1, 0.15, 0.2])


def test_a_maps_times_share_the_time_of_their_chunk() -> None:
    feature = ChunkGrid(
        name="pool4",
        network="c3d",
        layer="pool4",
        size=112,
        at=WholeClip(max_frames=128, fps=2.0),
        map_times=2,
        times="steps",
        grid=(7, 7),
        width=512,
    )
    edges = frame_edges(_seconds(300, 30.0))  # 10 s: 20 ticks in two chunks
    spans = feature.step_seconds(edges, FrameSampling())
    np.testing.assert_allclose(spans, [[0, 4], [4, 8], [8, 10], [10, 10]])


def test_a_frame_lasts_until_the_next_one_is_shown() -> None:
    np.testing.assert_allclose(
        frame_edges(np.array([3.0, 3.2, 4.0])), [0, 0.2, 1.0, 1.5]
    )
    np.testing.assert_allclose(frame_edges(np.array([3.0])), [0, 0.04])


def _middles(edges: np.ndarray) -> np.ndarray:
    return (edges[:-1] + edges[1:]) / 2


def _step_at(spans: np.ndarray, second: float) -> int | None:
    inside = np.flatnonzero((spans[:, 0] <= second) & (second < spans[:, 1]))
    assert len(inside) <= 1
    return int(inside[0]) if len(inside) else None


# ----------------------------------------------------------------------- clocks


def test_the_files_own_rate_gives_each_frame_once() -> None:
    for fps in (10.0, 25.0, 29.97, 30.0, 59.94):
        # As a container has it: whole thousandths of a second.
        seconds = np.round(np.arange(100) / fps, 3)
        assert on_clock(seconds, fps).tolist() == list(range(100))


def test_two_frames_a_second_of_ten_are_twenty() -> None:
    assert on_clock(_seconds(300, 30.0), 2.0).tolist() == list(range(0, 300, 15))


def test_a_faster_clock_repeats_frames() -> None:
    assert on_clock(_seconds(3, 10.0), 20.0).tolist() == [0, 0, 1, 1, 2, 2]


def test_gaps_of_a_variable_rate_are_filled_with_the_nearest_frame() -> None:
    seconds = np.array([5.0, 5.1, 5.2, 6.0, 7.0])
    assert on_clock(seconds, 4.0).tolist() == [0, 2, 2, 3, 3, 3, 3, 4, 4, 4]


@given(
    gaps=st.lists(st.integers(0, 90), max_size=60),
    start=st.integers(0, 10_000),
    fps=st.sampled_from([0.5, 1.0, 2.0, 12.5, 25.0, 30.0]),
)
def test_each_tick_has_the_nearest_frame(gaps, start, fps) -> None:
    seconds = (start + np.cumsum([0, *gaps])) / 100
    found = on_clock(seconds, fps).tolist()
    expected = placements.nearest(seconds.tolist(), fps)
    assert len(found) == len(expected)
    # Frames shown at one moment are equally near.
    assert [seconds[i] for i in found] == [seconds[i] for i in expected]


def test_time_that_turns_back_is_taken_as_standing_still() -> None:
    assert on_clock(np.array([0.0, 0.5, 0.2, 1.5]), 2.0).tolist() == [0, 1, 2, 3]


# ------------------------------------------------------------------------- fits


@pytest.mark.parametrize(
    ("fit", "height", "width", "expected"),
    [
        (Stretch(), 240, 320, (112, 112)),
        (CentreCrop(rows=128, columns=171), 240, 320, (128, 171)),
        (ShortSide(side=256), 240, 320, (256, 341)),  # 341.33
        (ShortSide(side=256), 320, 240, (341, 256)),
        (ShortSide(side=256), 1080, 1920, (256, 455)),  # 455.11
        (ShortSide(side=3), 2, 3, (3, 5)),  # 4.5
        (ShortSide(side=256), 256, 256, (256, 256)),
    ],
)
def test_sizes_before_the_cut(fit, height, width, expected) -> None:
    assert fit.resized(height, width, 112) == expected


@given(height=st.integers(1, 5000), width=st.integers(1, 5000))
def test_the_short_side_is_exact_and_the_long_one_nearest(height, width) -> None:
    rows, columns = ShortSide(side=64).resized(height, width, 64)
    assert min(rows, columns) == 64
    assert abs(rows * min(height, width) - 64 * height) * 2 <= min(height, width)
    assert abs(columns * min(height, width) - 64 * width) * 2 <= min(height, width)


@pytest.mark.parametrize(
    ("fit", "sentence"),
    [
        ({"kind": "short_side", "side": 128}, "size 224 cannot be cut from a side of"),
        (
            {"kind": "centre_crop", "rows": 128, "columns": 171},
            "size 224 cannot be cut from 128 rows × 171 columns",
        ),
    ],
)
def test_a_square_that_the_fit_does_not_hold_is_refused(fit, sentence) -> None:
    with pytest.raises(ConfigError, match=sentence):
        FrameGrid.from_dict(
            dict(
                name="a",
                network="tiny",
                layer="grid",
                size=224,
                fit=fit,
                grid=[7, 7],
                width=64,
            )
        )


# ----------------------------------------------------------------------- chunks

CHUNKS = ChunkGrid(
    name="i3d",
    network="i3d",
    layer="Mixed_5c",
    size=224,
    at=Strided(frames=16, max_steps=60),
    fit=ShortSide(side=256),
    map_times=2,
    times="join",
    grid=(7, 7),
    width=2048,
)


def test_shapes_of_chunks_follow_from_their_times() -> None:
    assert CHUNKS.tensor(FrameSampling())[1:3] == (60, (7, 7, 2048))
    assert CHUNKS.map_shape == (2, 7, 7, 1024)
    assert CHUNKS.input_shape == (16, 224, 224, 3)
    each = CHUNKS.replace(times="steps", width=1024, input=FlowInput())
    assert each.tensor(FrameSampling())[1:3] == (120, (7, 7, 1024))
    assert each.input_shape == (16, 224, 224, 2)
    mean = CHUNKS.replace(times="mean", grid=(), width=1024, at=KeyFrames())
    assert mean.tensor(FrameSampling(frames=5))[1:3] == (5, (1024,))
    whole = each.replace(at=WholeClip(max_frames=120, fps=2), chunk=16)
    assert whole.tensor(FrameSampling())[1] == 16  # 8 chunks, 2 times each
    assert whole.input_shape[0] is None


def test_whole_clips_have_no_joined_times() -> None:
    with pytest.raises(ConfigError, match="times join should be steps"):
        CHUNKS.replace(at=WholeClip(max_frames=128))


def test_joined_times_share_the_width() -> None:
    with pytest.raises(ConfigError, match="2 joined times cannot have a width of 2047"):
        CHUNKS.replace(width=2047)


def test_a_grid_has_two_axes_or_none() -> None:
    for grid in ((7,), (7, 7, 7), (0, 7)):
        with pytest.raises(ConfigError, match=r"a grid is \[rows, columns\], or \[\]"):
            CHUNKS.replace(grid=grid)


@pytest.mark.parametrize(
    ("fit", "expected"),
    [
        (Stretch(), (0, 0, 1, 1)),
        (CentreCrop(rows=128, columns=171), (8 / 128, 29 / 171, 120 / 128, 141 / 171)),
        (ShortSide(side=256), (72 / 256, 115 / 342, 184 / 256, 227 / 342)),
        (Letterbox(), (-14 / 84, 0, 98 / 84, 1)),
    ],
)
def test_the_square_shows_a_part_of_the_frame(fit, expected) -> None:
    np.testing.assert_allclose(seen_part(fit, 240, 320, 112), expected, rtol=0.01)

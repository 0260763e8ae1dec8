import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from transform.records import example_codec
from transform.records.example_codec import VideoExample
from transform.schema import (
    FeatureSpec,
    Flow,
    FrameGrid,
    FrameSampling,
    Jpeg,
    LogMel,
    Png,
    SpecMismatchError,
)


def make_spec(encoding=Png(), frames=4) -> FeatureSpec:  # noqa: B008
    grid = FrameGrid(
        name="tiny", network="tiny", layer="grid", size=16, grid=(2, 2), width=3
    )
    return FeatureSpec(
        sampling=FrameSampling(frames=frames, window=3),
        features=(Flow(size=8, encoding=encoding), grid, LogMel(max_patches=2)),
    )


def make_video(steps: int, seed: int = 0, sound: int = 0) -> VideoExample:
    rng = np.random.default_rng(seed)
    features = {
        "flow": rng.integers(0, 256, (steps, 8, 8, 4), dtype=np.uint8),
        "tiny": rng.standard_normal((steps, 2, 2, 3)).astype(np.float16),
    }
    if sound:
        features["log_mel"] = rng.standard_normal((sound, 96, 64)).astype(np.float16)
    return VideoExample(f"clip{seed}", ("A dog runs.", "the dog"), features, "pets")


def serialize(videos, spec):
    return tf.constant(
        [example_codec.to_example(v, spec).SerializeToString() for v in videos]
    )


def test_a_record_gives_back_what_was_written():
    spec, video = make_spec(), make_video(3, sound=1)
    video = video._replace(labels=("source=phone", "tags=night"))
    back = example_codec.from_example(example_codec.to_example(video, spec), spec)
    assert back._replace(features={}) == video._replace(features={})
    assert back.features.keys() == video.features.keys()
    for name, array in video.features.items():
        np.testing.assert_array_equal(back.features[name], array)


@settings(max_examples=15, deadline=None)
@given(steps=st.lists(st.integers(1, 4), min_size=1, max_size=4), data=st.data())
def test_parse_pads_each_clip_and_masks_the_padding(steps, data):
    sound = [data.draw(st.integers(0, 2)) for _ in steps]
    spec = make_spec()
    videos = [make_video(n, i, sound[i]) for i, n in enumerate(steps)]
    batch = example_codec.parse(serialize(videos, spec), spec)
    for row, video in enumerate(videos):
        for tensor in spec.tensors():
            values = batch.features[tensor.name][row].numpy()
            mask = batch.masks[tensor.name][row].numpy()
            stored = video.features.get(tensor.name, np.zeros((0, *tensor.step_shape)))
            assert mask.tolist() == [
                step < len(stored) for step in range(tensor.max_steps)
            ]
            np.testing.assert_array_equal(values[mask], stored)
            assert not values[~mask].any()


def test_numpy_and_graph_decode_the_same_jpeg():
    spec = make_spec(Jpeg())
    smooth = np.linspace(60, 200, 3 * 8 * 8 * 4).reshape(3, 8, 8, 4).astype(np.uint8)
    video = make_video(3)._replace(features={"flow": smooth})
    example = example_codec.to_example(video, spec)
    ours = example_codec.from_example(example, spec).features["flow"]
    theirs = example_codec.parse(tf.constant([example.SerializeToString()]), spec)
    np.testing.assert_array_equal(theirs.features["flow"][0, :3], ours)


def test_a_lacking_modality_is_named_for_the_missing_slice():
    spec = make_spec()
    example = example_codec.to_example(make_video(2), spec)
    assert example.features.feature["missing"].bytes_list.value == [b"log_mel"]
    whole = example_codec.to_example(make_video(2, sound=1), spec)
    assert whole.features.feature["missing"].bytes_list.value == [b"none"]


def test_records_of_another_specification_are_refused_in_python_and_in_graph():
    spec, other = make_spec(), make_spec(frames=3)
    example = example_codec.to_example(make_video(2), spec)
    with pytest.raises(SpecMismatchError, match=spec.content_hash):
        example_codec.from_example(example, other)
    graph = tf.function(lambda serialized: example_codec.parse(serialized, other))
    with pytest.raises(tf.errors.InvalidArgumentError, match=other.content_hash):
        graph(tf.constant([example.SerializeToString()]))


@pytest.mark.parametrize(
    "array",
    [np.zeros((5, 2, 2, 3)), np.zeros((0, 2, 2, 3)), np.zeros((2, 2, 2, 4))],
    ids=["too many steps", "no step", "wrong width"],
)
def test_an_array_that_does_not_fit_is_refused_with_its_shape(array):
    with pytest.raises(ValueError, match=r"feature tiny must be \(1…4, 2, 2, 3\)"):
        example_codec.encode_tensor(array, make_spec().tensor("tiny"))


@pytest.mark.parametrize(
    ("seconds", "bucket"),
    [(0, "under_5s"), (5, "under_10s"), (59.9, "under_60s"), (60, "60s_and_over")],
)
def test_length_buckets_are_half_open(seconds, bucket):
    assert example_codec.length_bucket(seconds) == bucket

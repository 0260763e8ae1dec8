"""I3D: its endpoints' shapes, its checkpoints' names, and what it computes of them."""

import os
import pathlib

import numpy as np
import pytest
import tensorflow as tf

from tests.reference import i3d as reference
from transform.backbones import i3d, loading, registry
from transform.backbones.formats import tf_checkpoint
from transform.common.config import ConfigError
from transform.common.weight_files import WeightsError
from transform.schema import (
    ChunkGrid,
    FlowInput,
    MeanFile,
    PixelInput,
    ShortSide,
    Strided,
)

# The convolutions of the published checkpoints: kernel, input and output width.
CONVOLUTIONS = {
    "Conv3d_1a_7x7": (7, 3, 64),
    "Conv3d_2b_1x1": (1, 64, 64),
    "Conv3d_2c_3x3": (3, 64, 192),
}
# What a block sees, and its convolutions' output widths from Branch_0 to Branch_3.
BLOCKS = {
    "Mixed_3b": (192, 64, 96, 128, 16, 32, 32),
    "Mixed_3c": (256, 128, 128, 192, 32, 96, 64),
    "Mixed_4b": (480, 192, 96, 208, 16, 48, 64),
    "Mixed_4c": (512, 160, 112, 224, 24, 64, 64),
    "Mixed_4d": (512, 128, 128, 256, 24, 64, 64),
    "Mixed_4e": (512, 112, 144, 288, 32, 64, 64),
    "Mixed_4f": (528, 256, 160, 320, 32, 128, 128),
    "Mixed_5b": (832, 256, 160, 320, 32, 128, 128),
    "Mixed_5c": (832, 384, 192, 384, 48, 128, 128),
}
FEATURE = ChunkGrid(
    name="i3d",
    network="i3d_rgb",
    layer="Mixed_5c",
    size=224,
    at=Strided(frames=16, max_steps=60, fps=25),
    fit=ShortSide(side=256),
    map_times=2,
    times="join",
    grid=(7, 7),
    width=2048,
    weights="random",
)


def manifest(channels=3, classes=400, blocks=tuple(BLOCKS)):
    """Names and shapes of a checkpoint's variables, without the stream's scope."""
    convolutions = dict(CONVOLUTIONS, Conv3d_1a_7x7=(7, channels, 64))
    for block in blocks:
        seen, one, reduced, three, reduced_too, five, pooled = BLOCKS[block]
        last = "Conv3d_0a_3x3" if block == "Mixed_5b" else "Conv3d_0b_3x3"
        convolutions |= {
            f"{block}/Branch_0/Conv3d_0a_1x1": (1, seen, one),
            f"{block}/Branch_1/Conv3d_0a_1x1": (1, seen, reduced),
            f"{block}/Branch_1/Conv3d_0b_3x3": (3, reduced, three),
            f"{block}/Branch_2/Conv3d_0a_1x1": (1, seen, reduced_too),
            f"{block}/Branch_2/{last}": (3, reduced_too, five),
            f"{block}/Branch_3/Conv3d_0b_1x1": (1, seen, pooled),
        }
    shapes = {}
    for name, (kernel, inputs, outputs) in convolutions.items():
        shapes[f"{name}/conv_3d/w"] = (kernel, kernel, kernel, inputs, outputs)
        for part in ("beta", "moving_mean", "moving_variance"):
            shapes[f"{name}/batch_norm/{part}"] = (1, 1, 1, 1, outputs)
    shapes["Logits/Conv3d_0c_1x1/conv_3d/w"] = (1, 1, 1, 1024, classes)
    shapes["Logits/Conv3d_0c_1x1/conv_3d/b"] = (classes,)
    return shapes


def values_for(shapes):
    random = np.random.default_rng(0)
    values = {}
    for name, shape in shapes.items():
        if name.endswith("/w"):
            scale = (2 / np.prod(shape[:-1])) ** 0.5
            value = random.normal(scale=scale, size=shape)
        elif name.endswith("moving_variance"):
            value = random.uniform(0.3, 2.0, shape)
        else:
            value = random.normal(scale=0.3, size=shape)
        values[name] = value.astype(np.float32)
    return values


def write(prefix, values, scope):
    tf.raw_ops.SaveV2(
        prefix=str(prefix),
        tensor_names=[scope + name for name in values],
        shape_and_slices=[""] * len(values),
        tensors=[tf.constant(value) for value in values.values()],
    )
    return prefix


# ------------------------------------------------------------------- architecture


@pytest.fixture(scope="module")
def published():
    return i3d.build("Predictions", (16, 224, 224, 3))


def test_endpoints_have_the_published_shapes(published):
    assert {layer.name: layer.output_shape[1:] for layer in published.layers[1:]} == {
        "Conv3d_1a_7x7": (8, 112, 112, 64),
        "MaxPool3d_2a_3x3": (8, 56, 56, 64),
        "Conv3d_2b_1x1": (8, 56, 56, 64),
        "Conv3d_2c_3x3": (8, 56, 56, 192),
        "MaxPool3d_3a_3x3": (8, 28, 28, 192),
        "Mixed_3b": (8, 28, 28, 256),
        "Mixed_3c": (8, 28, 28, 480),
        "MaxPool3d_4a_3x3": (4, 14, 14, 480),
        "Mixed_4b": (4, 14, 14, 512),
        "Mixed_4c": (4, 14, 14, 512),
        "Mixed_4d": (4, 14, 14, 512),
        "Mixed_4e": (4, 14, 14, 528),
        "Mixed_4f": (4, 14, 14, 832),
        "MaxPool3d_5a_2x2": (2, 7, 7, 832),
        "Mixed_5b": (2, 7, 7, 832),
        "Mixed_5c": (2, 7, 7, 1024),
        "Logits": (400,),
        "Predictions": (400,),
    }
    assert tuple(layer.name for layer in published.layers[1:]) == i3d.ENDPOINTS


def test_weights_are_as_many_as_published(published):
    # 12,272,704 in kernels, a beta for each of 7,280 channels, 1024 · 400 + 400 in the
    # scores. Ports that have gains, too, count 12,287,264 before the scores.
    trainable = sum(np.prod(weight.shape) for weight in published.trainable_weights)
    assert trainable == 12_272_704 + 7_280 + 410_000
    assert trainable + 7_280 - 410_000 == 12_287_264
    assert published.count_params() == trainable + 2 * 7_280


def test_whole_clips_have_maps_of_any_length():
    model = i3d.build("Conv3d_2b_1x1", (None, 224, 224, 2))
    assert model.compute_output_shape((1, 50, 224, 224, 2)) == (1, 25, 56, 56, 64)


# -------------------------------------------------------------------- checkpoints


class Shapes(dict):
    """A checkpoint of zeros that notes what is read."""

    def __init__(self, shapes):
        super().__init__(
            {name: np.broadcast_to(np.float32(0), shape) for name, shape in shapes}
        )
        self.read = set()

    def __getitem__(self, name):
        self.read.add(name)
        return super().__getitem__(name)


@pytest.mark.parametrize(("stream", "channels"), [("RGB", 3), ("Flow", 2)])
def test_published_variables_are_all_read(stream, channels, monkeypatch):
    shapes = manifest(channels)
    scoped = [(f"{stream}/inception_i3d/{name}", shapes[name]) for name in shapes]
    checkpoint = Shapes(scoped)
    monkeypatch.setattr(tf_checkpoint, "Checkpoint", lambda path: checkpoint)
    model = i3d.build("Logits", (16, 224, 224, channels))
    i3d.restore(model, pathlib.Path("model.ckpt"), stream)
    assert checkpoint.read == set(checkpoint)
    assert not any(weight.numpy().any() for weight in model.weights)


def test_stem_and_block_equal_those_of_numpy(tmp_path):
    values = values_for(manifest(channels=2, blocks=("Mixed_3b",)))
    values["global_step"] = np.int64(7)
    path = write(tmp_path / "model.ckpt", values, "Flow/inception_i3d/")
    chunk = np.random.default_rng(1).uniform(-1, 1, (7, 45, 38, 2)).astype(np.float32)
    model = i3d.build("Mixed_3b", (None, 45, 38, 2))
    i3d.restore(model, path, "Flow")
    layers = model.layers[1:]
    found = tf.keras.Model(model.input, [layer.output for layer in layers])(chunk[None])
    expected = reference.stem(chunk, values, "")
    expected["Mixed_3b"] = reference.mixed(
        expected["MaxPool3d_3a_3x3"], values, "Mixed_3b"
    )
    for layer, value in zip(layers, found, strict=True):
        assert expected[layer.name].std() > 0.1
        np.testing.assert_allclose(value[0], expected[layer.name], rtol=1e-4, atol=1e-4)


def test_odd_name_of_the_last_but_one_block_is_read(tmp_path):
    values = values_for(manifest(blocks=("Mixed_5b",)))
    block = i3d.Mixed(i3d.MIXED["Mixed_5b"], name="Mixed_5b")
    maps = np.random.default_rng(1).uniform(0, 1, (2, 3, 3, 832)).astype(np.float32)
    model = tf.keras.Sequential([tf.keras.Input(maps.shape), block])
    i3d.restore(model, write(tmp_path / "model.ckpt", values, ""), "RGB")
    expected = reference.mixed(maps, values, "Mixed_5b")
    np.testing.assert_allclose(model(maps[None])[0], expected, rtol=1e-4, atol=1e-4)


def test_scores_are_means_of_two_times_over_time(tmp_path):
    values = values_for(manifest(classes=5, blocks=()))
    maps = np.random.default_rng(1).uniform(0, 1, (3, 7, 7, 1024)).astype(np.float32)
    model = tf.keras.Sequential(
        [tf.keras.Input(maps.shape), i3d.Logits(5, name="Logits")]
    )
    i3d.restore(model, write(tmp_path / "model.ckpt", values, ""), "RGB")
    pooled = np.stack([maps[:2].mean((0, 1, 2)), maps[1:].mean((0, 1, 2))])
    kernel = values["Logits/Conv3d_0c_1x1/conv_3d/w"][0, 0, 0]
    scores = pooled @ kernel + values["Logits/Conv3d_0c_1x1/conv_3d/b"]
    np.testing.assert_allclose(model(maps[None])[0], scores.mean(0), rtol=1e-4)


def test_missing_variable_is_named(tmp_path):
    values = values_for(manifest(blocks=()))
    del values["Conv3d_2b_1x1/batch_norm/moving_mean"]
    path = write(tmp_path / "model.ckpt", values, "RGB/inception_i3d/")
    expected = (
        r"does not fit I3D's RGB: it has no "
        r"RGB/inception_i3d/Conv3d_2b_1x1/batch_norm/moving_mean\."
    )
    with pytest.raises(WeightsError, match=expected):
        i3d.restore(i3d.build("Conv3d_2c_3x3", (16, 32, 32, 3)), path, "RGB")


def test_normalisation_with_gains_is_refused(tmp_path):
    values = values_for(manifest(blocks=()))
    values["Conv3d_2b_1x1/batch_norm/gamma"] = np.ones((1, 1, 1, 1, 64), np.float32)
    path = write(tmp_path / "model.ckpt", values, "RGB/inception_i3d/")
    expected = "which has no RGB/inception_i3d/Conv3d_2b_1x1/batch_norm/gamma"
    with pytest.raises(WeightsError, match=expected):
        i3d.restore(i3d.build("Conv3d_2c_3x3", (16, 32, 32, 3)), path, "RGB")


def test_other_streams_weights_are_refused(tmp_path):
    path = write(tmp_path / "model.ckpt", values_for(manifest(2, blocks=())), "")
    with pytest.raises(WeightsError, match=r"not \[7, 7, 7, 3, 64\]"):
        i3d.restore(i3d.build("Conv3d_1a_7x7", (16, 32, 32, 3)), path, "RGB")


# ------------------------------------------------------------------------ features


def small(**changes):
    """A feature of few cells."""
    shape = {"size": 32, "fit": ShortSide(side=36), "grid": (1, 1)}
    return FEATURE.replace(**{**shape, **changes})


def test_pixels_are_scaled_to_one(tmp_path):
    values = values_for(manifest(blocks=()))
    path = write(tmp_path / "model.ckpt", values, "RGB/inception_i3d/")
    feature = small(
        layer="Conv3d_1a_7x7", grid=(16, 16), map_times=8, width=512, weights=str(path)
    )
    chunks = np.random.default_rng(0).integers(0, 256, (2, 16, 32, 32, 3), np.uint8)
    (found,) = loading.load_chunks(feature)(chunks)
    assert found.shape == (2, 8, 16, 16, 64)
    expected = reference.unit(2 * (chunks[1] / 255) - 1, values, "Conv3d_1a_7x7", 2)
    np.testing.assert_allclose(found[1], expected, rtol=1e-4, atol=1e-4)


def test_flow_is_taken_as_it_is():
    stem = {"layer": "Conv3d_1a_7x7", "grid": (16, 16), "map_times": 8, "width": 512}
    feature = small(network="i3d_flow", input=FlowInput(), **stem)
    chunks = np.random.default_rng(0).uniform(-1, 1, (2, 16, 32, 32, 2))
    chunks = chunks.astype(np.float32)
    (found,) = loading.load_chunks(feature)(chunks)
    assert found.shape == (2, 8, 16, 16, 64)
    network = i3d.build(feature.layer, feature.input_shape)
    network.set_weights(
        i3d.FLOW.model(feature, i3d.FLOW.weights(feature)).get_weights()
    )
    np.testing.assert_allclose(found, network(chunks), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"input": FlowInput()}, "i3d_rgb sees pixels; received the input motion"),
        ({"network": "i3d_flow"}, "i3d_flow sees motion; received the input pixels"),
        (
            {"input": PixelInput(mean=MeanFile(weights="mean.npy"))},
            "i3d_rgb subtracts no mean",
        ),
        ({"layer": "Mixed_5d"}, "no endpoint named 'Mixed_5d'; there are Conv3d_1a"),
        ({"layer": "Logits"}, "needs 9 frames or more of 224 × 224; received 16 of 32"),
        ({"layer": "Logits", "size": 224, "chunk": 8}, "received 8 of 224 × 224"),
    ],
)
def test_feature_that_cannot_be_is_refused(changes, expected):
    feature = small(**{"fit": ShortSide(side=256), **changes})
    stream = registry.CHUNK_NETWORKS[feature.network]
    with pytest.raises(ConfigError, match=expected):
        stream.model(feature, stream.weights(feature))


def test_no_weights_come_with_it():
    with pytest.raises(WeightsError, match="set `weights` to the path of a checkpoint"):
        i3d.RGB.weights(FEATURE.replace(weights="builtin"))


# ------------------------------------------------------------- the published numbers

FOLDER = pathlib.Path(os.environ.get("KINESCRIBE_WEIGHTS", "."))
CRICKET = {
    stream: (
        FOLDER / f"{stream.lower()}_imagenet" / "model.ckpt",
        FOLDER / f"v_CricketShot_g04_c01_{stream.lower()}.npy",
    )
    for stream in ("RGB", "Flow")
}


@pytest.mark.slow
@pytest.mark.skipif(
    not all(sample.is_file() for _, sample in CRICKET.values()),
    reason="needs rgb_imagenet/, flow_imagenet/ and the samples of the kinetics-i3d "
    "project in $KINESCRIBE_WEIGHTS",
)
def test_cricket_clip_has_the_published_scores():
    scores = np.zeros(400)
    for stream, (checkpoint, sample) in CRICKET.items():
        chunk = np.load(sample)  # (1, 79, 224, 224, 3 or 2)
        model = i3d.build("Logits", chunk.shape[1:])
        i3d.restore(model, checkpoint, stream)
        scores += model(chunk)[0].numpy()
    assert np.linalg.norm(scores) == pytest.approx(138.468643, rel=1e-4)
    assert scores.max() == pytest.approx(41.8137, rel=1e-4)

"""GoogLeNet: its layers' shapes, TF-slim's checkpoint, and what it computes of it."""

import math

import numpy as np
import pytest
import tensorflow as tf

from tests.reference import googlenet as reference
from transform.backbones import googlenet, loading
from transform.common.config import ConfigError
from transform.common.weight_files import WeightsError
from transform.schema import FrameGrid

# Of 224 × 224, as TF-slim's own test has them (inception_v1_test.py).
PUBLISHED_SHAPES = {
    "Conv2d_1a_7x7": (112, 112, 64),
    "MaxPool_2a_3x3": (56, 56, 64),
    "Conv2d_2b_1x1": (56, 56, 64),
    "Conv2d_2c_3x3": (56, 56, 192),
    "MaxPool_3a_3x3": (28, 28, 192),
    "Mixed_3b": (28, 28, 256),
    "Mixed_3c": (28, 28, 480),
    "MaxPool_4a_3x3": (14, 14, 480),
    "Mixed_4b": (14, 14, 512),
    "Mixed_4c": (14, 14, 512),
    "Mixed_4d": (14, 14, 512),
    "Mixed_4e": (14, 14, 528),
    "Mixed_4f": (14, 14, 832),
    "MaxPool_5a_2x2": (7, 7, 832),
    "Mixed_5b": (7, 7, 832),
    "Mixed_5c": (7, 7, 1024),
    "AvgPool_0a_7x7": (1024,),
}
# Up to Mixed_5c, moving averages among them: the same test's count.
PUBLISHED_PARAMETERS = 5_607_184

# GoogLeNet's Table 1: 1×1, 3×3 reduce, 3×3, 5×5 reduce, 5×5, pool projection.
TABLE_1 = {
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
GRID = FrameGrid(
    name="googlenet",
    network="googlenet",
    layer="Mixed_5c",
    size=48,
    grid=(2, 2),
    width=1024,
    weights="random",
)


def manifest():
    """The public checkpoint's variables and their shapes."""
    kernels = {
        "Conv2d_1a_7x7": (7, 7, 3, 64),
        "Conv2d_2b_1x1": (1, 1, 64, 64),
        "Conv2d_2c_3x3": (3, 3, 64, 192),
    }
    for name, (inputs, one, in3, three, in5, five, pool) in TABLE_1.items():
        kernels[f"{name}/Branch_0/Conv2d_0a_1x1"] = (1, 1, inputs, one)
        kernels[f"{name}/Branch_1/Conv2d_0a_1x1"] = (1, 1, inputs, in3)
        kernels[f"{name}/Branch_1/Conv2d_0b_3x3"] = (3, 3, in3, three)
        kernels[f"{name}/Branch_2/Conv2d_0a_1x1"] = (1, 1, inputs, in5)
        letter = "a" if name == "Mixed_5b" else "b"
        kernels[f"{name}/Branch_2/Conv2d_0{letter}_3x3"] = (3, 3, in5, five)
        kernels[f"{name}/Branch_3/Conv2d_0b_1x1"] = (1, 1, inputs, pool)
    shapes = {}
    for scope, kernel in kernels.items():
        shapes[f"InceptionV1/{scope}/weights"] = kernel
        for part in ("beta", "moving_mean", "moving_variance"):
            shapes[f"InceptionV1/{scope}/BatchNorm/{part}"] = kernel[-1:]
    return shapes


CLASSIFIER = {
    "InceptionV1/Logits/Conv2d_0c_1x1/weights": (1, 1, 1024, 1001),
    "InceptionV1/Logits/Conv2d_0c_1x1/biases": (1001,),
    "global_step": (),
}


def random_values(shapes):
    generator = np.random.default_rng(0)
    values = {}
    for name, shape in shapes.items():
        if name.endswith("variance"):
            value = generator.uniform(0.2, 2.0, shape)
        elif name.endswith("weights"):
            fan_in = math.prod(shape[:-1])
            value = generator.normal(scale=(2 / fan_in) ** 0.5, size=shape)
        else:
            value = generator.normal(scale=0.3, size=shape)
        values[name] = value.astype(np.float32)
    return values


def write(path, values):
    tf.raw_ops.SaveV2(
        prefix=str(path),
        tensor_names=list(values),
        shape_and_slices=[""] * len(values),
        tensors=list(values.values()),
    )
    return path


@pytest.fixture(scope="module")
def variables():
    return random_values({**manifest(), **CLASSIFIER})


@pytest.fixture(scope="module")
def checkpoint(variables, tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "inception_v1.ckpt"
    return write(path, variables)


# ----------------------------------------------------------------- architecture


def test_layers_have_the_published_shapes_and_weights():
    network = googlenet.build()
    assert tuple(googlenet.LAYERS) == tuple(PUBLISHED_SHAPES)
    for name, shape in PUBLISHED_SHAPES.items():
        assert network.get_layer(name).output_shape[1:] == shape
    assert network.count_params() == PUBLISHED_PARAMETERS
    assert sum(map(math.prod, manifest().values())) == PUBLISHED_PARAMETERS


def test_unknown_layer_is_answered_with_the_known_ones():
    with pytest.raises(ConfigError, match=r"'Mixed_6a'; there are Conv2d_1a_7x7, "):
        googlenet.build("Mixed_6a")


# ---------------------------------------------------------------------- weights


def test_features_equal_an_independent_forward_pass(checkpoint, variables):
    frames = np.random.default_rng(1).integers(0, 256, (2, 48, 48, 3), np.uint8)
    feature = GRID.replace(weights=str(checkpoint))
    (maps,) = loading.load(feature)(frames)
    expected = [reference.forward(frame, variables) for frame in frames]
    np.testing.assert_allclose(maps, expected, rtol=1e-4, atol=1e-4)
    vector = feature.replace(layer="AvgPool_0a_7x7", grid=())
    (pooled,) = loading.load(vector)(frames)
    average = np.mean(expected, axis=(1, 2))
    np.testing.assert_allclose(pooled, average, rtol=1e-4, atol=1e-4)


def test_whole_checkpoint_fills_a_part_of_the_network(checkpoint, variables):
    part = googlenet.build("Mixed_3b", size=32)
    googlenet.restore(part, checkpoint)
    name = "Mixed_3b/Branch_1/Conv2d_0b_3x3"
    np.testing.assert_array_equal(
        part.get_layer(name).get_weights()[0],
        variables[f"InceptionV1/{name}/weights"],
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"InceptionV1/Mixed_5b/Branch_2/Conv2d_0a_3x3/weights": None},
            r"it has no InceptionV1/Mixed_5b/Branch_2/Conv2d_0a_3x3/weights\.",
        ),
        (
            {"InceptionV1/Conv2d_2b_1x1/BatchNorm/beta": np.zeros(65, np.float32)},
            r"its .*/Conv2d_2b_1x1/BatchNorm/beta has shape \[65\], not \[64\]",
        ),
        (
            {"InceptionV1/Mixed_5d/gamma": np.zeros(2, np.float32)},
            r"googlenet, which has no InceptionV1/Mixed_5d/gamma\.",
        ),
    ],
)
def test_checkpoint_that_does_not_fit_is_refused(variables, tmp_path, change, message):
    changed = {**variables, **change}
    values = {name: value for name, value in changed.items() if value is not None}
    path = write(tmp_path / "model.ckpt", values)
    network = googlenet.build(size=32)
    with pytest.raises(WeightsError, match=rf"model\.ckpt does not fit.*{message}"):
        googlenet.restore(network, path)


def test_weights_must_be_named():
    with pytest.raises(WeightsError, match=r"path of TF-slim's inception_v1\.ckpt\."):
        loading.load(GRID.replace(weights="builtin"))

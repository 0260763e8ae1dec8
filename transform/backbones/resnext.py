"""ResNeXt-101 32×8d (Xie et al., CVPR 2017), as torchvision has it.

The weights are torchvision's `resnext101_32x8d` files (.pth), trained on ImageNet. Of a
block, the 3 × 3 convolution has the groups and the stride (Fig. 3c); padding is the
same on all sides, unlike TensorFlow's SAME, which begins a cell later where the stride
is 2.

Preprocessing is torchvision's: RGB in 0…1, less ImageNet's mean, by its deviation.
"""

from __future__ import annotations

import pathlib
import re
from typing import NamedTuple

import tensorflow as tf

from transform.backbones import torch_layers
from transform.backbones.formats.torch_file import StateDict
from transform.backbones.outputs import deepest, with_outputs
from transform.backbones.weight_reader import WeightReader
from transform.common import weight_files
from transform.common.config import ConfigError
from transform.common.weight_files import WeightsFile
from transform.schema import FrameGrid

EPSILON = 1e-5


class ResNeXt(NamedTuple):
    """Entry of `registry.NETWORKS`, and the numbers that it is built from.

    Its layers are `layer1` to `layer4`, behind their last rectifiers, and `avgpool`.
    """

    name: str
    blocks: tuple[int, ...]  # of layer1, layer2, …
    groups: int
    group_width: int  # in layer1; twice as wide in each further layer
    stem: int = 64

    @property
    def layers(self) -> tuple[str, ...]:
        """The names of the layers that features can be made of."""
        return *(f"layer{n + 1}" for n in range(len(self.blocks))), "avgpool"

    def build(self, layer: str = "avgpool", size: int = 224) -> tf.keras.Model:
        """Builds the network up to a layer, with Keras' initial values.

        Args:
            layer: one of `layers`.
            size: of the square frames.

        Returns:
            A model from (N, size, size, 3) RGB in 0…255 to the layer's (N, rows,
            columns, width), or to (N, width) for the average.

        Raises:
            ConfigError: There is no such layer.
        """
        if layer not in self.layers:
            raise ConfigError(
                f"{self.name} has no layer named {layer!r}; there are "
                f"{', '.join(self.layers)}."
            )
        frames = tf.keras.Input((size, size, 3), name="frames")
        x = tf.keras.layers.ZeroPadding2D(3)(torch_layers.standardised(frames))
        x = _convolution(x, self.stem, 7, "conv1", stride=2)
        x = tf.keras.layers.ReLU()(_normalised(x, "bn1"))
        # Behind a rectifier, a border of zeros changes no maximum.
        x = tf.keras.layers.ZeroPadding2D(1)(x)
        x = tf.keras.layers.MaxPooling2D(3, 2, name="maxpool")(x)
        for stage, blocks in enumerate(self.blocks):
            name = f"layer{stage + 1}"
            for block in range(blocks):
                stride = 2 if stage and not block else 1
                x = self._block(x, f"{name}.{block}", stage, stride)
            if name == layer:
                return tf.keras.Model(frames, x, name=self.name)
        x = tf.keras.layers.GlobalAveragePooling2D(name="avgpool")(x)
        return tf.keras.Model(frames, x, name=self.name)

    def _block(self, maps: tf.Tensor, name: str, stage: int, stride: int) -> tf.Tensor:
        inner = self.groups * self.group_width * 2**stage
        outer = 4 * self.stem * 2**stage
        shortcut = maps
        if name.endswith(".0"):
            shortcut = _convolution(
                maps, outer, 1, f"{name}.downsample.0", stride=stride
            )
            shortcut = _normalised(shortcut, f"{name}.downsample.1")
        x = _convolution(maps, inner, 1, f"{name}.conv1")
        x = tf.keras.layers.ReLU()(_normalised(x, f"{name}.bn1"))
        x = tf.keras.layers.ZeroPadding2D(1)(x)
        x = _convolution(
            x, inner, 3, f"{name}.conv2", stride=stride, groups=self.groups
        )
        x = tf.keras.layers.ReLU()(_normalised(x, f"{name}.bn2"))
        x = _normalised(_convolution(x, outer, 1, f"{name}.conv3"), f"{name}.bn3")
        x = tf.keras.layers.Add()([x, shortcut])
        return tf.keras.layers.ReLU(name=name)(x)

    def restore(self, model: tf.keras.Model, path: pathlib.Path) -> None:
        """Fills a model of `build` from torchvision's file.

        Raises:
            WeightsError: It is no file of PyTorch, a weight is missing in it or of
                another shape, or it has some that are not this network's.
        """
        tensors = WeightReader(StateDict(path), path, self.name)
        for layer in model.layers:
            if isinstance(layer, tf.keras.layers.Conv2D):
                shape = layer.kernel.shape
                layer.set_weights([torch_layers.kernel(tensors, layer.name, shape)])
            elif isinstance(layer, tf.keras.layers.BatchNormalization):
                (width,) = layer.gamma.shape
                layer.set_weights(
                    torch_layers.normalisation(tensors, layer.name, width)
                )
        built = {layer.name.partition(".")[0] for layer in model.layers}
        behind = "|".join(["fc", *(set(self.layers) - built)])
        known = re.compile(rf"{torch_layers.COUNTERS}|({behind})\..*")
        tensors.check_all_used(known)

    def weights(self, feature: FrameGrid) -> WeightsFile:
        """Finds the weights; `random` draws them for tests, else it is a path."""
        return weight_files.given(feature, self.name, "torchvision's .pth file")

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
        return with_outputs(model, *(self._output(each.layer) for each in features))

    def _output(self, layer: str) -> str:
        """Returns Keras' name of the last step of one of `layers`."""
        stages = dict(zip(self.layers, self.blocks, strict=False))
        return f"{layer}.{stages[layer] - 1}" if layer in stages else layer


def _convolution(
    maps: tf.Tensor,
    width: int,
    kernel: int,
    name: str,
    stride: int = 1,
    groups: int = 1,
) -> tf.Tensor:
    return tf.keras.layers.Conv2D(
        width, kernel, strides=stride, groups=groups, use_bias=False, name=name
    )(maps)


def _normalised(maps: tf.Tensor, name: str) -> tf.Tensor:
    return tf.keras.layers.BatchNormalization(epsilon=EPSILON, name=name)(maps)


RESNEXT101 = ResNeXt("resnext101", blocks=(3, 4, 23, 3), groups=32, group_width=8)

"""GoogLeNet (Szegedy et al., CVPR 2015), as TF-slim's `inception_v1`.

The weights are TF-slim's `inception_v1.ckpt`, a checkpoint of TensorFlow 1, trained on
ImageNet. Convolutions have batch normalisation without a scale, ε = 0.001, and SAME
padding.

Preprocessing is TF-slim's: RGB scaled to [−1, 1].
"""

from __future__ import annotations

import pathlib
import re
from collections.abc import Mapping
from typing import NamedTuple, Protocol

import tensorflow as tf

from transform.backbones.formats import tf_checkpoint
from transform.backbones.outputs import deepest, with_outputs
from transform.backbones.weight_reader import WeightReader
from transform.common import weight_files
from transform.common.config import ConfigError
from transform.common.weight_files import WeightsFile
from transform.schema import FrameGrid

NAME = "googlenet"
SCOPE = "InceptionV1"  # of the checkpoint's variables
EPSILON = 1e-3


class Layer(Protocol):
    """Interface of a layer: maps (N, rows, columns, width) to maps."""

    def __call__(self, maps: tf.Tensor, name: str) -> tf.Tensor:
        """Applies the layer; `name` is its scope in the checkpoint."""
        ...


class Convolution(NamedTuple):
    """A convolution, its normalisation and a rectifier."""

    width: int
    kernel: int
    stride: int = 1

    def __call__(self, maps: tf.Tensor, name: str) -> tf.Tensor:
        maps = tf.keras.layers.Conv2D(
            self.width,
            self.kernel,
            strides=self.stride,
            padding="same",
            use_bias=False,
            name=name,
        )(maps)
        maps = tf.keras.layers.BatchNormalization(
            epsilon=EPSILON, scale=False, name=f"{name}/BatchNorm"
        )(maps)
        return tf.keras.layers.ReLU(name=f"{name}/Relu")(maps)


class MaxPool(NamedTuple):
    """Max pooling that halves the rows and columns."""

    window: int

    def __call__(self, maps: tf.Tensor, name: str) -> tf.Tensor:
        return tf.keras.layers.MaxPooling2D(self.window, 2, padding="same", name=name)(
            maps
        )


class Mixed(NamedTuple):
    """An inception module (Fig. 2b): four branches, their widths side by side."""

    point: int  # 1 × 1
    three: tuple[int, int]  # 1 × 1, then 3 × 3
    five: tuple[int, int]  # 1 × 1, then the paper's 5 × 5, which TF-slim made 3 × 3
    pool: int  # 3 × 3 maximum, then 1 × 1
    five_name: str = "Conv2d_0b_3x3"

    def __call__(self, maps: tf.Tensor, name: str) -> tf.Tensor:
        def convolve(
            maps: tf.Tensor, width: int, kernel: int, branch: str
        ) -> tf.Tensor:
            return Convolution(width, kernel)(maps, f"{name}/{branch}")

        point = convolve(maps, self.point, 1, "Branch_0/Conv2d_0a_1x1")
        three = convolve(maps, self.three[0], 1, "Branch_1/Conv2d_0a_1x1")
        three = convolve(three, self.three[1], 3, "Branch_1/Conv2d_0b_3x3")
        five = convolve(maps, self.five[0], 1, "Branch_2/Conv2d_0a_1x1")
        five = convolve(five, self.five[1], 3, f"Branch_2/{self.five_name}")
        pool = tf.keras.layers.MaxPooling2D(
            3, 1, padding="same", name=f"{name}/Branch_3/MaxPool_0a_3x3"
        )(maps)
        pool = convolve(pool, self.pool, 1, "Branch_3/Conv2d_0b_1x1")
        return tf.keras.layers.Concatenate(name=name)([point, three, five, pool])


class Average(NamedTuple):
    """Global average; TF-slim's window of 7 × 7 covers all cells at 224."""

    def __call__(self, maps: tf.Tensor, name: str) -> tf.Tensor:
        return tf.keras.layers.GlobalAveragePooling2D(name=name)(maps)


LAYERS: Mapping[str, Layer] = {
    "Conv2d_1a_7x7": Convolution(64, kernel=7, stride=2),
    "MaxPool_2a_3x3": MaxPool(3),
    "Conv2d_2b_1x1": Convolution(64, kernel=1),
    "Conv2d_2c_3x3": Convolution(192, kernel=3),
    "MaxPool_3a_3x3": MaxPool(3),
    "Mixed_3b": Mixed(64, (96, 128), (16, 32), 32),
    "Mixed_3c": Mixed(128, (128, 192), (32, 96), 64),
    "MaxPool_4a_3x3": MaxPool(3),
    "Mixed_4b": Mixed(192, (96, 208), (16, 48), 64),
    "Mixed_4c": Mixed(160, (112, 224), (24, 64), 64),
    "Mixed_4d": Mixed(128, (128, 256), (24, 64), 64),
    "Mixed_4e": Mixed(112, (144, 288), (32, 64), 64),
    "Mixed_4f": Mixed(256, (160, 320), (32, 128), 128),
    "MaxPool_5a_2x2": MaxPool(2),
    # A slip in TF-slim's naming that its checkpoint keeps.
    "Mixed_5b": Mixed(256, (160, 320), (32, 128), 128, five_name="Conv2d_0a_3x3"),
    "Mixed_5c": Mixed(384, (192, 384), (48, 128), 128),
    "AvgPool_0a_7x7": Average(),
}


def build(layer: str = "AvgPool_0a_7x7", size: int = 224) -> tf.keras.Model:
    """Builds the network up to one of `LAYERS`, with Keras' initial values.

    Args:
        layer: convolutions are behind their rectifiers.
        size: of the square frames.

    Returns:
        A model from (N, size, size, 3) RGB in 0…255 to the layer's (N, rows, columns,
        width), or to (N, 1024) for the average.

    Raises:
        ConfigError: There is no such layer.
    """
    if layer not in LAYERS:
        raise ConfigError(
            f"{NAME} has no layer named {layer!r}; there are {', '.join(LAYERS)}."
        )
    frames = tf.keras.Input((size, size, 3), name="frames")
    x = tf.keras.layers.Rescaling(1 / 127.5, offset=-1.0, name="rescale")(frames)
    for name, step in LAYERS.items():
        x = step(x, name)
        if name == layer:
            break
    return tf.keras.Model(frames, x, name=NAME)


def restore(model: tf.keras.Model, path: pathlib.Path) -> None:
    """Fills a model of `build` from TF-slim's checkpoint.

    Raises:
        WeightsError: It is no checkpoint, a weight is missing in it or of another
            shape, or it has some that are not GoogLeNet's.
    """
    tensors = WeightReader(tf_checkpoint.Checkpoint(path), path, NAME)
    for layer in model.layers:
        parts = (
            ("weights",)
            if isinstance(layer, tf.keras.layers.Conv2D)
            else ("beta", "moving_mean", "moving_variance")
        )
        if layer.weights:
            layer.set_weights(
                [
                    tensors.read(f"{SCOPE}/{layer.name}/{part}", weight.shape)
                    for part, weight in zip(parts, layer.weights, strict=True)
                ]
            )
    built = {layer.name.partition("/")[0] for layer in model.layers}
    scopes = "|".join(["Logits", *(LAYERS.keys() - built)])
    tensors.check_all_used(re.compile(rf"global_step|{SCOPE}/({scopes})/.*"))


class _GoogLeNet:
    """Entry of `registry.NETWORKS` for GoogLeNet."""

    @property
    def layers(self) -> tuple[str, ...]:
        """The names of the layers that features can be made of."""
        return tuple(LAYERS)

    def weights(self, feature: FrameGrid) -> WeightsFile:
        """Finds the weights; `random` draws them for tests, else it is a path."""
        return weight_files.given(
            feature, NAME, "TF-slim's inception_v1.ckpt", tf_checkpoint.find
        )

    def model(
        self, feature: FrameGrid, weights: WeightsFile, *other_features: FrameGrid
    ) -> tf.keras.Model:
        """Builds the network up to the features' layers and loads its weights."""
        features = (feature, *other_features)
        last = deepest(features, tuple(LAYERS))
        model = build(last.layer, last.size)
        if weights.path is None:
            weight_files.fill_at_random(model, NAME)
        else:
            restore(model, weights.path)
        return with_outputs(model, *(_output(each.layer) for each in features))


def _output(layer: str) -> str:
    """Returns Keras' name of the last step of one of `LAYERS`."""
    return f"{layer}/Relu" if isinstance(LAYERS[layer], Convolution) else layer


GOOGLENET = _GoogLeNet()

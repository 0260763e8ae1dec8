"""`tiny`: a small network for the moving world, whose weights come with the package.

Seven convolutions, 131,000 weights, trained to name the shape, colour, texture, size
and place of whatever covers a cell of its map; `python -m
tools.pretrain_tiny` makes them anew.
"""

from __future__ import annotations

import pathlib
from collections.abc import Mapping
from typing import NamedTuple

import tensorflow as tf

from transform.backbones import builtin_weights
from transform.backbones.outputs import deepest, with_outputs
from transform.common import weight_files
from transform.common.config import ConfigError
from transform.common.weight_files import WeightsFile
from transform.schema import FrameGrid

SIZE = 112
BUILTIN = pathlib.Path(__file__).with_name("tiny.npz")


class Block(NamedTuple):
    """A convolution with a bias and a rectifier behind it."""

    name: str
    width: int
    kernel: int
    stride: int


BLOCKS = (
    Block("block1", 16, 5, 2),
    Block("block2", 32, 3, 2),
    Block("fine", 32, 3, 1),
    Block("block4", 48, 3, 2),
    Block("middle", 64, 3, 1),
    Block("block6", 64, 3, 2),
    Block("grid", 64, 3, 1),
)

LAYERS: Mapping[str, tuple[int, int, int]] = {  # rows, columns, width at SIZE
    "fine": (28, 28, 32),
    "middle": (14, 14, 64),
    "grid": (7, 7, 64),
}


def build(
    layer: str = "grid", size: int = SIZE, weights: pathlib.Path | None = BUILTIN
) -> tf.keras.Model:
    """Builds the network up to one of `LAYERS`.

    Args:
        layer: a key of `LAYERS`.
        size: of the square frames; a multiple of 16.
        weights: an .npz file as `builtin_weights.save` writes it; None leaves Keras'
            initial values.

    Returns:
        A model from (N, size, size, 3) RGB in 0…255 to the layer's (N, rows, columns,
        width) map, float32 and not negative.
    """
    if layer not in LAYERS or size % 16:
        raise ConfigError(
            f"tiny has the layers {', '.join(LAYERS)} for sizes that are multiples of "
            f"16; received layer {layer} and size {size}."
        )
    frames = tf.keras.Input((size, size, 3), name="frames")
    x = tf.keras.layers.Rescaling(1 / 127.5, offset=-1.0, name="rescale")(frames)
    for block in BLOCKS:
        x = tf.keras.layers.Conv2D(
            block.width,
            block.kernel,
            strides=block.stride,
            padding="same",
            activation="relu",
            name=block.name,
        )(x)
        if block.name == layer:
            break
    model = tf.keras.Model(frames, x, name="tiny")
    if weights is not None:
        builtin_weights.restore(model, weights, "tiny", "tools.pretrain_tiny")
    return model


class _Tiny:
    """Entry of `registry.NETWORKS` for the tiny network."""

    @property
    def layers(self) -> tuple[str, ...]:
        """The names of the layers that features can be made of."""
        return tuple(LAYERS)

    def weights(self, feature: FrameGrid) -> WeightsFile:
        """Finds the weights: `builtin` ones, `random` ones for tests, or a path."""
        return builtin_weights.find(feature, "tiny", BUILTIN)

    def model(
        self, feature: FrameGrid, weights: WeightsFile, *other_features: FrameGrid
    ) -> tf.keras.Model:
        """Builds the network up to the features' layers and loads its weights."""
        features = (feature, *other_features)
        last = deepest(features, tuple(LAYERS))
        model = build(last.layer, last.size, weights.path)
        if weights.path is None:
            weight_files.fill_at_random(model, "tiny")
        return with_outputs(model, *(each.layer for each in features))


TINY = _Tiny()

"""`tiny`: a small network for the moving world, whose weights come with the package.

Seven convolutions, 131,000 weights, trained to name the shape, colour, texture, size
and place of whatever covers a cell of its map; `python -m
tools.pretrain_tiny` makes them anew.
"""

from __future__ import annotations

import pathlib
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from transform.backbones.outputs import deepest, with_outputs
from transform.common import weight_files
from transform.common.config import ConfigError
from transform.common.weight_files import WeightsError, WeightsFile
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
        weights: an .npz file as `save` writes it; None leaves Keras' initial values.

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
        _restore(model, weights)
    return model


def save(values: Mapping[str, np.ndarray], path: pathlib.Path) -> None:
    """Writes `<block>/kernel` and `<block>/bias` as float16, always the same bytes."""
    halves = {name: values[name].astype(np.float16) for name in sorted(values)}
    with path.open("wb") as file:
        np.savez(file, **halves)


def _restore(model: tf.keras.Model, path: pathlib.Path) -> None:
    try:
        with np.load(path) as file:
            for layer in model.layers:
                if layer.weights:
                    layer.set_weights(
                        [
                            file[f"{layer.name}/{part}"].astype(np.float32)
                            for part in ("kernel", "bias")
                        ]
                    )
    except (OSError, ValueError, KeyError) as error:
        raise WeightsError(
            f"{path} does not hold the weights of tiny ({error}); make them with "
            "`python -m tools.pretrain_tiny`."
        ) from error


class _Tiny:
    """Entry of `registry.NETWORKS` for the tiny network."""

    def weights(self, feature: FrameGrid) -> WeightsFile:
        """Finds the weights: `builtin` ones, `random` ones for tests, or a path."""
        if feature.weights == weight_files.RANDOM:
            return WeightsFile(None, weight_files.RANDOM)
        if feature.weights == "builtin":
            path = BUILTIN
        else:
            path = weight_files.find(feature.weights, "tiny")
        return WeightsFile(path, weight_files.file_sha256(path))

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

"""`tiny3d`: a small C3D for the moving world, whose weights come with the package.

Five convolutions and two fully connected layers, laid out as C3D's (Tran et al., 2015):
pool1 halves space alone, pool2 … pool5 halve time and space, so that maps of one clip
have the proportions 8 : 4 : 2 : 1 that dualAFR aligns. It was trained to name what the
things that a cell covers look like and how they move; `python -m tools.pretrain_tiny3d`
makes the weights anew, for pixels (`tiny3d`) and for optical flow (`tiny3d_flow`).
"""

from __future__ import annotations

import pathlib
from collections.abc import Iterator
from typing import NamedTuple

import tensorflow as tf

from transform.backbones import builtin_weights
from transform.backbones.outputs import deepest, with_outputs
from transform.common import weight_files
from transform.common.config import ConfigError
from transform.common.weight_files import WeightsFile
from transform.schema import ChunkGrid

SIZE = 64
CHUNK = 16  # frames of a chunk that the fully connected layers describe
HIDDEN = 128  # width of fc6 and fc7
MAP_BEFORE_FC = (1, 2, 2)  # times, rows, columns of pool5 that fc6 was made for
_TOOL = "tools.pretrain_tiny3d"


class Stage(NamedTuple):
    """A convolution, and the window of the pooling behind it."""

    convolution: str
    width: int
    pool: str
    window: tuple[int, int, int]  # times, rows, columns


STAGES = (
    Stage("conv1", 8, "pool1", (1, 2, 2)),
    Stage("conv2", 16, "pool2", (2, 2, 2)),
    Stage("conv3", 32, "pool3", (2, 2, 2)),
    Stage("conv4", 64, "pool4", (2, 2, 2)),
    Stage("conv5", 64, "pool5", (2, 2, 2)),
)
LAYERS = (*(stage.pool for stage in STAGES), "fc6", "fc7")


def build(
    layer: str = "fc7",
    input_shape: tuple[int | None, int, int, int] = (CHUNK, SIZE, SIZE, 3),
    weights: pathlib.Path | None = None,
) -> tf.keras.Model:
    """Builds the network up to one of `LAYERS`.

    Args:
        layer: fc6 and fc7 are behind their rectifiers.
        input_shape: (frames, size, size, channels) of a chunk, with a size that is a
            multiple of 32 and None frames for any multiple of 16.
        weights: an .npz file of as many channels; None leaves Keras' initial values.

    Returns:
        A model from (B, *input_shape), RGB in 0…255 or flow in [−1, 1], to the layer's
        (B, T', rows, columns, width), or to (B, width) behind pool5.

    Raises:
        ConfigError: There is no such layer, or it cannot be had for such chunks.
    """
    frames, size, _, channels = input_shape
    if layer not in LAYERS or size % 32 or (frames or CHUNK) % CHUNK:
        raise ConfigError(
            f"tiny3d has the layers {', '.join(LAYERS)} for multiples of {CHUNK} "
            "frames, and sizes that are multiples of 32; received layer "
            f"{layer}, {frames} frames and size {size}."
        )
    chunks = x = tf.keras.Input(input_shape, name="frames")
    for part in _parts(channels):
        if part.name == "flatten" and tuple(x.shape[1:4]) != MAP_BEFORE_FC:
            raise ConfigError(
                f"layer {layer} of tiny3d needs chunks of {CHUNK} frames of {SIZE} × "
                f"{SIZE}; received {frames or 'any number of'} frames of {size} × "
                f"{size}."
            )
        x = part(x)
        if part.name == layer:
            break
    model = tf.keras.Model(chunks, x, name="tiny3d")
    if weights is not None:
        builtin_weights.restore(model, weights, "tiny3d", _TOOL)
    return model


def _parts(channels: int) -> Iterator[tf.keras.layers.Layer]:
    keras = tf.keras.layers
    if channels == 3:
        yield keras.Rescaling(1 / 127.5, offset=-1.0, name="rescale")
    for stage in STAGES:
        yield keras.Conv3D(
            stage.width, 3, padding="same", activation="relu", name=stage.convolution
        )
        yield keras.MaxPooling3D(stage.window, name=stage.pool)
    yield keras.Flatten(name="flatten")
    yield keras.Dense(HIDDEN, activation="relu", name="fc6")
    yield keras.Dense(HIDDEN, activation="relu", name="fc7")


class BuiltInChunkNetwork(NamedTuple):
    """Entry of `registry.CHUNK_NETWORKS` for one kind of input.

    Args:
        name: in the registry, and of the weight file in the package.
        channels: of the input, 3 for pixels and 2 for flow.
    """

    name: str
    channels: int

    @property
    def builtin(self) -> pathlib.Path:
        """The weight file that comes with the package."""
        return pathlib.Path(__file__).with_name(f"{self.name}.npz")

    @property
    def layers(self) -> tuple[str, ...]:
        """The names of the layers that features can be made of."""
        return LAYERS

    def weights(self, feature: ChunkGrid) -> WeightsFile:
        """Finds the weights: `builtin` ones, `random` ones for tests, or a path."""
        return builtin_weights.find(feature, self.name, self.builtin)

    def model(
        self, feature: ChunkGrid, weights: WeightsFile, *other_features: ChunkGrid
    ) -> tf.keras.Model:
        """Builds the network up to the features' layers and loads its weights.

        Raises:
            ConfigError: The feature's input is not the network's.
        """
        if feature.input.channels != self.channels:
            raise ConfigError(
                f"feature {feature.name}: {self.name} sees inputs of {self.channels} "
                f"channels, but input {feature.input.kind} has "
                f"{feature.input.channels}; name tiny3d for pixels and tiny3d_flow for "
                "motion."
            )
        features = (feature, *other_features)
        last = deepest(features, LAYERS)
        model = build(last.layer, last.input_shape, weights.path)
        if weights.path is None:
            weight_files.fill_at_random(model, self.name)
        return with_outputs(model, *(each.layer for each in features))


PIXELS = BuiltInChunkNetwork("tiny3d", 3)
FLOW = BuiltInChunkNetwork("tiny3d_flow", 2)

"""C3D (Tran et al., ICCV 2015), trained on Sports-1M.

The weights are the authors' `conv3d_deepnetA_sport1m_iter_1900000` of the C3D project,
a file of its fork of Caffe, or the Keras port of it for TensorFlow's order of axes,
`sports1M_weights_tf.h5`.

Preprocessing: frames resized to 128 × 171 and the middle 112 × 112 of them, blue, green
and red, less the mean of Sports-1M: a cube of 16 frames that the project publishes as
`sport1m_train16_128_mean.binaryproto` and the Keras ports as an .npy file. Without that
file, what is subtracted is the cube's mean for each colour.

Notes:
    All pooling rounds up, as Caffe's does: what is left over at the bottom, the right
    and the end is a window of its own. Of 7 × 7 cells pool5 so makes 4 × 4 with windows
    that begin at 0, 2, 4 and 6. Ports that pad by zeros on every side shift them by a
    cell, which is not what the weights were trained with.
"""

from __future__ import annotations

import pathlib
import re
from collections.abc import Container, Iterator, Mapping
from typing import Any, NamedTuple

import h5py
import numpy as np
import tensorflow as tf

from transform.backbones.formats import caffemodel
from transform.backbones.formats.keras_h5 import KerasWeights
from transform.backbones.outputs import deepest, with_outputs
from transform.backbones.weight_reader import WeightReader
from transform.common import weight_files
from transform.common.config import ConfigError
from transform.common.weight_files import WeightsError, WeightsFile
from transform.schema import CentreCrop, ChunkGrid, MeanFile, PixelInput, WholeClip

NAME = "c3d"
MEAN = (90.25, 97.66, 101.41)  # blue, green, red: of Sports-1M's mean cube
MAP_BEFORE_FC = (1, 4, 4)  # times, rows, columns of pool5 that fc6 was made for


_KERAS_NAMES = re.compile(r"(conv[12]|conv[345][ab]|fc[678])/(kernel|bias|\w+_[Wb])")
_CAFFE_NAMES = re.compile(r"(conv[12]a|conv[345][ab]|fc[678](-1)?)'s (kernel|bias)")


class Group(NamedTuple):
    """A group of convolutions, and the window of the pooling behind them."""

    convolutions: tuple[str, ...]
    pool: str
    window: tuple[int, int, int]  # times, rows, columns


GROUPS = (
    Group(("conv1a",), "pool1", (1, 2, 2)),
    Group(("conv2a",), "pool2", (2, 2, 2)),
    Group(("conv3a", "conv3b"), "pool3", (2, 2, 2)),
    Group(("conv4a", "conv4b"), "pool4", (2, 2, 2)),
    Group(("conv5a", "conv5b"), "pool5", (2, 2, 2)),
)
LAYERS = (
    *(name for group in GROUPS for name in (*group.convolutions, group.pool)),
    *("fc6", "fc7", "fc8", "prob"),
)


class Widths(NamedTuple):
    """The widths of the layers; the published network has the defaults."""

    groups: tuple[int, ...] = (64, 128, 256, 512, 512)
    hidden: int = 4096  # fc6 and fc7
    classes: int = 487  # fc8


PUBLISHED = Widths()


class SubtractMean(tf.keras.layers.Layer):
    """Turns RGB into blue, green and red, and subtracts their means.

    Args:
        mean: what to subtract, in the order blue, green, red: (3,), or for chunks of
            `chunk` frames (chunk, size, size, 3).

    Call arguments:
        frames: (B, T, size, size, 3) RGB in 0…255.
    """

    def __init__(self, mean: np.ndarray, **kwargs: Any):
        super().__init__(dtype="float32", **kwargs)  # in whatever the rest computes
        self._mean = tf.constant(mean, tf.float32)

    def call(self, frames: tf.Tensor) -> tf.Tensor:
        return tf.reverse(frames, axis=[-1]) - self._mean


def build(
    layer: str = "prob",
    input_shape: tuple[int | None, int, int, int] = (16, 112, 112, 3),
    mean: np.ndarray | tuple[float, ...] = MEAN,
    widths: Widths = PUBLISHED,
) -> tf.keras.Model:
    """Builds the network up to one of `LAYERS`, with Keras' initial values.

    Args:
        layer: convolutions and fc6 and fc7 are behind their rectifiers.
        input_shape: of a chunk; None frames for any number.
        mean: see `SubtractMean`.
        widths: of its layers.

    Returns:
        A model from (B, *input_shape) RGB in 0…255 to the layer's (B, T', rows,
        columns, width), or to (B, width) behind pool5.

    Raises:
        ConfigError: There is no such layer, or it cannot be had for such chunks.
    """
    if layer not in LAYERS:
        raise ConfigError(
            f"{NAME} has no layer named {layer!r}; there are {', '.join(LAYERS)}."
        )
    frames = x = tf.keras.Input(input_shape, name="frames")
    for part in _parts(mean, widths):
        if part.name == "flatten" and tuple(x.shape[1:4]) != MAP_BEFORE_FC:
            raise ConfigError(
                f"layer {layer} of {NAME} needs chunks of 16 frames of 112 × 112; "
                f"received {input_shape[0] or 'any number of'} frames of "
                f"{input_shape[1]} × {input_shape[2]}."
            )
        x = part(x)
        if part.name == layer:
            break
    return tf.keras.Model(frames, x, name=NAME)


def _parts(
    mean: np.ndarray | tuple[float, ...], widths: Widths
) -> Iterator[tf.keras.layers.Layer]:
    keras = tf.keras.layers
    yield SubtractMean(np.asarray(mean, np.float32), name="subtract_mean")
    for group, width in zip(GROUPS, widths.groups, strict=True):
        for name in group.convolutions:
            yield keras.Conv3D(width, 3, padding="same", activation="relu", name=name)
        yield keras.MaxPooling3D(group.window, padding="same", name=group.pool)
    yield keras.Flatten(name="flatten")
    yield keras.Dense(widths.hidden, activation="relu", name="fc6")
    yield keras.Dense(widths.hidden, activation="relu", name="fc7")
    yield keras.Dense(widths.classes, name="fc8")
    yield keras.Softmax(name="prob")


# ---------------------------------------------------------------------- weights


def restore(model: tf.keras.Model, path: pathlib.Path) -> None:
    """Fills a model of `build` from one of the public files.

    Raises:
        WeightsError: The file is of neither kind; or a weight is missing in it, of
            another shape, or none of this network.
    """
    if h5py.is_hdf5(path):
        with KerasWeights(path, NAME) as tensors:
            _restore_keras(model, WeightReader(tensors, path, NAME), tensors)
    else:
        blobs = _caffe_tensors(caffemodel.read(path))
        _restore_caffe(model, WeightReader(blobs, path, NAME), blobs)


def _restore_keras(
    model: tf.keras.Model, reader: WeightReader, names: Container[str]
) -> None:
    for layer in _weighted(model):
        name = {"conv1a": "conv1", "conv2a": "conv2"}.get(layer.name, layer.name)
        # Keras 1 wrote conv1_W and conv1_b.
        first = f"{name}/{name}_W" in names
        parts = (f"{name}_W", f"{name}_b") if first else ("kernel", "bias")
        layer.set_weights(
            [
                reader.read(f"{name}/{part}", weight.shape)
                for part, weight in zip(parts, layer.weights, strict=True)
            ]
        )
    reader.check_all_used(_KERAS_NAMES)


def _restore_caffe(
    model: tf.keras.Model, reader: WeightReader, names: Container[str]
) -> None:
    for layer in _weighted(model):
        plain = f"{layer.name}'s kernel" in names
        name = layer.name if plain else f"{layer.name}-1"  # fc6-1
        *window, width, units = layer.kernel.shape
        kernel = reader.read(f"{name}'s kernel", (units, width, *window))
        bias = reader.read(f"{name}'s bias", (units,))
        if layer.name == "fc6":  # Caffe's vector has a channel's cells side by side
            maps = kernel.reshape(units, -1, *MAP_BEFORE_FC)
            kernel = np.moveaxis(maps, 1, -1).reshape(units, width)
        layer.set_weights([kernel.transpose(*range(2, kernel.ndim), 1, 0), bias])
    reader.check_all_used(_CAFFE_NAMES)


def _caffe_tensors(
    layers: Mapping[str, tuple[np.ndarray, ...]],
) -> dict[str, np.ndarray]:
    return {
        f"{name}'s {part}": _without_ones(blob)
        for name, blobs in layers.items()
        for part, blob in zip(("kernel", "bias"), blobs, strict=False)
    }


def _weighted(model: tf.keras.Model) -> list[tf.keras.layers.Layer]:
    return [layer for layer in model.layers if layer.weights]


def _without_ones(blob: np.ndarray) -> np.ndarray:
    """Removes the axes of one that fill up a blob's sizes to four or five."""
    while blob.ndim > 1 and len(blob) == 1:
        blob = blob[0]
    return blob


# ------------------------------------------------------------------------- mean


def read_mean(path: pathlib.Path) -> np.ndarray:
    """Reads a mean of chunks from a .binaryproto or .npy file.

    Returns:
        (T, rows, columns, 3) float32, blue, green and red.

    Raises:
        WeightsError: The file holds no such thing.
    """
    if path.suffix == ".npy":
        try:
            values = np.load(path)
        except (OSError, ValueError) as error:
            raise WeightsError(f"{path} is not a file of NumPy: {error}.") from error
    else:
        values = caffemodel.read_blob(path)
    values = _without_ones(values)  # (3, T, rows, columns)
    if values.ndim != 4 or len(values) != 3:
        raise WeightsError(
            f"{path} is no mean of {NAME}: its shape is {list(values.shape)}, not "
            "[3, frames, rows, columns]."
        )
    return np.moveaxis(values, 0, -1).astype(np.float32)


def _mean(feature: ChunkGrid) -> np.ndarray | tuple[float, ...]:
    """Returns the mean to subtract from a feature's chunks; see `SubtractMean`."""
    if not isinstance(feature.input, PixelInput):
        raise ConfigError(
            f"feature {feature.name}: {NAME} sees pixels; received the input "
            f"{feature.input.kind}."
        )
    if not isinstance(feature.input.mean, MeanFile):
        return MEAN
    cube = read_mean(weight_files.find(feature.input.mean.weights, "a network's mean"))
    times, rows, columns = cube.shape[:3]
    if feature.fit != CentreCrop(rows=rows, columns=columns):
        raise ConfigError(
            f"feature {feature.name}: its mean is of frames of {rows} × {columns}; set "
            f"fit to {{kind: centre_crop, rows: {rows}, columns: {columns}}}."
        )
    if isinstance(feature.at, WholeClip) or feature.chunk != times:
        cube = cube.mean(axis=0, keepdims=True)
    top, left = (rows - feature.size) // 2, (columns - feature.size) // 2
    return cube[:, top : top + feature.size, left : left + feature.size]


class _C3D:
    """Entry of `registry.CHUNK_NETWORKS` for C3D."""

    @property
    def layers(self) -> tuple[str, ...]:
        """The names of the layers that features can be made of."""
        return LAYERS

    def weights(self, feature: ChunkGrid) -> WeightsFile:
        """Finds the weights; `random` draws them for tests, else it is a path."""
        return weight_files.given(feature, NAME, "a .caffemodel or .h5 file")

    def model(
        self, feature: ChunkGrid, weights: WeightsFile, *other_features: ChunkGrid
    ) -> tf.keras.Model:
        """Builds the network up to the features' layers and loads its weights."""
        features = (feature, *other_features)
        last = deepest(features, LAYERS)
        model = build(last.layer, last.input_shape, _mean(last))
        if weights.path is None:
            weight_files.fill_at_random(model, NAME)
        else:
            restore(model, weights.path)
        return with_outputs(model, *(each.layer for each in features))


C3D = _C3D()

"""Frozen feature networks, one a file, and the tables of them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
import tensorflow as tf

from transform.backbones import (
    c3d,
    codebook,
    googlenet,
    i3d,
    ir_csn,
    keras_applications,
    mask_rcnn,
    resnext,
    tiny,
    vggish,
)
from transform.backbones.codebook import Codebook
from transform.backbones.detector import DetectorNetwork
from transform.backbones.network import ChunkNetwork, Network
from transform.backbones.precision import computing_in
from transform.backbones.weights import WeightsError, WeightsFile, find_file
from transform.config import Config, ConfigError
from transform.regions import Detections
from transform.schema import (
    AudioWords,
    ChunkGrid,
    ChunkMap,
    FeatureSpec,
    FrameGrid,
    FrameMap,
    KeyFrames,
    MeanFile,
    Pca,
    Regions,
    VGGish,
    Whole,
)

NETWORKS: Mapping[str, Network] = {
    "tiny": tiny.TINY,
    "inception_resnet_v2": keras_applications.INCEPTION_RESNET_V2,
    "resnet50": keras_applications.RESNET50,
    "resnet101": keras_applications.RESNET101,
    "resnet152": keras_applications.RESNET152,
    "vgg16": keras_applications.VGG16,
    "googlenet": googlenet.GOOGLENET,
    "resnext101": resnext.RESNEXT101,
}

CHUNK_NETWORKS: Mapping[str, ChunkNetwork] = {
    "c3d": c3d.C3D,
    "i3d_rgb": i3d.RGB,
    "i3d_flow": i3d.FLOW,
    "ir_csn152": ir_csn.IR_CSN152,
}

DETECTORS: Mapping[str, DetectorNetwork] = {
    "mask_rcnn": mask_rcnn.MASK_RCNN,
    "faster_rcnn": mask_rcnn.FASTER_RCNN,
}


class Backbone(Protocol):
    """Frames → feature maps."""

    def __call__(self, frames: np.ndarray, /) -> np.ndarray:
        """(N, size, size, 3) uint8 RGB → (N, [rows, columns,] width) float32."""
        ...


class ChunkBackbone(Protocol):
    """Chunks of frames → feature maps."""

    def __call__(self, chunks: np.ndarray, /) -> np.ndarray:
        """(B, *input_shape) uint8 RGB or float32 flow → (B, *map_shape) float32.

        Both shapes are the feature's own; of whole clips, the map has `map_times` time
        steps for every `chunk` frames.
        """
        ...


class Detector(Protocol):
    """Frames → the objects in them."""

    def __call__(
        self, frames: np.ndarray, window: tuple[int, int, int, int], /
    ) -> Detections:
        """Finds the objects of a clip's frames.

        Args:
            frames: (N, size, size, 3) uint8 RGB.
            window: (y1, x1, y2, x2) where in the square they lie, in pixels.

        Returns:
            NumPy arrays.
        """
        ...


@functools.cache
def load(feature: FrameGrid) -> Backbone:
    """The network that a feature names, loaded once a process.

    Raises:
        WeightsError: Its weights are not to be had, or not those of the feature's
            `weights_sha256`.
        ConfigError: There is no such network or layer, or its map has another shape.
    """
    model = _model(NETWORKS, feature)
    map_shape = tuple(model.output_shape[1:])
    step_shape = (*feature.grid, feature.width)
    if _core(map_shape) != _core(step_shape):
        gives = " × ".join(map(str, map_shape))
        raise ConfigError(
            f"feature {feature.name}: layer {feature.layer} of {feature.network} gives "
            f"{gives} for frames of {feature.size}, but the specification has grid: "
            f"{list(feature.grid)}, width: {feature.width}."
        )
    frames = tf.TensorSpec([None, feature.size, feature.size, 3], tf.uint8)
    return _Frozen(model, frames, step_shape)


@functools.cache
def load_chunks(feature: ChunkGrid) -> ChunkBackbone:
    """The 3-D network that a feature names, loaded once a process; raises as `load`."""
    _resolved(feature.input)  # a mean's file must be the right one, too
    model = _model(CHUNK_NETWORKS, feature)
    gives = tuple(model.output_shape[1:])
    expected = feature.map_shape
    any_length = isinstance(feature.at, Whole)
    if any_length:
        length = (1, feature.chunk, *feature.input_shape[1:])
        gives = tuple(model.compute_output_shape(length)[1:])
    if _core(gives) != _core(expected):
        raise ConfigError(
            f"feature {feature.name}: layer {feature.layer} of {feature.network} gives "
            f"{' × '.join(map(str, gives))} for chunks of {feature.chunk} frames of "
            f"{feature.size}, but the specification has "
            f"{' × '.join(map(str, expected))} (map_times, grid and width)."
        )
    kind = tf.uint8 if feature.input.channels == 3 else tf.float32
    chunks = tf.TensorSpec([None, *feature.input_shape], kind)
    return _Frozen(model, chunks, (-1 if any_length else expected[0], *expected[1:]))


@functools.cache
def load_detector(feature: Regions) -> Detector:
    """The detector that a feature names, loaded once a process.

    Raises:
        WeightsError: As `load`.
    """
    network = DETECTORS[feature.detector]
    return _FrozenDetector(network.model(feature, checked_weights(feature)), feature)


@functools.cache
def load_embedder(feature: VGGish) -> vggish.Embedder:
    """VGGish with its postprocessing, loaded once a process.

    Raises:
        WeightsError: The weights are not to be had, or are others.
    """
    network = checked_weights(feature)
    if not isinstance(feature.postprocess, Pca):
        return vggish.load(network)
    return vggish.load(network, checked_weights(feature.postprocess))


@functools.cache
def load_codebook(feature: AudioWords) -> Codebook:
    """The codebook that a feature names, loaded once a process; raises as above."""
    path = checked_weights(feature).path
    assert path is not None
    return codebook.load(path, feature)


def resolve(spec: FeatureSpec) -> FeatureSpec:
    """Fills in the SHA-256 of every file; one that is there already must be right."""
    return _resolved(spec)


def checked_weights(config: Config) -> WeightsFile:
    """The weight file that a config names.

    Raises:
        WeightsError: It is not to be had, or has not the SHA-256 that the config has.
    """
    found = _FINDERS[type(config)](config)
    field = _hash_field(config)
    expected = getattr(config, field)
    if expected not in ("", found.sha256):
        raise WeightsError(
            f"{_label(config)}: the file {found.path} has SHA-256 "
            f"{found.sha256[:16]}…, but the specification was made with "
            f"{expected[:16]}…; find that file, or remove `{field}` to go on with this "
            "one."
        )
    return found


class _Frozen:
    """A model as a function of NumPy arrays, widened to float32 in the graph."""

    def __init__(
        self, model: tf.keras.Model, inputs: tf.TensorSpec, shape: tuple[int, ...]
    ):
        self._shape = shape  # of one input's map

        @tf.function(input_signature=[inputs])
        def run(values: tf.Tensor) -> tf.Tensor:
            found = model(tf.cast(values, tf.float32), training=False)
            return tf.cast(found, tf.float32)

        self._run = run

    def __call__(self, values: np.ndarray, /) -> np.ndarray:
        return self._run(values).numpy().reshape(len(values), *self._shape)


class _FrozenDetector:
    """A detector as a function of NumPy arrays, a few frames at a time."""

    def __init__(self, model: tf.keras.Model, feature: Regions):
        self._together = max(1, _PIXELS_TOGETHER // feature.size**2)
        frames = tf.TensorSpec([None, feature.size, feature.size, 3], tf.uint8)
        window = tf.TensorSpec([4], tf.float32)

        @tf.function(input_signature=[frames, window])
        def run(frames: tf.Tensor, window: tf.Tensor) -> Detections:
            return model(tf.cast(frames, tf.float32), window, training=False)

        self._run = run

    def __call__(
        self, frames: np.ndarray, window: tuple[int, int, int, int], /
    ) -> Detections:
        edges = np.array(window, np.float32)
        parts = [
            self._run(frames[first : first + self._together], edges)
            for first in range(0, len(frames), self._together)
        ]
        return Detections(
            *(np.concatenate(values) for values in zip(*parts, strict=True))
        )


def _model(table: Mapping[str, Any], feature: FrameGrid | ChunkGrid) -> tf.keras.Model:
    weights = checked_weights(feature)
    with computing_in(feature.precision):
        return _entry(table, feature).model(feature, weights)


def _entry(table: Mapping[str, Any], feature: Any) -> Any:
    if feature.network not in table:
        there_are = f"there are {', '.join(table)}" if table else "there are none"
        raise ConfigError(
            f"feature {feature.name}: there is no network {feature.network!r}; "
            f"{there_are}."
        )
    return table[feature.network]


def _of_map(source: FrameMap | ChunkMap) -> WeightsFile:
    return checked_weights(source.feature(f"map of {source.network}", KeyFrames()))


# Pyramids of more pixels than these take gigabytes.
_PIXELS_TOGETHER = 1024 * 1024

# Who finds the file of a config that has a field for its SHA-256.
_FINDERS: Mapping[type[Config], Callable[[Any], WeightsFile]] = {
    FrameGrid: lambda feature: _entry(NETWORKS, feature).weights(feature),
    ChunkGrid: lambda feature: _entry(CHUNK_NETWORKS, feature).weights(feature),
    Regions: lambda feature: DETECTORS[feature.detector].weights(feature),
    FrameMap: lambda source: _of_map(source),
    ChunkMap: lambda source: _of_map(source),
    VGGish: vggish.find_weights,
    Pca: vggish.find_components,
    AudioWords: codebook.find,
    MeanFile: lambda mean: find_file(mean.weights, "a network's mean"),
}


def _hash_field(config: Config) -> str:
    """`weights_sha256` or the like; no text where a config names no file."""
    return next((name for name in config.__fields__ if name.endswith("_sha256")), "")


def _resolved(value: Any) -> Any:
    """A copy of a config, or of a tuple of them, with its nested hashes filled in."""
    if isinstance(value, tuple):
        return tuple(_resolved(item) for item in value)
    if not isinstance(value, Config):
        return value
    changes = {name: _resolved(item) for name, item in value}
    if field := _hash_field(value):
        changes[field] = checked_weights(value).sha256
    return value.replace(**changes)


def _label(config: Config) -> str:
    for kind in ("name", "network"):
        if name := getattr(config, kind, ""):
            return f"{'feature' if kind == 'name' else kind} {name}"
    return type(config).__name__


def _core(shape: tuple[int, ...]) -> tuple[int, ...]:
    """A map's shape without leading ones: a vector is a grid of one cell."""
    while len(shape) > 1 and shape[0] == 1:
        shape = shape[1:]
    return shape

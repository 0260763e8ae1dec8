"""Loads frozen networks, once a process, as functions of NumPy arrays."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import tensorflow as tf

from transform.audio import codebook
from transform.audio.codebook import Codebook
from transform.backbones.boxes import Detections
from transform.backbones.registry import CHUNK_NETWORKS, DETECTORS, NETWORKS
from transform.common.config import Config, ConfigError
from transform.common.precision import dtype_policy, sums_chunks_in_bfloat16
from transform.common.weight_files import WeightsError, WeightsFile, find_file
from transform.schema import (
    AudioWords,
    ChunkGrid,
    ChunkMap,
    FeatureSpec,
    FrameGrid,
    FrameMap,
    KeyFrames,
    MeanFile,
    OwnHead,
    Pca,
    Regions,
    VGGish,
    WholeClip,
)
from transform.schema.feature_spec import DECODING
from transform.schema.features.precision import Precision

if TYPE_CHECKING:
    from transform.backbones.vggish import Embedder

_POLICIES: Mapping[Precision, str] = {
    "float32": "float32",
    "bfloat16": "mixed_bfloat16",
}


class Backbone(Protocol):
    """A 2-D network that returns a map for each feature that it was loaded for."""

    @property
    def model(self) -> tf.keras.Model:
        """The network as a model, for graphs of one's own: float32 frames to maps."""
        ...

    def __call__(self, frames: np.ndarray, /) -> tuple[np.ndarray, ...]:
        """Maps (N, size, size, 3) uint8 RGB to float32 (N, [rows, columns,] width)."""
        ...


class ChunkBackbone(Protocol):
    """A 3-D network that returns a map for each feature that it was loaded for."""

    def __call__(self, chunks: np.ndarray, /) -> tuple[np.ndarray, ...]:
        """Maps (B, *input_shape) uint8 RGB or float32 flow to (B, *map_shape) float32.

        Both shapes are the features' own; of whole clips, a map has `map_times` time
        steps for every `chunk` frames.
        """
        ...


class Detector(Protocol):
    """A network that finds the objects in frames."""

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
def load(feature: FrameGrid, *other_features: FrameGrid) -> Backbone:
    """Loads the network that a feature names, once a process.

    Args:
        feature: what is taken of the network.
        other_features: what else is taken of it in the same pass; see
            `transform.extractors.network_pass.share`.

    Raises:
        WeightsError: Its weights are not to be had, or not those of the feature's
            `weights_sha256`.
        ConfigError: There is no such network or layer, or its map has another shape.
    """
    model = _model(NETWORKS, feature, *other_features)
    shapes = []
    for each, output in zip((feature, *other_features), model.outputs, strict=True):
        gives, expected = tuple(output.shape[1:]), (*each.grid, each.width)
        if _core(gives) != _core(expected):
            raise ConfigError(
                f"feature {each.name}: layer {each.layer} of {each.network} gives "
                f"{' × '.join(map(str, gives))} for frames of {each.size}, but the "
                f"specification has grid: {list(each.grid)}, width: {each.width}."
            )
        shapes.append(expected)
    frames = tf.TensorSpec([None, feature.size, feature.size, 3], tf.uint8)
    return _Frozen(model, frames, shapes)


@functools.cache
def load_chunks(feature: ChunkGrid, *other_features: ChunkGrid) -> ChunkBackbone:
    """Loads the 3-D network that a feature names, once a process, as `load` does."""
    _resolved(feature.input)  # a mean's file must be the right one, too
    model = _model(CHUNK_NETWORKS, feature, *other_features)
    any_length = isinstance(feature.at, WholeClip)
    outputs = model.outputs
    if any_length:
        one = tf.keras.Input((feature.chunk, *feature.input_shape[1:]))
        outputs = tf.nest.flatten(model(one))
    shapes = []
    for each, output in zip((feature, *other_features), outputs, strict=True):
        gives, expected = tuple(output.shape[1:]), each.map_shape
        if _core(gives) != _core(expected):
            raise ConfigError(
                f"feature {each.name}: layer {each.layer} of {each.network} gives "
                f"{' × '.join(map(str, gives))} for chunks of {each.chunk} frames of "
                f"{each.size}, but the specification has "
                f"{' × '.join(map(str, expected))} (map_times, grid and width)."
            )
        shapes.append((-1, *expected[1:]) if any_length else expected)
    kind = tf.uint8 if feature.input.channels == 3 else tf.float32
    chunks = tf.TensorSpec([None, *feature.input_shape], kind)
    return _Frozen(model, chunks, shapes)


@functools.cache
def load_detector(feature: Regions) -> Detector:
    """Loads the detector that a feature names, once a process.

    Features that find the same objects in a frame have the same one.

    Raises:
        WeightsError: As `load`.
    """
    weights = checked_weights(feature)
    # What does not decide which objects are found.
    rest = {"name": "", "at": KeyFrames(), "source": OwnHead(), "weights": ""}
    return _detector(feature.replace(weights_sha256=weights.sha256, **rest), weights)


@functools.cache
def _detector(feature: Regions, weights: WeightsFile) -> Detector:
    network = DETECTORS[feature.detector]
    return _FrozenDetector(network.model(feature, weights), feature)


@functools.cache
def load_embedder(feature: VGGish) -> Embedder:
    """Loads VGGish with its postprocessing, once a process.

    Raises:
        WeightsError: The weights are not to be had, or are others.
    """
    from transform.backbones import vggish

    network = checked_weights(feature)
    if not isinstance(feature.postprocess, Pca):
        return vggish.load(network)
    return vggish.load(network, checked_weights(feature.postprocess))


@functools.cache
def load_codebook(feature: AudioWords) -> Codebook:
    """Loads the codebook that a feature names, once a process.

    Raises:
        WeightsError: The file is missing, or has another SHA-256.
    """
    path = checked_weights(feature).path
    assert path is not None
    return codebook.load(path, feature)


def resolve(spec: FeatureSpec) -> FeatureSpec:
    """Fills in what extraction here decides: files' SHA-256, the rules of decoding.

    A SHA-256 that is there already must be right.
    """
    return _resolved(spec).replace(decoding=DECODING)


def checked_weights(config: Config) -> WeightsFile:
    """Finds the weight file that a config names and checks its SHA-256.

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
        self,
        model: tf.keras.Model,
        inputs: tf.TensorSpec,
        shapes: Sequence[tuple[int, ...]],
    ):
        self.model = model
        self._shapes = shapes  # of one input's maps

        @tf.function(input_signature=[inputs])
        def run(values: tf.Tensor) -> list[tf.Tensor]:
            found = model(tf.cast(values, tf.float32), training=False)
            return [tf.cast(maps, tf.float32) for maps in tf.nest.flatten(found)]

        self._run = run

    def __call__(self, values: np.ndarray, /) -> tuple[np.ndarray, ...]:
        found = zip(self._run(values), self._shapes, strict=True)
        return tuple(maps.numpy().reshape(len(values), *shape) for maps, shape in found)


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


def _model(
    table: Mapping[str, Any],
    feature: FrameGrid | ChunkGrid,
    *other_features: FrameGrid | ChunkGrid,
) -> tf.keras.Model:
    weights = checked_weights(feature)
    precision = feature.precision
    rounds = precision == "bfloat16" and isinstance(feature, ChunkGrid)
    if rounds and sums_chunks_in_bfloat16():
        precision = "float32"
    with dtype_policy(_POLICIES[precision]):
        return _entry(table, feature).model(feature, weights, *other_features)


def _entry(table: Mapping[str, Any], feature: Any) -> Any:
    if feature.network not in table:
        there_are = f"there are {', '.join(table)}" if table else "there are none"
        raise ConfigError(
            f"feature {feature.name}: there is no network {feature.network!r}; "
            f"{there_are}."
        )
    return table[feature.network]


def _vggish_weights(feature: VGGish) -> WeightsFile:
    from transform.backbones import vggish

    return vggish.find_weights(feature)


def _vggish_components(postprocess: Pca) -> WeightsFile:
    from transform.backbones import vggish

    return vggish.find_components(postprocess)


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
    VGGish: _vggish_weights,
    Pca: _vggish_components,
    AudioWords: codebook.find,
    MeanFile: lambda mean: find_file(mean.weights, "a network's mean"),
}


def _hash_field(config: Config) -> str:
    """Returns the name of a config's hash field, or '' if it names no file."""
    return next((name for name in config.__fields__ if name.endswith("_sha256")), "")


def _resolved(value: Any) -> Any:
    """Copies a config, or a tuple of them, with the nested hashes filled in."""
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
    """Removes a map's leading ones: a vector is a grid of one cell."""
    while len(shape) > 1 and shape[0] == 1:
        shape = shape[1:]
    return shape

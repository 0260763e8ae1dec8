"""Frozen feature networks, one a file, and the table of them."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Protocol

import numpy as np
import tensorflow as tf

from transform.backbones import keras_applications, tiny
from transform.backbones.network import Network
from transform.backbones.weights import WeightsError, WeightsFile
from transform.config import ConfigError
from transform.schema import FeatureSpec, FrameGrid

NETWORKS: Mapping[str, Network] = {
    "tiny": tiny.TINY,
    "inception_resnet_v2": keras_applications.INCEPTION_RESNET_V2,
    "resnet50": keras_applications.RESNET50,
    "resnet152": keras_applications.RESNET152,
    "vgg16": keras_applications.VGG16,
}


class Backbone(Protocol):
    """Frames → feature maps."""

    def __call__(self, frames: np.ndarray) -> np.ndarray:
        """(N, size, size, 3) uint8 RGB → (N, rows, columns, width) float32."""
        ...


class _FrozenBackbone:
    def __init__(self, model: tf.keras.Model, feature: FrameGrid):
        frames = tf.TensorSpec([None, feature.size, feature.size, 3], tf.uint8)
        self._step_shape = (*feature.grid, feature.width)

        @tf.function(input_signature=[frames])
        def run(frames: tf.Tensor) -> tf.Tensor:
            return model(tf.cast(frames, tf.float32), training=False)

        self._run = run

    def __call__(self, frames: np.ndarray) -> np.ndarray:
        return self._run(frames).numpy().reshape(-1, *self._step_shape)


@functools.cache
def load(feature: FrameGrid) -> Backbone:
    """The network that a feature names, loaded once a process.

    Raises:
        WeightsError: Its weights are not to be had, or not those of the feature's
            `weights_sha256`.
        ConfigError: There is no such network or layer, or its map has another shape.
    """
    weights = _checked_weights(feature)
    model = _network(feature).model(feature, weights)
    shape = tuple(model.output_shape[1:])
    map_shape = shape if len(shape) == 3 else (1, 1, *shape)
    if map_shape != (*feature.grid, feature.width):
        gives = " × ".join(map(str, map_shape))
        raise ConfigError(
            f"feature {feature.name}: layer {feature.layer} of {feature.network} gives "
            f"{gives} for frames of {feature.size}, but the specification has grid: "
            f"{list(feature.grid)}, width: {feature.width}."
        )
    return _FrozenBackbone(model, feature)


def resolve(spec: FeatureSpec) -> FeatureSpec:
    """Fills in every `weights_sha256`; one that is there already must be right."""
    features = tuple(
        feature.replace(weights_sha256=_checked_weights(feature).sha256)
        if isinstance(feature, FrameGrid)
        else feature
        for feature in spec.features
    )
    return spec.replace(features=features)


def _network(feature: FrameGrid) -> Network:
    if feature.network not in NETWORKS:
        raise ConfigError(
            f"feature {feature.name}: there is no network {feature.network!r}; there "
            f"are {', '.join(NETWORKS)}."
        )
    return NETWORKS[feature.network]


def _checked_weights(feature: FrameGrid) -> WeightsFile:
    found = _network(feature).weights(feature)
    if feature.weights_sha256 not in ("", found.sha256):
        raise WeightsError(
            f"feature {feature.name}: the weights of {feature.network} at {found.path} "
            f"have SHA-256 {found.sha256[:16]}…, but the specification was made with "
            f"{feature.weights_sha256[:16]}…; find that file, or remove "
            "`weights_sha256` to go on with these."
        )
    return found

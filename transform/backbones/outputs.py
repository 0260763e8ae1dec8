"""Several layers' maps from one pass of a network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import tensorflow as tf

from transform.schema import ChunkGrid, FrameGrid

FeatureT = TypeVar("FeatureT", FrameGrid, ChunkGrid)


def deepest(features: Sequence[FeatureT], layers: Sequence[str]) -> FeatureT:
    """Returns the feature whose layer lies behind those of the others.

    Args:
        features: one or more.
        layers: the network's, in their order; one that is not there counts as behind
            all of them, so that building the network up to it says so.
    """
    order = {layer: place for place, layer in enumerate(layers)}
    return max(features, key=lambda feature: order.get(feature.layer, len(order)))


def with_outputs(model: tf.keras.Model, *layers: str) -> tf.keras.Model:
    """Returns a model of the same layers whose outputs are those of the named ones."""
    outputs = [model.get_layer(layer).output for layer in layers]
    return tf.keras.Model(model.input, outputs, name=model.name)

"""Names of attention weights, which plots and clients know."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from typing import TypeVar

import tensorflow as tf

from keras_models.weight_axes import NamedAxes, Source, WeightAxes

Weights = dict[str, tf.Tensor]

T = TypeVar("T")  # weights, or what is told of them


def cell_weights(weights: tf.Tensor) -> Weights:
    """Names (B, T, S) weights "spatial", their sums over each step "temporal"."""
    return {"temporal": tf.reduce_sum(weights, axis=2), "spatial": weights}


def cell_weight_axes(source: Source | None) -> NamedAxes:
    """Returns what the weights of `cell_weights` are about."""
    return {
        "temporal": WeightAxes(axes=("word", "step"), source=source),
        "spatial": WeightAxes(axes=("word", "step", "cell"), source=source),
    }


def unique_names(parts: Iterable[Mapping[str, T]]) -> dict[str, T]:
    """Merges several parts' weights; a repeated name becomes `<name>_2`."""
    named: dict[str, T] = {}
    for weights in parts:
        for name, leaf in weights.items():
            numbered = (f"{name}_{count}" for count in itertools.count(2))
            candidates = itertools.chain([name], numbered)
            unique = next(each for each in candidates if each not in named)
            named[unique] = leaf
    return named

"""Names of attention weights, which plots and clients know."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping

import tensorflow as tf

Weights = dict[str, tf.Tensor]


def cell_weights(weights: tf.Tensor) -> Weights:
    """Names (B, T, S) weights "spatial", their sums over each step "temporal"."""
    return {"temporal": tf.reduce_sum(weights, axis=2), "spatial": weights}


def unique_names(parts: Iterable[Mapping[str, tf.Tensor]]) -> Weights:
    """Merges several parts' weights; a repeated name becomes `<name>_2`."""
    named: Weights = {}
    for weights in parts:
        for name, leaf in weights.items():
            numbered = (f"{name}_{count}" for count in itertools.count(2))
            candidates = itertools.chain([name], numbered)
            unique = next(each for each in candidates if each not in named)
            named[unique] = leaf
    return named

"""Attention weights of several parts, under names that differ."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping

import tensorflow as tf

Weights = dict[str, tf.Tensor]


def unique_names(parts: Iterable[Mapping[str, tf.Tensor]]) -> Weights:
    """Merges several parts' weights; a repeated name becomes `<name>_2`."""
    named: Weights = {}
    for weights in parts:
        for name, leaf in weights.items():
            later = (f"{name}_{count}" for count in itertools.count(2))
            names = itertools.chain([name], later)
            named[next(each for each in names if each not in named)] = leaf
    return named

"""Counts the weights of models, and keeps the counts of all presets.

`parameter_counts.yaml` beside this module has them, so that a list of the presets
builds none of them; `python -m tools.parameter_counts` writes it.
"""

from __future__ import annotations

import functools
import pathlib
from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from keras_models.captioner import Captioner
from keras_models.captioner_config import CaptionerConfig
from keras_models.ensembling.late_fusion import LateFusionConfig
from keras_models.ensembling.relevance.model import RelevanceModel
from transform.common.config import read_yaml
from transform.schema import FeatureSpec

_FILE = pathlib.Path(__file__).with_suffix(".yaml")
MAX_WORDS = 20  # a relevance model has weights for each position in a sentence


def stored(name: str, vocabulary_size: int) -> int:
    """Returns the number of weights of a preset at its paper's feature sizes.

    It is linear in the size of the vocabulary: each word has a row of the embedding and
    a column of the output layer.
    """
    fixed, per_word = _stored()[name]
    return fixed + per_word * vocabulary_size


def count(config: CaptionerConfig, spec: FeatureSpec, vocabulary_size: int) -> int:
    """Returns the number of weights of a captioner.

    The model is built with zeros: drawing its initial weights would take most of the
    time.
    """
    with tf.variable_creator_scope(_zeros):
        captioner = Captioner(config, spec, vocabulary_size, max_words=1)
        return captioner.build_from_spec().count_params()


def count_fused(
    config: LateFusionConfig,
    spec: FeatureSpec,
    vocabulary_size: int,
    max_words: int = MAX_WORDS,
) -> int:
    """Returns the number of weights of all members and of the relevance model."""
    members = [count(each, spec, vocabulary_size) for each in config.members.values()]
    with tf.variable_creator_scope(_zeros):
        model = RelevanceModel(config.relevance, spec, vocabulary_size, max_words)
        return sum(members) + model.build_from_spec().count_params()


@functools.cache
def _stored() -> Mapping[str, tuple[int, int]]:
    return read_yaml(_FILE)


def _zeros(create: Any, **arguments: Any) -> tf.Variable:
    shape = arguments.get("shape")
    if shape is not None and shape.rank:
        dtype = arguments.get("dtype") or tf.float32
        arguments["initial_value"] = tf.zeros(shape, dtype)
    return create(**arguments)

"""Counts the weights of models without drawing their initial values."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from keras_models.captioner import Captioner
from keras_models.captioner_config import CaptionerConfig
from keras_models.ensembling.late_fusion import LateFusionConfig
from keras_models.ensembling.relevance.model import RelevanceModel
from transform.schema import FeatureSpec


def count(config: CaptionerConfig, spec: FeatureSpec, vocabulary_size: int) -> int:
    """Returns the number of weights of a captioner.

    The model is built with zeros: drawing its initial weights would take most of the
    time.
    """
    with tf.variable_creator_scope(_zeros):
        captioner = Captioner(config, spec, vocabulary_size, max_words=1)
        return captioner.build_from_spec().count_params()


def count_fused(
    config: LateFusionConfig, spec: FeatureSpec, vocabulary_size: int, max_words: int
) -> int:
    """Returns the number of weights of all members and of the relevance model."""
    members = [count(each, spec, vocabulary_size) for each in config.members.values()]
    with tf.variable_creator_scope(_zeros):
        model = RelevanceModel(config.relevance, spec, vocabulary_size, max_words)
        return sum(members) + model.build_from_spec().count_params()


def _zeros(create: Any, **arguments: Any) -> tf.Variable:
    shape = arguments.get("shape")
    if shape is not None and shape.rank:
        dtype = arguments.get("dtype") or tf.float32
        arguments["initial_value"] = tf.zeros(shape, dtype)
    return create(**arguments)

"""Computes the vocabulary by a TensorFlow Transform analysis of the captions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf
import tensorflow_transform as tft

from transform import schema
from transform.records import tokenizers

VOCABULARY = "captions_vocabulary"  # name of the file in the transform graph


def preprocessing_fn(
    inputs: Mapping[str, tf.SparseTensor], custom_config: Mapping[str, Any]
) -> dict[str, tf.Tensor]:
    """Writes the words that occur `custom_config["min_count"]` times or more.

    The most frequent word comes first. The captions are split by the very tokenizer
    that encodes them for training, `custom_config["tokenizer"]` as JSON, so that both
    see the same words. What is returned only completes the graph: records are not
    rewritten.
    """
    tokenizer = tokenizers.from_json(custom_config.get("tokenizer", ""))
    captions = tf.sparse.to_dense(inputs[schema.CAPTIONS], "")  # (B, captions)
    words = tokenizer.split(tf.reshape(captions, [-1]))  # (B · captions, words)
    tft.vocabulary(
        words.values,
        frequency_threshold=custom_config["min_count"],
        vocab_filename=VOCABULARY,
    )
    counts = tf.math.count_nonzero(tf.strings.length(captions), axis=1)  # (B,)
    return {"caption_count": counts}

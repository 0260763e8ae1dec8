"""The tokens that a caption may have."""

from __future__ import annotations

import tensorflow as tf

from transform.records.vocabulary import EOS, UNK


def mask_invalid_tokens(
    log_probs: tf.Tensor, ending: tf.Tensor | bool = False
) -> tf.Tensor:
    """Sets the log-probability of tokens that must not be written to −∞.

    Args:
        log_probs: (…, V).
        ending: () bool; whether <eos> is the only token that may follow.

    Returns:
        (…, V), −∞ for <pad>, <bos> and <unk>, and for all but <eos> where `ending`.
    """
    ids = tf.range(tf.shape(log_probs)[-1])
    allowed = (ids == EOS) | ((ids > UNK) & tf.logical_not(ending))
    return log_probs + tf.where(allowed, tf.constant(0, log_probs.dtype), -float("inf"))

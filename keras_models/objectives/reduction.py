"""Reductions of the losses of words to the one number that is minimised."""

from __future__ import annotations

from typing import Annotated, Literal, Union

import tensorflow as tf

from transform.common.config import BY_KIND, Config
from transform.records.vocabulary import PAD


class WordMean(Config):
    """The mean over all words of a batch, <eos> included."""

    kind: Literal["word_mean"] = "word_mean"

    def count(self, tokens: tf.Tensor) -> tf.Tensor:
        """Returns how many () words the (…, L) captions have."""
        return _count(tokens != PAD)


class CaptionSum(Config):
    """The sum over a caption's words, <eos> included, averaged over a batch's captions.

    So do the papers have it that write a loss as −Σ_t log p(y_t | …): MGSA (Eq. 5), VRE
    (Eq. 17 and 18) and dualAFR (Eq. 2). It matters beside a penalty on the weights and
    to a bound on the gradients' norm.
    """

    kind: Literal["caption_sum"] = "caption_sum"

    def count(self, tokens: tf.Tensor) -> tf.Tensor:
        """Returns how many () of the (…, L) captions are not padding."""
        return _count(_present(tokens))


Reduction = Annotated[Union[WordMean, CaptionSum], BY_KIND]


def reduce_words(
    values: tf.Tensor, tokens: tf.Tensor, reduction: WordMean | CaptionSum
) -> tf.Tensor:
    """Returns the reduced loss () of (R, L) words, 0 where all tokens are <pad>."""
    total = tf.reduce_sum(tf.where(tokens != PAD, values, 0))
    return tf.math.divide_no_nan(total, tf.cast(reduction.count(tokens), total.dtype))


def caption_mean(values: tf.Tensor, tokens: tf.Tensor) -> tf.Tensor:
    """Returns the mean () of (…,) values over (…, L) captions that are not padding."""
    return _mean(values, tokens, CaptionSum())


def word_mean(sums: tf.Tensor, tokens: tf.Tensor) -> tf.Tensor:
    """Returns the mean () over all words of (…, L) captions, of whose words (…,) sums.

    It is what objectives log as cross-entropy, whatever they minimise.
    """
    return _mean(sums, tokens, WordMean())


def _mean(
    values: tf.Tensor, tokens: tf.Tensor, reduction: WordMean | CaptionSum
) -> tf.Tensor:
    total = tf.reduce_sum(tf.where(_present(tokens), values, 0))
    return tf.math.divide_no_nan(total, reduction.count(tokens))


def _present(tokens: tf.Tensor) -> tf.Tensor:
    return tokens[..., 0] != PAD


def _count(mask: tf.Tensor) -> tf.Tensor:
    return tf.reduce_sum(tf.cast(mask, tf.float32))

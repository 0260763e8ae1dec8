"""Sampling: captions that are drawn from the model's distribution."""

from __future__ import annotations

from typing import Any, Literal, Optional

import tensorflow as tf

from keras_models.generation.decode_loop import decode_loop
from keras_models.generation.search import Search
from keras_models.generation.step import StepFn
from keras_models.structs import Captions, State
from transform.common.config import Field


class Sampling(Search):
    """Draws captions from the model's distribution, token by token.

    The distribution is sharpened by `temperature` first; then the `top_k` most likely
    tokens stay; of these, the fewest that together reach `top_p`.
    """

    kind: Literal["sampling"] = "sampling"
    samples: int = Field(1, ge=1)  # per clip
    temperature: float = Field(1.0, gt=0)  # below 1 sharpens the distribution
    top_k: Optional[int] = Field(None, ge=1)  # draws among the likeliest k words
    # draws among the likeliest words of this total probability
    top_p: Optional[float] = Field(None, gt=0, le=1)

    def search(
        self,
        step: StepFn,
        state: State,
        memory: Any,
        max_words: int,
        seed: tf.Tensor | None = None,
    ) -> Captions:
        """Writes `samples` captions for each clip; see `Search.search`."""
        if seed is None:
            raise ValueError("sampling needs a seed, (2,) integers; received None")

        def pick(log_probs: tf.Tensor, time: tf.Tensor) -> tf.Tensor:
            step_seed = tf.random.experimental.stateless_fold_in(seed, time)
            return self._draw(log_probs, step_seed)

        return decode_loop(step, state, memory, max_words, pick, self.samples)

    def _draw(self, log_probs: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Draws (R,) int32 ids from (R, V) log-probabilities."""
        logits = log_probs / self.temperature
        if self.top_k is None and self.top_p is None:
            drawn = tf.random.stateless_categorical(logits, 1, seed, dtype=tf.int32)
            return drawn[:, 0]
        size = tf.shape(logits)[-1]
        count = size if self.top_k is None else tf.minimum(self.top_k, size)
        logits, ids = tf.math.top_k(logits, count)  # (R, k), most likely first
        if self.top_p is not None:
            before = tf.cumsum(tf.nn.softmax(logits), axis=-1, exclusive=True)
            logits = tf.where(before < self.top_p, logits, -float("inf"))
        drawn = tf.random.stateless_categorical(logits, 1, seed, dtype=tf.int32)
        return tf.gather(ids, drawn, axis=-1, batch_dims=1)[:, 0]

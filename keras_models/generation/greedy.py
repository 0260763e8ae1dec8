"""Greedy decoding: one caption a clip, the likeliest token at each step."""

from __future__ import annotations

from typing import Any, Literal

import tensorflow as tf

from keras_models.generation.decode_loop import decode_loop
from keras_models.generation.search import Search
from keras_models.generation.step import StepFn
from keras_models.structs import Captions, State


class Greedy(Search):
    """Writes the most likely token at every step: one caption a clip."""

    kind: Literal["greedy"] = "greedy"

    def search(
        self,
        step: StepFn,
        state: State,
        memory: Any,
        max_words: int,
        seed: tf.Tensor | None = None,
    ) -> Captions:
        """Writes one caption for each clip; see `Search.search`."""
        del seed
        return decode_loop(
            step,
            state,
            memory,
            max_words,
            lambda log_probs, _: tf.argmax(log_probs, axis=-1, output_type=tf.int32),
        )

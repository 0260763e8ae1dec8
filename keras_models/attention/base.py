"""What every step attention is."""

from __future__ import annotations

import abc
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from keras_models.structs import Context, EncodedVideo, State


class StepAttention(tf.keras.layers.Layer, abc.ABC):
    """Looks at an encoded video once per word.

    A decoder calls `prepare` and `initial_state` once per video and the layer itself
    once per word. Memory is whatever nest of tensors the attention reads again and
    again, batch on axis 0: keys that are projected once, values, masks. State is what
    it hands on from word to word: `()` when there is nothing, else a nest of tensors
    whose shapes never change, so that beams can be reordered.

    Call arguments:
        query: (B, Q), what the decoder asks with.
        memory: The result of `prepare`.
        state: The state after the word before.
        training: Whether dropout is on.

    Returns:
        `Context` and the next state. `Context.losses` holds auxiliary losses of this
        word (B,); `Context.log_prob` that of a sampled choice, 0 for soft attention.
    """

    @abc.abstractmethod
    def prepare(self, encoded: EncodedVideo, training: bool = False) -> Any:
        """The memory of a batch of videos."""
        raise NotImplementedError

    def initial_state(self, encoded: EncodedVideo) -> State:
        """The state before the first word."""
        del encoded
        return ()

    @abc.abstractmethod
    def call(
        self, query: tf.Tensor, memory: Any, state: State, training: bool = False
    ) -> tuple[Context, State]:
        raise NotImplementedError


class LinearAttention(StepAttention):
    """One whose vector is a sum Σ_i w_i v_i of values that no word changes.

    W Σ_i w_i v_i = Σ_i w_i (W v_i): what a decoder does to the vector at every word, it
    may do to the values once.
    """

    @abc.abstractmethod
    def project(self, memory: Any, projection: Callable[[tf.Tensor], tf.Tensor]) -> Any:
        """The memory with W v in place of the values v; `projection` has no bias."""
        raise NotImplementedError

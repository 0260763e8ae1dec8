"""Interfaces of attentions that a decoder calls once per word."""

from __future__ import annotations

import abc
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from keras_models.structs import Context, EncodedVideo, State


class StepAttention(tf.keras.layers.Layer, abc.ABC):
    """Attends to an encoded video once per word.

    A decoder calls `prepare` and `initial_state` once per video and the layer itself
    once per word. Memory is a cache: the nest of tensors that the attention reads at
    every word, batch on axis 0, such as keys that are projected once, values and masks.
    State is what it hands on from word to word: `()` when there is nothing, else a nest
    of tensors whose shapes never change, so that beams can be reordered.

    Call arguments:
        query: (B, Q), made of the decoder's state.
        memory: The result of `prepare`.
        state: The state after the word before.
        training: Whether dropout is on.

    Returns:
        `Context` and the next state. `Context.losses` holds auxiliary losses of this
        word (B,); `Context.log_prob` that of a selection that was drawn, 0 for soft
        attention.
    """

    @abc.abstractmethod
    def prepare(self, encoded: EncodedVideo, training: bool = False) -> Any:
        """Returns the memory of a batch of videos."""
        raise NotImplementedError

    def initial_state(self, encoded: EncodedVideo) -> State:
        """Returns the state before the first word."""
        del encoded
        return ()

    @abc.abstractmethod
    def call(
        self, query: tf.Tensor, memory: Any, state: State, training: bool = False
    ) -> tuple[Context, State]:
        raise NotImplementedError


class LinearAttention(StepAttention):
    """Step attention whose vector is a sum Σ_i w_i v_i of values that no word changes.

    W Σ_i w_i v_i = Σ_i w_i (W v_i): the product of the vector with W at every word can
    be replaced by products of the values, once per video. See
    `keras_models.inference.projected_values`.
    """

    @abc.abstractmethod
    def project(self, memory: Any, projection: Callable[[tf.Tensor], tf.Tensor]) -> Any:
        """Returns the memory with W v in place of the values v.

        Args:
            memory: The result of `prepare`.
            projection: Multiplies by W, without a bias.
        """
        raise NotImplementedError

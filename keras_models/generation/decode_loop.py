"""`decode_loop`, the loop of the searches that never revise a token."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from keras_models.generation.step import (
    StepFn,
    batch_size,
    mask_padding,
    named_weights,
    new_arrays,
    write,
)
from keras_models.layers.functional.tokens import mask_invalid_tokens
from keras_models.structs import Captions, State, repeat_batch
from transform.records.vocabulary import BOS, EOS, PAD

_WORD_LOG_PROB = "word log prob"  # beside the weights, whose names have no spaces

Pick = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


def decode_loop(
    step: StepFn,
    state: State,
    memory: Any,
    max_words: int,
    pick: Pick,
    samples: int = 1,
) -> Captions:
    """Writes `samples` captions for each of B rows; stops when all are finished.

    Args:
        step: The model's step function.
        state: The decoder's state before the first word, B rows.
        memory: The decoder's memory, B rows.
        max_words: The number of words after which only <eos> may follow.
        pick: Chooses the next tokens: given (R, V) log-probabilities, −∞ where a token
            is not allowed, and the () time, it returns (R,) int32 ids.
        samples: K, the number of captions of a row.

    Returns:
        `Captions` (B, K, max_words + 1), in the order of the draws.
    """
    clips = batch_size(state)
    state, memory = repeat_batch((state, memory), samples)
    rows, length = clips * samples, max_words + 1

    def advance(
        time: tf.Tensor, last: tf.Tensor, log_prob: tf.Tensor, state: State
    ) -> tuple[tf.Tensor, tf.Tensor, State, dict[str, tf.Tensor]]:
        output = step(last, state, memory)
        finished = (last == EOS) | (last == PAD)  # (R,)
        tokens = pick(mask_invalid_tokens(output.log_probs, time == max_words), time)
        step_log_probs = tf.gather(output.log_probs, tokens, axis=-1, batch_dims=1)
        tokens = tf.where(finished, PAD, tokens)
        step_log_probs = tf.where(finished, 0.0, step_log_probs)
        by_word = named_weights(output.contexts) | {_WORD_LOG_PROB: step_log_probs}
        return tokens, log_prob + step_log_probs, output.state, by_word

    def body(
        time: tf.Tensor,
        tokens: tf.TensorArray,
        last: tf.Tensor,
        log_prob: tf.Tensor,
        state: State,
        arrays: dict[str, tf.TensorArray],
    ) -> tuple:
        last, log_prob, state, weights = advance(time, last, log_prob, state)
        arrays = write(arrays, time, weights)
        return time + 1, tokens.write(time, last), last, log_prob, state, arrays

    def unfinished(time: tf.Tensor, _: Any, last: tf.Tensor, *__: Any) -> tf.Tensor:
        return tf.reduce_any((last != EOS) & (last != PAD))

    # The first token is written before the loop: it shows which weights there are.
    last, log_prob, state, weights = advance(
        tf.constant(0), tf.fill([rows], BOS), tf.zeros([rows]), state
    )
    tokens = tf.TensorArray(tf.int32, length, element_shape=last.shape)
    arrays = write(new_arrays(weights, length), 0, weights)
    _, tokens, _, log_prob, _, arrays = tf.while_loop(
        unfinished,
        body,
        (tf.constant(1), tokens.write(0, last), last, log_prob, state, arrays),
        maximum_iterations=max_words,
    )

    def stack_by_clip(array: tf.TensorArray) -> tf.Tensor:
        stacked = array.stack()  # (L, R, …)
        leaf = tf.transpose(stacked, [1, 0, *range(2, stacked.shape.rank)])
        return tf.reshape(
            leaf, tf.concat([[clips, samples], tf.shape(leaf)[1:]], axis=0)
        )

    captions = tf.ensure_shape(stack_by_clip(tokens), [None, samples, length])
    by_word = {
        name: mask_padding(stack_by_clip(array), captions)
        for name, array in arrays.items()
    }
    word_log_probs = by_word.pop(_WORD_LOG_PROB)
    return Captions(
        captions, tf.reshape(log_prob, [clips, samples]), by_word, word_log_probs
    )

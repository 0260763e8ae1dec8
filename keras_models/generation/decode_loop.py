"""One caption per row, word by word, with nothing ever taken back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from keras_models.generation.step import (
    StepFn,
    mask_invalid_tokens,
    mask_padding,
    named_weights,
    new_arrays,
    rows_of,
    write,
)
from keras_models.structs import Captions, State, repeat_batch
from transform.records.vocabulary import BOS, EOS, PAD

Pick = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


def decode_loop(
    step: StepFn, state: State, memory: Any, max_words: int, pick: Pick, times: int = 1
) -> Captions:
    """Writes `times` captions for each of B rows; stops when all have ended.

    Args:
        step: The model.
        state: Its state before the first word, B rows.
        memory: Its memory, B rows.
        max_words: After that many words, <eos> is all that can follow.
        pick: (R, V) log-probabilities, −∞ where a word is not allowed, and the () time
            → (R,) int32 ids.
        times: K, the captions of a row.

    Returns:
        `Captions` (B, K, max_words + 1), in the order of the draws.
    """
    clips = rows_of(state)
    state, memory = repeat_batch((state, memory), times)
    rows, length = clips * times, max_words + 1

    def advance(
        time: tf.Tensor, last: tf.Tensor, total: tf.Tensor, state: State
    ) -> tuple[tf.Tensor, tf.Tensor, State, dict[str, tf.Tensor]]:
        output = step(last, state, memory)
        ended = (last == EOS) | (last == PAD)  # (R,)
        words = pick(mask_invalid_tokens(output.log_probs, time == max_words), time)
        gained = tf.gather(output.log_probs, words, axis=-1, batch_dims=1)
        words = tf.where(ended, PAD, words)
        total += tf.where(ended, 0.0, gained)
        return words, total, output.state, named_weights(output.contexts)

    def body(
        time: tf.Tensor,
        tokens: tf.TensorArray,
        last: tf.Tensor,
        total: tf.Tensor,
        state: State,
        arrays: dict[str, tf.TensorArray],
    ) -> tuple:
        last, total, state, weights = advance(time, last, total, state)
        arrays = write(arrays, time, weights)
        return time + 1, tokens.write(time, last), last, total, state, arrays

    def unfinished(time: tf.Tensor, _: Any, last: tf.Tensor, *__: Any) -> tf.Tensor:
        return tf.reduce_any((last != EOS) & (last != PAD))

    # The first word is written before the loop: it shows which weights there are.
    last, total, state, weights = advance(
        tf.constant(0), tf.fill([rows], BOS), tf.zeros([rows]), state
    )
    tokens = tf.TensorArray(tf.int32, length, element_shape=last.shape)
    arrays = write(new_arrays(weights, length), 0, weights)
    _, tokens, _, total, _, arrays = tf.while_loop(
        unfinished,
        body,
        (tf.constant(1), tokens.write(0, last), last, total, state, arrays),
        maximum_iterations=max_words,
    )

    def by_clip(array: tf.TensorArray) -> tf.Tensor:
        stacked = array.stack()  # (L, R, …)
        leaf = tf.transpose(stacked, [1, 0, *range(2, stacked.shape.rank)])
        return tf.reshape(leaf, tf.concat([[clips, times], tf.shape(leaf)[1:]], axis=0))

    found = tf.ensure_shape(by_clip(tokens), [None, times, length])
    return Captions(
        found,
        tf.reshape(total, [clips, times]),
        {name: mask_padding(by_clip(array), found) for name, array in arrays.items()},
    )

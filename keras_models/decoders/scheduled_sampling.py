"""Scheduled sampling: captions with some words drawn from the decoder itself."""

from __future__ import annotations

import warnings
from typing import Any

import tensorflow as tf

from keras_models.decoders.decoder import Decoder
from keras_models.layers.functional import draws
from keras_models.layers.functional.scan import scan
from keras_models.layers.functional.tokens import mask_invalid_tokens
from keras_models.structs import Context, State

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # tensorflow-addons' end-of-life notice
    from tensorflow_addons.seq2seq import ScheduledEmbeddingTrainingSampler


class TokenSampler(ScheduledEmbeddingTrainingSampler):
    """Chooses between the caption's word and one drawn from the decoder.

    TensorFlow Addons' sampler, over ids in place of embeddings and with a generator
    that checkpoints save.
    """

    def __init__(self, probability: tf.Tensor | float, generator: tf.random.Generator):
        super().__init__(probability, embedding_fn=lambda ids: ids)
        self._generator = generator

    def sample(self, time: tf.Tensor, outputs: tf.Tensor, state: State) -> tf.Tensor:
        """Draws (B,) ids from (B, V) log-probabilities; −1 keeps the caption's word.

        Only a token that a search writes is drawn. The likeliest one after Gumbel noise
        is a draw (Gumbel, 1954), and noise can be shared between rows.
        """
        del time, state
        noise = draws.uniform(self._generator, tf.shape(outputs))
        gumbel = -tf.math.log(-tf.math.log(noise))
        ids = tf.argmax(
            mask_invalid_tokens(outputs) + gumbel, axis=-1, output_type=tf.int32
        )
        chance = draws.uniform(self._generator, [self.batch_size])
        return tf.where(chance < self.sampling_probability, ids, -1)


def decode_with_sampling(
    decoder: Decoder,
    tokens: tf.Tensor,
    state: State,
    memory: Any,
    probability: tf.Tensor | float,
    generator: tf.random.Generator,
) -> tuple[tf.Tensor, tuple[Context, ...]]:
    """`Decoder.decode_teacher_forced` with scheduled sampling (Bengio et al., 2015).

    Each word after the first is with `probability` drawn from the distribution that the
    decoder gave for it, among the tokens that a search may write. No gradient flows
    through a choice.
    """
    sampler = TokenSampler(probability, generator)
    _, first = sampler.initialize(tokens)

    def step(time: tf.Tensor, state: Any) -> tuple[Any, Any]:
        token, inner = state
        output, inner, contexts = decoder.advance(token, inner, memory, training=True)
        log_probs = tf.stop_gradient(decoder.project(output))
        ids = sampler.sample(time, log_probs, inner)
        _, token, _ = sampler.next_inputs(time, log_probs, inner, ids)
        return (output, contexts), (token, inner)

    rows, length = tf.unstack(tf.shape(tokens))
    times = tf.repeat(tf.range(length)[tf.newaxis], rows, axis=0)
    (outputs, contexts), _ = scan(
        lambda time, state: step(time[0], state), times, (first, state)
    )
    return outputs, contexts

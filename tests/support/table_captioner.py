"""A captioner whose words depend on the word before, the clip and the place."""

from __future__ import annotations

import tensorflow as tf

from keras_models.structs import (
    Context,
    EncodedVideo,
    StepOutput,
    TeacherForced,
    TrainingBatch,
    VideoBatch,
    WordLogProbs,
)
from transform.records.vocabulary import FORBIDDEN_TOKENS, PAD


class TableCaptioner(tf.Module):
    """log p(word | clip, place, word before) = log_softmax(table[clip, place, before]).

    A clip's number is its feature `clip` (B, 1).
    """

    def __init__(self, clips: int, max_words: int, size: int, seed: int = 0):
        super().__init__()
        self.max_words = max_words
        shape = [clips, max_words + 1, size, size]
        self.table = tf.Variable(tf.random.stateless_normal(shape, [seed, 1]))
        self.auxiliary: dict[str, float] = {}  # losses of every word, by name
        self.probability: tf.Tensor | float = -1.0  # the last one asked for

    def encode(self, video: VideoBatch, training: bool = False) -> EncodedVideo:
        clip = video.features["clip"]  # (B, 1)
        frames = tf.cast(clip, tf.float32)[..., tf.newaxis]
        mask = tf.ones_like(clip, tf.bool)
        return EncodedVideo(frames, mask, (), (), frames[:, 0], {}, {})

    def start(self, encoded: EncodedVideo) -> tuple:
        clip = tf.cast(encoded.summary[:, 0], tf.int32)
        return {"place": tf.zeros_like(clip)}, clip

    def step(self, tokens: tf.Tensor, state: dict, memory: tf.Tensor) -> StepOutput:
        at = tf.stack([memory, state["place"], tokens], axis=1)
        log_probs = tf.nn.log_softmax(tf.gather_nd(self.table, at))
        return StepOutput(log_probs, {"place": state["place"] + 1}, ())

    def teacher_force(
        self,
        batch: TrainingBatch,
        training: bool = False,
        sampling_probability: tf.Tensor | float = 0.0,
    ) -> TeacherForced:
        self.probability = sampling_probability
        return self.teacher_force_encoded(
            self.encode(batch.video, training), batch.tokens
        )

    def teacher_force_encoded(
        self, encoded: EncodedVideo, tokens: tf.Tensor
    ) -> TeacherForced:
        clips, captions, length = tokens.shape
        tokens = tf.reshape(tokens, [-1, length])
        before = tf.concat([tf.fill([clips * captions, 1], 1), tokens[:, :-1]], axis=1)
        clip = tf.repeat(tf.cast(encoded.summary, tf.int32), captions, axis=0)  # (R, 1)
        place = tf.repeat(tf.range(length)[tf.newaxis], clips * captions, axis=0)
        at = tf.stack([tf.repeat(clip, length, axis=1), place, before], axis=-1)
        log_probs = tf.nn.log_softmax(tf.gather_nd(self.table, at))
        losses = {
            name: tf.fill(tokens.shape, value) for name, value in self.auxiliary.items()
        }
        context = Context(
            tf.zeros([*tokens.shape, 1]), {}, tf.zeros(tokens.shape), losses
        )
        words = word_log_probs(log_probs, tokens)
        return TeacherForced(words, log_probs, (context,), encoded)


def word_log_probs(log_probs: tf.Tensor, tokens: tf.Tensor) -> WordLogProbs:
    """Looks up (R, L) ids in the (R, L, V) log-probabilities of all words."""
    parts = (
        tf.gather(log_probs, tokens, axis=-1, batch_dims=2),
        tf.reduce_mean(log_probs, axis=-1),
        tf.reduce_logsumexp(tf.gather(log_probs, FORBIDDEN_TOKENS, axis=-1), axis=-1),
    )
    return WordLogProbs(*(tf.where(tokens != PAD, part, 0) for part in parts))

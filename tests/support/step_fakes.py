"""A model whose words depend on all words before, read from a seeded table."""

import numpy as np
import tensorflow as tf

from keras_models.structs import Context, StepOutput

PRIME = 10_007


class FakeStep:
    """log p(word | clip, words before), hashed into a table of random rows.

    The state is the hash of what was read; attention shows it, so that a search's
    weights can be traced back to the very words that they were computed for.
    """

    def __init__(self, words: int, seed: int = 0, scale: float = 2.0, rows: int = 997):
        logits = np.random.default_rng(seed).normal(0, scale, (rows, words))
        table = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
        self.table = table.astype(np.float32)
        self.words = range(4, words)

    def start(self, clips):
        clips = tf.range(clips)
        return {"hash": clips * 7 + 1}, clips

    def __call__(self, tokens, state, memory):
        read = (state["hash"] * 31 + tokens * 17 + memory) % PRIME
        log_probs = tf.gather(self.table, read % len(self.table))
        shown = tf.cast(read[:, tf.newaxis], tf.float32)
        weights = {"trace": shown, "square": shown[..., tf.newaxis]}
        zeros = tf.zeros_like(shown[:, 0])
        context = Context(tf.zeros_like(shown), weights, zeros, {})
        return StepOutput(log_probs, {"hash": read}, (context,))

    def trace(self, clip, prefix):
        """The state after <bos> and some words of a clip."""
        read = clip * 7 + 1
        for token in (1, *prefix):
            read = (read * 31 + int(token) * 17 + clip) % PRIME
        return read

    def log_prob(self, clip):
        """log p(word | prefix) of a clip, for the reference."""
        return lambda prefix, word: float(
            self.table[self.trace(clip, prefix) % len(self.table), word]
        )


def caption(tokens):
    """(L,) ids → the words and <eos>, without padding."""
    return tuple(int(token) for token in tokens if token != 0)

"""Beam search."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, Optional

import tensorflow as tf

from keras_models.generation.fast_top_k import fast_top_k
from keras_models.generation.length_penalty import LengthPenalty, WuPenalty
from keras_models.generation.step import (
    Arrays,
    StepFn,
    mask_invalid_tokens,
    mask_padding,
    named_weights,
    new_arrays,
    rows_of,
    write,
)
from keras_models.structs import Captions, State, repeat_batch
from transform.common.config import Config, Field, validator
from transform.records.vocabulary import BOS, EOS, PAD

IMPOSSIBLE = -float("inf")


class BeamSearch(Config):
    """Keeps the `width` best beginnings at every word.

    A caption that has ended keeps its place for as long as no other beats it by log p
    over length penalty. Words of `Captions.log_probs` that constraints rule out keep
    their probability: nothing is renormalised.
    """

    kind: Literal["beam"] = "beam"
    width: int = Field(5, ge=1)  # MGSA Sec. 4.2
    length_penalty: LengthPenalty = WuPenalty()
    n_best: int = Field(1, ge=1)  # captions returned, at most `width`
    min_words: int = Field(0, ge=0)  # <eos> not before
    no_repeat_ngram: Optional[int] = Field(None, ge=1)  # no such run twice

    @validator("n_best")
    def _within_width(cls, n_best: int, values: dict) -> int:
        if n_best > values.get("width", n_best):
            raise ValueError(f"at most width ({values['width']}) captions are found")
        return n_best

    def search(
        self,
        step: StepFn,
        state: State,
        memory: Any,
        max_words: int,
        seed: tf.Tensor | None = None,
    ) -> Captions:
        """See `keras_models.generation.run`."""
        del seed
        if self.min_words > max_words:
            raise ValueError(
                f"min_words = {self.min_words} exceeds max_words = {max_words}"
            )
        clips = rows_of(state)
        state, memory = repeat_batch((state, memory), self.width)
        beams = _Beams.start(clips, self.width, max_words + 1, state)

        def body(time: tf.Tensor, beams: _Beams, arrays: Arrays) -> tuple:
            beams, weights = self._advance(step, memory, max_words, time, beams)
            return time + 1, beams, write(arrays, time, weights)

        def unsettled(time: tf.Tensor, beams: _Beams, arrays: Arrays) -> tf.Tensor:
            del time, arrays
            return tf.reduce_any(~self._settled(beams, max_words + 1))

        # The first word is written before the loop: it shows which weights there are.
        beams, weights = self._advance(step, memory, max_words, tf.constant(0), beams)
        arrays = write(new_arrays(weights, max_words + 1), 0, weights)
        _, beams, arrays = tf.while_loop(
            unsettled,
            body,
            (tf.constant(1), beams, arrays),
            maximum_iterations=max_words,
        )
        return self._captions(beams, arrays)

    def _advance(
        self,
        step: StepFn,
        memory: Any,
        max_words: int,
        time: tf.Tensor,
        beams: _Beams,
    ) -> tuple[_Beams, dict[str, tf.Tensor]]:
        """Every beam's best continuations, then the best of all of them."""
        width = self.width
        output = step(tf.reshape(beams.last, [-1]), beams.state, memory)
        log_probs = self._constrain(output.log_probs, beams, time, max_words)
        # Within a beam all continuations are equally long: log p alone decides.
        gained, words = fast_top_k(log_probs, width)  # (B · K, k)
        per_beam = words.shape[-1]
        gained = tf.reshape(gained, [-1, width, per_beam])
        words = tf.reshape(words, [-1, width, per_beam])
        ended = beams.ended[..., tf.newaxis]
        frozen = tf.where(tf.range(per_beam) == 0, 0.0, IMPOSSIBLE)  # (k,)
        gained, words = tf.where(ended, frozen, gained), tf.where(ended, PAD, words)
        totals = beams.totals[..., tf.newaxis] + gained
        lengths = tf.where(beams.ended, beams.lengths, time + 1)  # (B, K)
        scores = totals / self.length_penalty(lengths)[..., tf.newaxis]

        def flat(leaf: tf.Tensor) -> tf.Tensor:
            return tf.reshape(leaf, [-1, width * per_beam])

        scores, chosen = tf.math.top_k(flat(scores), width)  # (B, K)
        parents = chosen // per_beam

        def choose(leaf: tf.Tensor, index: tf.Tensor) -> tf.Tensor:
            return tf.gather(leaf, index, axis=1, batch_dims=1)

        words = choose(flat(words), chosen)
        rows = tf.range(tf.shape(parents)[0])[:, tf.newaxis] * width + parents
        rows = tf.reshape(rows, [-1])  # (B · K,)
        here = tf.range(max_words + 1) == time  # (L,)

        def put(history: tf.Tensor, value: tf.Tensor) -> tf.Tensor:
            return tf.where(here, value[..., tf.newaxis], choose(history, parents))

        totals = choose(flat(totals), chosen)
        beams = _Beams(
            tokens=put(beams.tokens, words),
            ancestors=put(beams.ancestors, parents),
            last=words,
            totals=totals,
            scores=scores,
            lengths=choose(lengths, parents),
            ended=(words == EOS) | (words == PAD) | (totals == IMPOSSIBLE),
            state=tf.nest.map_structure(
                lambda leaf: tf.gather(leaf, rows), output.state
            ),
        )
        return beams, named_weights(output.contexts)

    def _constrain(
        self, log_probs: tf.Tensor, beams: _Beams, time: tf.Tensor, max_words: int
    ) -> tf.Tensor:
        """(B · K, V) with −∞ where a word must not come now."""
        log_probs = tf.cast(log_probs, tf.float32)
        end = tf.range(tf.shape(log_probs)[-1]) == EOS  # (V,)
        allowed = mask_invalid_tokens(log_probs, time == max_words)
        if self.min_words:
            allowed = tf.where(end & (time < self.min_words), IMPOSSIBLE, allowed)
        if self.no_repeat_ngram:
            history = tf.reshape(beams.tokens, [-1, max_words + 1])
            banned = _completions(history, time, self.no_repeat_ngram)
            rows = tf.broadcast_to(
                tf.range(tf.shape(banned)[0])[:, tf.newaxis], tf.shape(banned)
            )
            allowed = tf.tensor_scatter_nd_update(
                allowed,
                tf.stack([rows, banned], axis=-1),
                tf.fill(tf.shape(banned), IMPOSSIBLE),
            )
        if not (self.min_words or self.no_repeat_ngram):
            return allowed
        # Where nothing may follow, the caption ends, however short it is.
        stuck = tf.reduce_all(allowed == IMPOSSIBLE, axis=-1, keepdims=True)
        return tf.where(stuck & end, log_probs, allowed)

    def _settled(self, beams: _Beams, longest: int) -> tf.Tensor:
        """(B,): whether the `n_best` first captions can no longer change.

        log p only falls and the penalty only grows with length, so that a beginning
        ends at most with its log p over the longest caption's penalty.
        """
        best = beams.ended[:, : self.n_best]
        bounds = beams.totals / self.length_penalty(tf.constant(longest))
        hope = tf.reduce_max(tf.where(beams.ended, IMPOSSIBLE, bounds), axis=1)
        return tf.reduce_all(best, axis=1) & (beams.scores[:, self.n_best - 1] >= hope)

    def _captions(self, beams: _Beams, arrays: Arrays) -> Captions:
        tokens = beams.tokens[:, : self.n_best]  # (B, n, L)
        totals = beams.totals[:, : self.n_best]
        tokens = tf.where(totals[..., tf.newaxis] == IMPOSSIBLE, PAD, tokens)
        ancestors = tf.transpose(beams.ancestors[:, : self.n_best], [0, 2, 1])

        def by_word(array: tf.TensorArray) -> tf.Tensor:
            stacked = array.stack()  # (L, B · K, …)
            tail = tf.shape(stacked)[2:]
            shape = tf.concat([[tf.shape(stacked)[0], -1, self.width], tail], axis=0)
            leaf = tf.reshape(stacked, shape)  # (L, B, K, …)
            inner = list(range(3, leaf.shape.rank))
            leaf = tf.transpose(leaf, [1, 0, 2, *inner])  # (B, L, K, …)
            leaf = tf.gather(leaf, ancestors, axis=2, batch_dims=2)  # (B, L, n, …)
            return mask_padding(tf.transpose(leaf, [0, 2, 1, *inner]), tokens)

        weights = {name: by_word(array) for name, array in arrays.items()}
        return Captions(tokens, totals, weights)


class _Beams(NamedTuple):
    """K beginnings of captions for each of B clips, best first."""

    tokens: tf.Tensor  # (B, K, L) int32
    ancestors: tf.Tensor  # (B, K, L) int32: in which place each word was written
    last: tf.Tensor  # (B, K) int32
    totals: tf.Tensor  # (B, K) log p
    scores: tf.Tensor  # (B, K) log p over length penalty
    lengths: tf.Tensor  # (B, K) int32, <eos> included
    ended: tf.Tensor  # (B, K) bool
    state: State  # B · K rows

    @classmethod
    def start(cls, clips: tf.Tensor, width: int, length: int, state: State) -> _Beams:
        """One empty caption per clip; the other places are impossible."""
        shape = [clips, width]
        totals = tf.where(tf.range(width) == 0, tf.zeros(shape), IMPOSSIBLE)
        return cls(
            tokens=tf.fill([clips, width, length], PAD),
            ancestors=tf.zeros([clips, width, length], tf.int32),
            last=tf.fill(shape, BOS),
            totals=totals,
            scores=totals,
            lengths=tf.zeros(shape, tf.int32),
            ended=tf.zeros(shape, tf.bool),
            state=state,
        )


def _completions(tokens: tf.Tensor, time: tf.Tensor, size: int) -> tf.Tensor:
    """(R, L) tokens, `time` of them written → (R, W) ids that would repeat an n-gram.

    Places where nothing would be repeated hold <pad>.
    """
    length = tokens.shape[1]
    windows = max(length - size + 1, 0)
    match = tf.range(windows) + size <= time  # (W,): written to their end
    match = tf.broadcast_to(match, [tf.shape(tokens)[0], windows])
    for offset in range(size - 1):
        position = tf.maximum(time - size + 1 + offset, 0)
        match &= tokens[:, offset : offset + windows] == tokens[:, position, tf.newaxis]
    return tf.where(match, tokens[:, size - 1 : size - 1 + windows], PAD)

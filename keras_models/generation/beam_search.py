"""Beam search over captions, with constraints and n-best lists."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, Optional

import tensorflow as tf

from keras_models.generation.fast_top_k import fast_top_k
from keras_models.generation.length_penalty import LengthPenalty, WuPenalty
from keras_models.generation.search import Search
from keras_models.generation.step import (
    Arrays,
    StepFn,
    batch_size,
    mask_padding,
    named_weights,
    new_arrays,
    write,
)
from keras_models.layers.functional.tokens import mask_invalid_tokens
from keras_models.structs import Captions, State, repeat_batch
from transform.common.config import Field, validator
from transform.records.vocabulary import BOS, EOS, PAD

IMPOSSIBLE = -float("inf")


class BeamSearch(Search):
    """Keeps the `width` best unfinished and finished captions at every step.

    A finished caption keeps its beam for as long as no other has a higher log p over
    length penalty. The probability of tokens that the constraints forbid is not given
    to the others: nothing is renormalised.
    """

    kind: Literal["beam"] = "beam"
    width: int = Field(5, ge=1)  # MGSA Sec. 4.2
    length_penalty: LengthPenalty = WuPenalty()  # what longer captions are excused
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
        """Writes the `n_best` captions of each clip; see `Search.search`."""
        del seed
        if self.min_words > max_words:
            raise ValueError(
                f"min_words = {self.min_words} exceeds max_words = {max_words}"
            )
        clips = batch_size(state)
        state, memory = repeat_batch((state, memory), self.width)
        beams = _Beams.start(clips, self.width, max_words + 1, state)

        def body(time: tf.Tensor, beams: _Beams, arrays: Arrays) -> tuple:
            beams, weights = self._advance(step, memory, max_words, time, beams)
            return time + 1, beams, write(arrays, time, weights)

        def not_settled(time: tf.Tensor, beams: _Beams, arrays: Arrays) -> tf.Tensor:
            del time, arrays
            return tf.reduce_any(~self._settled(beams, max_words + 1))

        # The first token is written before the loop: it shows which weights there are.
        beams, weights = self._advance(step, memory, max_words, tf.constant(0), beams)
        arrays = write(new_arrays(weights, max_words + 1), 0, weights)
        _, beams, arrays = tf.while_loop(
            not_settled,
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
        """Extends every beam by one token and keeps the best of all continuations."""
        width = self.width
        output = step(tf.reshape(beams.last, [-1]), beams.state, memory)
        log_probs = self._constrain(output.log_probs, beams, time, max_words)
        # Within a beam all continuations are equally long: log p alone decides.
        step_log_probs, tokens = fast_top_k(log_probs, width)  # (B · K, k)
        per_beam = tokens.shape[-1]
        step_log_probs = tf.reshape(step_log_probs, [-1, width, per_beam])
        tokens = tf.reshape(tokens, [-1, width, per_beam])
        finished = beams.finished[..., tf.newaxis]
        # A finished caption has one continuation, which is itself.
        finished_row = tf.where(tf.range(per_beam) == 0, 0.0, IMPOSSIBLE)  # (k,)
        step_log_probs = tf.where(finished, finished_row, step_log_probs)
        tokens = tf.where(finished, PAD, tokens)
        log_probs = beams.log_probs[..., tf.newaxis] + step_log_probs
        lengths = tf.where(beams.finished, beams.lengths, time + 1)  # (B, K)
        scores = log_probs / self.length_penalty(lengths)[..., tf.newaxis]

        def flatten(leaf: tf.Tensor) -> tf.Tensor:
            return tf.reshape(leaf, [-1, width * per_beam])

        scores, chosen = tf.math.top_k(flatten(scores), width)  # (B, K)
        parents = chosen // per_beam

        def select(leaf: tf.Tensor, index: tf.Tensor) -> tf.Tensor:
            return tf.gather(leaf, index, axis=1, batch_dims=1)

        tokens = select(flatten(tokens), chosen)
        rows = tf.range(tf.shape(parents)[0])[:, tf.newaxis] * width + parents
        rows = tf.reshape(rows, [-1])  # (B · K,)
        position = tf.range(max_words + 1) == time  # (L,)

        def append(history: tf.Tensor, value: tf.Tensor) -> tf.Tensor:
            return tf.where(position, value[..., tf.newaxis], select(history, parents))

        log_probs = select(flatten(log_probs), chosen)
        beams = _Beams(
            tokens=append(beams.tokens, tokens),
            word_log_probs=append(
                beams.word_log_probs, select(flatten(step_log_probs), chosen)
            ),
            parents=append(beams.parents, parents),
            last=tokens,
            log_probs=log_probs,
            scores=scores,
            lengths=select(lengths, parents),
            finished=(tokens == EOS) | (tokens == PAD) | (log_probs == IMPOSSIBLE),
            state=tf.nest.map_structure(
                lambda leaf: tf.gather(leaf, rows), output.state
            ),
        )
        return beams, named_weights(output.contexts)

    def _constrain(
        self, log_probs: tf.Tensor, beams: _Beams, time: tf.Tensor, max_words: int
    ) -> tf.Tensor:
        """Sets (B · K, V) log-probabilities to −∞ where a token must not follow."""
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
        """Tells, (B,), whether the `n_best` first captions can no longer change.

        log p only falls and the penalty only grows with length, so that the final score
        of an unfinished beam is at most its log p over the longest caption's penalty.
        """
        finished = beams.finished[:, : self.n_best]
        bounds = beams.log_probs / self.length_penalty(tf.constant(longest))
        best_unfinished = tf.reduce_max(
            tf.where(beams.finished, IMPOSSIBLE, bounds), axis=1
        )
        worst_kept = beams.scores[:, self.n_best - 1]
        return tf.reduce_all(finished, axis=1) & (worst_kept >= best_unfinished)

    def _captions(self, beams: _Beams, arrays: Arrays) -> Captions:
        """Returns the `n_best` captions with the attention weights of their tokens."""
        tokens = beams.tokens[:, : self.n_best]  # (B, n, L)
        log_probs = beams.log_probs[:, : self.n_best]
        tokens = tf.where(log_probs[..., tf.newaxis] == IMPOSSIBLE, PAD, tokens)
        parents = tf.transpose(beams.parents[:, : self.n_best], [0, 2, 1])

        def stack_by_caption(array: tf.TensorArray) -> tf.Tensor:
            stacked = array.stack()  # (L, B · K, …)
            tail = tf.shape(stacked)[2:]
            shape = tf.concat([[tf.shape(stacked)[0], -1, self.width], tail], axis=0)
            leaf = tf.reshape(stacked, shape)  # (L, B, K, …)
            inner = list(range(3, leaf.shape.rank))
            leaf = tf.transpose(leaf, [1, 0, 2, *inner])  # (B, L, K, …)
            leaf = tf.gather(leaf, parents, axis=2, batch_dims=2)  # (B, L, n, …)
            return mask_padding(tf.transpose(leaf, [0, 2, 1, *inner]), tokens)

        weights = {name: stack_by_caption(array) for name, array in arrays.items()}
        word_log_probs = mask_padding(beams.word_log_probs[:, : self.n_best], tokens)
        return Captions(tokens, log_probs, weights, word_log_probs)


class _Beams(NamedTuple):
    """The K beams of each of B clips, best first."""

    tokens: tf.Tensor  # (B, K, L) int32
    word_log_probs: tf.Tensor  # (B, K, L) log p of each token
    parents: tf.Tensor  # (B, K, L) int32: the beam that each token was written in
    last: tf.Tensor  # (B, K) int32
    log_probs: tf.Tensor  # (B, K) log p
    scores: tf.Tensor  # (B, K) log p over length penalty
    lengths: tf.Tensor  # (B, K) int32, <eos> included
    finished: tf.Tensor  # (B, K) bool
    state: State  # B · K rows

    @classmethod
    def start(cls, clips: tf.Tensor, width: int, length: int, state: State) -> _Beams:
        """Begins with one empty caption per clip; the other beams are impossible."""
        shape = [clips, width]
        log_probs = tf.where(tf.range(width) == 0, tf.zeros(shape), IMPOSSIBLE)
        return cls(
            tokens=tf.fill([clips, width, length], PAD),
            word_log_probs=tf.zeros([clips, width, length]),
            parents=tf.zeros([clips, width, length], tf.int32),
            last=tf.fill(shape, BOS),
            log_probs=log_probs,
            scores=log_probs,
            lengths=tf.zeros(shape, tf.int32),
            finished=tf.zeros(shape, tf.bool),
            state=state,
        )


def _completions(tokens: tf.Tensor, time: tf.Tensor, size: int) -> tf.Tensor:
    """Finds the tokens that would repeat an n-gram of a caption.

    Args:
        tokens: (R, L), of which the first `time` are written.
        time: () int32.
        size: n of the n-grams.

    Returns:
        (R, W) ids; <pad> for a window that would not be repeated.
    """
    length = tokens.shape[1]
    windows = max(length - size + 1, 0)
    match = tf.range(windows) + size <= time  # (W,): written to their end
    match = tf.broadcast_to(match, [tf.shape(tokens)[0], windows])
    for offset in range(size - 1):
        position = tf.maximum(time - size + 1 + offset, 0)
        match &= tokens[:, offset : offset + windows] == tokens[:, position, tf.newaxis]
    return tf.where(match, tokens[:, size - 1 : size - 1 + windows], PAD)

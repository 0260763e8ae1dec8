"""The tensors that pass between the parts of a captioner.

The alphabet of axes, the same everywhere:
    B batch · T time steps (key frames) · S cells or regions of a frame
    D encoder width · C width of a context vector · L caption length · V vocabulary
    K beams or samples

Fields are never None: a missing tensor is `()` or an empty dict, so that
`tf.nest` walks every struct.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow as tf

State = Any  # a nest of tensors with the batch on axis 0 everywhere


class VideoBatch(NamedTuple):
    """A batch of clips, as an encoder reads it."""

    video_id: tf.Tensor  # (B,) string
    features: dict[str, tf.Tensor]  # each (B, T, …); uint8 planes, float16 or float32
    masks: dict[str, tf.Tensor]  # each (B, T) bool


class TrainingBatch(NamedTuple):
    """A batch of clips with captions to learn from."""

    video: VideoBatch
    tokens: tf.Tensor  # (B, K, L) int32: K captions a clip, each ends in <eos>, then 0


class EncodedVideo(NamedTuple):
    """The encoder's output for a batch of clips, which depends on no word."""

    frames: tf.Tensor  # (B, T, D) one vector per time step, 0 where masked
    frame_mask: tf.Tensor  # (B, T) bool
    grids: tuple[tf.Tensor, ...]  # each (B, T, S, D), one per spatial level
    grid_masks: tuple[tf.Tensor, ...]  # each (B, T, S) bool, beside `grids`
    summary: tf.Tensor  # (B, D) seeds the decoder's state
    weights: dict[str, tf.Tensor]  # attention for plots, e.g. "spatial" (B, T, S)
    aux: dict[str, tf.Tensor]  # for objectives only, e.g. "keyframe_log_prob" (B, T)
    frame_streams: tuple[tf.Tensor, ...] = ()  # (B, T, ·), attended as `frames` are
    clip_vectors: tuple[tf.Tensor, ...] = ()  # (B, ·), the same for every word


class Context(NamedTuple):
    """The result of one attention step, for one word."""

    vector: tf.Tensor  # (B, C)
    weights: dict[str, tf.Tensor]  # e.g. "temporal" (B, T); sums to 1 where unmasked
    log_prob: tf.Tensor  # (B,) of the sampled choice; 0 for soft attention
    losses: dict[str, tf.Tensor]  # auxiliary losses of this step by name, each (B,)


class StepOutput(NamedTuple):
    """The result of one decoder step: the next word's distribution."""

    log_probs: tf.Tensor  # (B, V) float32
    state: State
    contexts: tuple[Context, ...]


class WordLogProbs(NamedTuple):
    """Logarithms of what a model says of given words, each (R, L) float32.

    They are 0 where the word is <pad>: nothing is computed beyond a caption's end.
    """

    given: tf.Tensor  # of the word's own probability
    mean: tf.Tensor  # of all words' probabilities, averaged: for label smoothing
    forbidden: tf.Tensor  # of what <pad>, <bos> and <unk> have together


class TeacherForced(NamedTuple):
    """The decoder's output for given captions, in R = B · K rows, clip by clip.

    In a graph, only those parts are computed that are used: objectives use `words`.
    """

    words: WordLogProbs
    log_probs: tf.Tensor  # (R, L, V) float32, of all words at every place
    contexts: tuple[Context, ...]  # each leaf with a time axis: (R, L, …)
    encoded: EncodedVideo  # (B, …): not repeated


class Captions(NamedTuple):
    """The captions that a search generates, best first, with attention weights."""

    tokens: tf.Tensor  # (B, K, L) int32, <eos> and then 0
    log_probs: tf.Tensor  # (B, K) float32, total, without length normalisation
    weights: dict[str, tf.Tensor]  # each (B, K, L, …), per word
    word_log_probs: tf.Tensor  # (B, K, L) float32, whose sum is `log_probs`


class GenerationOutput(NamedTuple):
    """The captions of a batch of clips, and the attention that they came from."""

    captions: Captions
    weights: dict[str, tf.Tensor]  # the encoder's attention, e.g. "spatial" (B, T, S)
    extras: dict[str, tf.Tensor]  # about each caption, each (B, K), e.g. "relevance"


class LossOutput(NamedTuple):
    """An objective's loss, and the metrics that are logged."""

    loss: tf.Tensor  # ()
    metrics: dict[str, tf.Tensor]  # scalars


def caption_numbers(tokens: tf.Tensor) -> tf.Tensor:
    """Numbers (B, K, L) captions clip by clip: (B, K) int32."""
    return tf.reshape(tf.range(tf.size(tokens[..., 0])), tf.shape(tokens)[:2])


def repeat_batch(nest: Any, times: int) -> Any:
    """Repeats every leaf's rows `times` times, adjacent: (B, …) → (B · times, …).

    A part of the nest that says `rows_are_clips` stays as it is: whoever reads it does
    so for several captions of a clip at once.
    """
    if getattr(nest, "rows_are_clips", False):
        return nest
    if isinstance(nest, tuple | dict):
        parts = nest.values() if isinstance(nest, dict) else nest
        repeated = [repeat_batch(part, times) for part in parts]
        if isinstance(nest, dict):
            return dict(zip(nest, repeated, strict=True))
        return type(nest)(*repeated) if hasattr(nest, "_fields") else tuple(repeated)
    return tf.repeat(nest, times, axis=0)

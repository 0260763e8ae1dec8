"""Step attention that scores the items of a source and sums their values."""

from __future__ import annotations

from typing import Any, NamedTuple, Union

import tensorflow as tf

from keras_models.attention.base import StepAttention
from keras_models.attention.selection import SelectionWeights, select_all
from keras_models.attention.sources import AttentionSource
from keras_models.layers.additive_score import AdditiveScore
from keras_models.layers.functional import clip_rows
from keras_models.layers.functional.attend import (
    clip_sums,
    flatten_items,
    restore_items,
)
from keras_models.layers.multiplicative_score import MultiplicativeScore
from keras_models.structs import Context, EncodedVideo, State

Score = Union[AdditiveScore, MultiplicativeScore]


class AttentionMemory(NamedTuple):
    """The items of a batch of videos, which no word changes.

    Several captions of a clip read the same rows: see `clip_rows`.
    """

    keys: tf.Tensor  # (B, N…, A)
    values: tf.Tensor  # (B, N…, D…)
    mask: tf.Tensor  # (B, N…) bool

    @property
    def rows_are_clips(self) -> bool:
        """Whether no row has to be repeated for each caption of its clip."""
        return True


class ItemAttention(StepAttention):
    """Attends to the items of a source by their scores against the query.

        α = softmax_i(score(q, k_i)) ,  vector = Σ_i α_i v_i

    The keys k_i are computed once per video. There is no state.

    Args:
        source: Says which items are attended and what their weights are called.
        score: The layer that scores them.

    Returns:
        `Context` with `vector` (B, D…) and α under the source's names; all 0 for a
        video without a single item.
    """

    def __init__(self, source: AttentionSource, score: Score, **kwargs: Any):
        super().__init__(**kwargs)
        self.source = source
        self.energy = score

    def prepare(self, encoded: EncodedVideo, training: bool = False) -> Any:
        """Returns the items of a batch of videos as an `AttentionMemory`."""
        del training
        items = self.source.items(encoded)
        return AttentionMemory(
            self.energy.keys(items.features), items.values, items.mask
        )

    def select(
        self, scores: tf.Tensor, mask: tf.Tensor, training: bool
    ) -> SelectionWeights:
        """Returns how much is taken of each item, given scores and mask (B, N)."""
        del training
        return select_all(scores, mask)

    def attend(
        self, query: tf.Tensor, memory: AttentionMemory, training: bool = False
    ) -> Context:
        """Returns what is taken of the items for queries (R, Q) of R / B captions."""
        scores = self.energy(query, memory.keys)  # (R, N…)
        mask = clip_rows.repeat_for_captions(flatten_items(memory.mask), query)
        selected = self.select(flatten_items(scores), mask, training)
        selection = restore_items(selected.selection, scores)
        weights = restore_items(selected.weights, scores)
        return Context(
            clip_sums(selection, memory.values),
            self.source.name_weights(weights),
            selected.log_prob,
            {},
        )

    def call(
        self,
        query: tf.Tensor,
        memory: Any,
        state: State,
        training: bool = False,
    ) -> tuple[Context, State]:
        return self.attend(query, memory, training), state

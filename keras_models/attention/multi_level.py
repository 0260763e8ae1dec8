"""Attention to the locations of several feature levels at once."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Optional, Union

import tensorflow as tf

from keras_models.attention.item_attention import ItemAttention
from keras_models.attention.selection import (
    HardConfig,
    Selection,
    SelectionWeights,
    SoftConfig,
)
from keras_models.attention.sources import Levels
from keras_models.layers.additive_score import AdditiveScore
from keras_models.layers.initializers import INITIAL_RANGE, first_weights
from keras_models.structs import Context, State
from keras_models.weight_axes import EncodedSources, NamedAxes
from transform.common.config import BY_KIND, Config, Field

SelectionConfig = Annotated[Union[SoftConfig, HardConfig], BY_KIND]


class MultiLevelConfig(Config):
    """dualAFR's spatio-temporal attention alone: its rows of one level."""

    kind: Literal["places"] = "places"
    units: int = Field(512, ge=1)  # not given in the paper
    choice: SelectionConfig = SoftConfig()  # a weighted sum, or one drawn
    # of first weights, U(−r, r); null for Glorot and Bengio's (2010)
    initial_range: Optional[float] = Field(INITIAL_RANGE, gt=0)

    def build(self, name: str = "attention") -> MultiLevelAttention:
        """Returns the layer that this configuration describes."""
        score = AdditiveScore(
            self.units, first_weights(self.initial_range), name="energy"
        )
        return MultiLevelAttention(score, self.choice.build("place"), name=name)

    def weight_axes(self, sources: EncodedSources) -> NamedAxes:
        """Returns what the weights are about: locations."""
        return Levels().weight_axes(sources)


class MultiLevelAttention(ItemAttention):
    """Attention with one α for all levels, from what all of them say of a location.

        e_ti = w^T tanh(W_a [â_i1 … â_iL] + W_h h_{t−1} + b) ;  α_t = softmax_i(e_ti)
        s_tl = ψ({â_il}_i, α_t)                  (Pu et al., 2018, Eq. 4, 5)

    A location is a cell of the grid at a time step. ψ is the `Selection`.

    Returns:
        `Context` with `vector` [s_t1 … s_tL] (B, L · D) and α as `weights["spatial"]`
        (B, T, S) and, summed over a step, `weights["temporal"]` (B, T); all 0 for a
        clip without a single location. There is no state.
    """

    def __init__(self, score: AdditiveScore, selection: Selection, **kwargs: Any):
        super().__init__(Levels(), score, **kwargs)
        self.choice = selection

    def select(
        self, scores: tf.Tensor, mask: tf.Tensor, training: bool
    ) -> SelectionWeights:
        """Returns how much ψ takes of each location, given scores and mask (B, N)."""
        return self.choice(scores, mask, training=training)

    def call(
        self,
        query: tf.Tensor,
        memory: Any,
        state: State,
        training: bool = False,
    ) -> tuple[Context, State]:
        context = self.attend(query, memory, training)
        _, levels, width = context.vector.shape  # (B, L, D)
        vector = tf.reshape(context.vector, [-1, levels * width])
        return context._replace(vector=vector), state

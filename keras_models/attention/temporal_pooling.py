"""Poolings over the frames of a clip, from (B, T, D) to (B, D)."""

from __future__ import annotations

import abc
from typing import Any, Literal

import tensorflow as tf

from keras_models.attention.cell_attention import AttentionOutput
from keras_models.layers.additive_score import AdditiveScore
from keras_models.layers.functional.attend import attend
from keras_models.layers.functional.masking import masked_mean
from keras_models.layers.lstm_cell import LSTMCell, input_projection
from keras_models.layers.masked_lstm import last_state
from keras_models.weight_axes import NamedAxes, Source, WeightAxes
from transform.common.config import Config, Field


class TemporalPooling(tf.keras.layers.Layer, abc.ABC):
    """Pools frames as the temporal half of ST attention: a row of STaTS' Table 2.

    Call arguments:
        frames: (B, T, D), x̂_1 … x̂_N of this word, 0 where masked.
        query: (B, Q), the language state; None where the pooling does not read it.
        mask: (B, T) bool.

    Returns:
        `AttentionOutput` of the width D of the frames; 0 for a clip without any frame.
    """

    reads_query: bool = False  # whether each word pools the same frames in its own way

    @abc.abstractmethod
    def call(
        self, frames: tf.Tensor, query: tf.Tensor | None, mask: tf.Tensor
    ) -> AttentionOutput:
        raise NotImplementedError


class MeanPoolingConfig(Config):
    """Mean pooling over time (STaTS Table 2, "Mean Pool")."""

    kind: Literal["mean"] = "mean"

    def build(self, name: str) -> MeanPooling:
        """Returns the layer that this configuration describes."""
        return MeanPooling(name=name)

    def weight_axes(self, source: Source | None) -> NamedAxes:
        """Returns nothing: there are no weights."""
        del source
        return {}


class MeanPooling(TemporalPooling):
    """Mean x̂ = (1/N) Σ_n x̂_n over the unmasked frames."""

    def call(
        self, frames: tf.Tensor, query: tf.Tensor | None, mask: tf.Tensor
    ) -> AttentionOutput:
        del query
        return AttentionOutput(masked_mean(frames, mask), {}, {})


class LSTMPoolingConfig(Config):
    """An LSTM over the frames (STaTS Table 2, "LSTM")."""

    kind: Literal["last_state"] = "last_state"

    def build(self, name: str) -> LSTMPooling:
        """Returns the layer that this configuration describes."""
        return LSTMPooling(name=name)

    def weight_axes(self, source: Source | None) -> NamedAxes:
        """Returns nothing: there are no weights."""
        del source
        return {}


class LSTMPooling(TemporalPooling):
    """Last output x̂ of an LSTM over x̂_1 … x̂_N (Cherian et al., 2020, Eq. 8).

    The LSTM is as wide as the frames are. A masked frame leaves the state as it was.
    """

    def build(self, input_shape: tf.TensorShape) -> None:
        width = input_shape[-1]
        self.frames = input_projection(width, "frames", bias=True)
        self.cell = LSTMCell(width, name="cell")
        super().build(input_shape)

    def call(
        self, frames: tf.Tensor, query: tf.Tensor | None, mask: tf.Tensor
    ) -> AttentionOutput:
        del query
        state = last_state(self.cell, self.frames(frames), mask)
        return AttentionOutput(state.hidden, {}, {})


class AdditivePoolingConfig(Config):
    """Temporal attention (STaTS Table 2, "Mean + Temp Att")."""

    kind: Literal["additive_pooling"] = "additive_pooling"
    units: int = Field(128, ge=1)  # Sec. 4.1

    def build(self, name: str) -> AdditivePooling:
        """Returns the layer that this configuration describes."""
        return AdditivePooling(self.units, name=name)

    def weight_axes(self, source: Source | None) -> NamedAxes:
        """Returns what the weights are about, given what the frames belong to."""
        return {"temporal": WeightAxes(axes=("word", "step"), source=source)}


class AdditivePooling(TemporalPooling):
    """Additive attention over the frames (Cherian et al., 2020, Eq. 1).

        τ = softmax_n att(h, x̂_n) ;  x̂ = Σ_n τ_n x̂_n

    Weights: "temporal" (B, T).
    """

    reads_query = True

    def __init__(self, units: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.energy = AdditiveScore(units, name="energy")

    def call(
        self, frames: tf.Tensor, query: tf.Tensor | None, mask: tf.Tensor
    ) -> AttentionOutput:
        scores = self.energy(query, self.energy.keys(frames))  # (B, T)
        vector, weights = attend(scores, frames, mask)
        return AttentionOutput(vector, {"temporal": weights}, {})


class RankedPoolingConfig(Config):
    """Ranked temporal attention (STaTS Sec. 3.1.2; Table 2, "Ranked Att").

    The loss "rank" goes with it, which the objectives of captions add to theirs.
    """

    kind: Literal["ranked"] = "ranked"
    margin: float = Field(1.0, ge=0)  # β; its value is not given
    weight: float = Field(0.1, ge=0)  # λ, of the loss; its value is not given

    def build(self, name: str) -> RankedPooling:
        """Returns the layer that this configuration describes."""
        return RankedPooling(self.margin, self.weight, name=name)

    def weight_axes(self, source: Source | None) -> NamedAxes:
        """Returns nothing: there are no weights."""
        del source
        return {}


class RankedPooling(LSTMPooling):
    """LSTM pooling whose output learns to point in the direction of time.

        L_rank = Σ_{n ≥ 2} softplus(⟨x̂, x̂_{n−1}⟩ + β − ⟨x̂, x̂_n⟩)

    (Cherian et al., 2020, Eq. 6 and 7), over neighbours that are both unmasked. Losses:
    "rank" (B,), λ · L_rank of every word.
    """

    def __init__(self, margin: float, weight: float, **kwargs: Any):
        super().__init__(**kwargs)
        self.margin = margin
        self.weight = weight

    def call(
        self, frames: tf.Tensor, query: tf.Tensor | None, mask: tf.Tensor
    ) -> AttentionOutput:
        vector = super().call(frames, query, mask).vector
        positions = tf.einsum(  # ⟨x̂, x̂_n⟩
            "bd,btd->bt", tf.cast(vector, tf.float32), tf.cast(frames, tf.float32)
        )
        costs = tf.nn.softplus(positions[:, :-1] + self.margin - positions[:, 1:])
        both = mask[:, :-1] & mask[:, 1:]
        rank = tf.reduce_sum(tf.where(both, costs, 0.0), axis=1)  # (B,)
        return AttentionOutput(vector, {}, {"rank": self.weight * rank})

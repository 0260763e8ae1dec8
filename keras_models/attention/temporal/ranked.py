"""Ranked attention: an LSTM whose output tells the frames' order."""

from __future__ import annotations

from typing import Any, Literal

import pydantic
import tensorflow as tf

from keras_models.attention.branch import Attended
from keras_models.attention.temporal.last_state import LastStatePooling
from transform.common.config import Config


class RankedConfig(Config):
    """Ranked temporal attention (STaTS Sec. 3.1.2; Table 2, "Ranked Att").

    The loss "rank" goes with it: objectives weigh it by `auxiliary`, the paper's λ.
    """

    kind: Literal["ranked"] = "ranked"
    margin: float = pydantic.Field(1.0, ge=0)  # β; its value is not given

    def build(self, name: str) -> RankedPooling:
        """The layer."""
        return RankedPooling(self.margin, name=name)


class RankedPooling(LastStatePooling):
    """`LastStatePooling` that learns to point in the direction of time.

        L_rank = Σ_{n ≥ 2} softplus(⟨x̂, x̂_{n−1}⟩ + β − ⟨x̂, x̂_n⟩)

    (Cherian et al., 2020, Eq. 6 and 7), over neighbours that are both there. Losses:
    "rank" (B,), one for every word.
    """

    def __init__(self, margin: float, **kwargs: Any):
        super().__init__(**kwargs)
        self.margin = margin

    def call(self, frames: tf.Tensor, query: tf.Tensor, mask: tf.Tensor) -> Attended:
        vector = super().call(frames, query, mask).vector
        places = tf.einsum(  # ⟨x̂, x̂_n⟩
            "bd,btd->bt", tf.cast(vector, tf.float32), tf.cast(frames, tf.float32)
        )
        costs = tf.nn.softplus(places[:, :-1] + self.margin - places[:, 1:])
        both = mask[:, :-1] & mask[:, 1:]
        rank = tf.reduce_sum(tf.where(both, costs, 0.0), axis=1)  # (B,)
        return Attended(vector, {}, {"rank": rank})

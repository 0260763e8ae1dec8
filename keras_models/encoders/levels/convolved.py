"""Alignment by a convolution: dualAFR's own."""

from __future__ import annotations

from typing import Any, Literal

import pydantic
import tensorflow as tf

from keras_models.encoders.levels.level import Aligned, Level, masked_steps
from keras_models.layers.functional.blocks import as_steps, blocks_there
from keras_models.layers.functional.masking import expand_mask
from keras_models.layers.initializers import SMALL_UNIFORM
from transform.common.config import Config


class ConvolvedConfig(Config):
    """Maps that are convolved and max-pooled (dualAFR, appendix)."""

    kind: Literal["convolved"] = "convolved"
    feature: str
    kernel: int = pydantic.Field(ge=1)  # along each of the three axes
    ratio: int = pydantic.Field(ge=1)  # of the max-pooling
    filters: int = pydantic.Field(512, ge=1)  # as many as pool5 has

    @pydantic.validator("kernel")
    def _odd(cls, kernel: int) -> int:  # noqa: N805
        if kernel % 2 == 0:
            raise ValueError("a kernel needs a centre: its size must be odd")
        return kernel

    def build(self, name: str) -> Convolved:
        """The layer."""
        return Convolved(self, name=name)


class Convolved(Level):
    """â_l = maxpool(relu(Σ_k a_l(k) ∗ U_kl + b_l)) (Pu et al., 2018, Eq. 3).

    The convolution sees zeros around the clip, (kernel − 1) / 2 of them on each side;
    pooling rounds sizes up: in space on both sides, in time at the end, so that blocks
    begin with the clip. What the kernel makes of the steps behind a clip's end cannot
    win. ReLU comes after the pooling, which it changes nothing of: it then keeps no
    copy of the convolved maps, hundreds of times as large, for its gradient.
    """

    def __init__(self, config: ConvolvedConfig, **kwargs: Any):
        super().__init__(**kwargs)
        self.ratio = config.ratio
        self.convolution = tf.keras.layers.Conv3D(
            config.filters,
            config.kernel,
            padding="same",
            kernel_initializer=SMALL_UNIFORM,
            name="convolution",
        )

    def call(self, maps: tf.Tensor, mask: tf.Tensor) -> Aligned:
        steps = maps.shape[1] or tf.shape(maps)[1]
        late = [[0, 0], [0, -steps % self.ratio]]
        mask = tf.pad(mask, late)
        convolved = self.convolution(tf.pad(maps, [*late, [0, 0], [0, 0], [0, 0]]))
        least = convolved.dtype.min
        convolved = tf.where(expand_mask(mask, convolved), convolved, least)
        pooled = tf.nn.max_pool3d(convolved, self.ratio, self.ratio, "SAME")
        cells = as_steps(tf.nn.relu(pooled))
        return masked_steps(cells, blocks_there(mask, self.ratio))

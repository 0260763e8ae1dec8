"""Initial spatial attention maps from optical flow: Φ_c."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Union

import tensorflow as tf

from keras_models.layers.area_pooling import AreaPooling
from keras_models.layers.garu import GARUConfig
from keras_models.layers.identity_recurrence import IdentityRecurrenceConfig
from keras_models.structs import VideoBatch
from transform.common.config import BY_KIND, Config, Field

Recurrence = Annotated[Union[GARUConfig, IdentityRecurrenceConfig], BY_KIND]


class FlowGuideConfig(Config):
    """Spatial attention guided by motion (MGSA Sec. 3.2).

    The paper gives Φ_c's depth and its interleaved max-pooling, not its widths.
    """

    kind: Literal["flow_guide"] = "flow_guide"
    flow: str = "flow"  # the record feature
    channels: tuple[int, ...] = (32, 64, 64, 64)  # with the last layer's 1: 5 layers
    kernel: int = Field(3, ge=1)  # of the convolutions
    first_stride: int = Field(1, ge=1)  # 2 costs a quarter
    recurrence: Recurrence = GARUConfig()  # from frame to frame

    def features(self) -> tuple[str, ...]:
        """Returns the record features that the maps need."""
        return (self.flow,)

    def build(self, grid: tuple[int, int]) -> FlowGuide:
        """Returns the layer for maps of `grid` (rows, columns)."""
        return FlowGuide(self, grid, name="flow_guide")


class FlowGuide(tf.keras.layers.Layer):
    """Computes A^r = Φ_c(F) of all frames (Chen and Jiang, 2019, Eq. 1).

    Convolutions with ReLU, each followed by 2×2 max-pooling (SAME) along those axes
    that stay at least as long as the grid's, then a convolution to one channel. What
    remains between its map and the grid is averaged by area, so that every flow size
    goes with every grid; where flow size = grid size · 2^k nothing remains.

    Call arguments:
        video: `VideoBatch` with the flow stacks (B, T, rows, columns, 2M) in [−1, 1].
        regions: (B, T, S, D), unused.
        summary: (B, T, D), unused.

    Returns:
        (B, T, S): 0 where a frame has no flow.
    """

    def __init__(self, config: FlowGuideConfig, grid: tuple[int, int], **kwargs: Any):
        super().__init__(**kwargs)
        self.config = config
        self.grid = grid
        self.convolutions = [
            tf.keras.layers.Conv2D(
                channels,
                config.kernel,
                strides=1 if index else config.first_stride,
                padding="same",
                activation="relu",
                name=f"convolution_{index + 1}",
            )
            for index, channels in enumerate(config.channels)
        ]
        self.map = tf.keras.layers.Conv2D(1, config.kernel, padding="same", name="map")
        self.fit = AreaPooling(self.grid, name="fit")

    def call(
        self, video: VideoBatch, regions: tf.Tensor, summary: tf.Tensor
    ) -> tf.Tensor:
        del regions, summary
        flow = video.features[self.config.flow]
        frame_shape = flow.shape[2:]
        x = tf.reshape(flow, [-1, *frame_shape])  # (B · T, rows, columns, 2M)
        for convolution in self.convolutions:
            x = convolution(x)
            window = [
                2 if size >= 2 * target else 1
                for size, target in zip(x.shape[1:3], self.grid, strict=True)
            ]
            if window != [1, 1]:
                x = tf.nn.max_pool2d(x, window, window, "SAME")
        maps = self.fit(self.map(x))  # (B · T, H, W, 1)
        rows, columns = self.grid
        steps = flow.shape[1] or tf.shape(flow)[1]
        maps = tf.reshape(maps, [-1, steps, rows * columns])
        mask = video.masks[self.config.flow][..., tf.newaxis]
        return tf.where(mask, maps, 0)

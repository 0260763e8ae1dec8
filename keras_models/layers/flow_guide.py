"""Initial spatial attention maps from optical flow: Φ_c."""

from __future__ import annotations

import math
from typing import Any, Literal

import tensorflow as tf

from keras_models.layers.garu import GARUConfig, Recurrence
from keras_models.structs import VideoBatch
from transform.common.config import Config, Field


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

    Convolutions with ReLU, interleaved with 2×2 max-pooling until the map is the grid,
    then a convolution to one channel. Planes of another size than the grid's times 2^k
    are resized to the nearest such size first, k at most one pooling a convolution, "so
    that the CNN outputs match the spatial size of image features" (Sec. 4.2): stored
    planes of 128 × 128 and a grid of 8 × 8 cells need no resizing.

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

    def call(
        self, video: VideoBatch, regions: tf.Tensor, summary: tf.Tensor
    ) -> tf.Tensor:
        del regions, summary
        flow = video.features[self.config.flow]
        frame_shape = flow.shape.as_list()[2:]
        x = tf.reshape(flow, [-1, *frame_shape])  # (B · T, rows, columns, 2M)
        halvings = [
            self._halvings(size, cells)
            for size, cells in zip(frame_shape[:2], self.grid, strict=True)
        ]
        size = [
            cells * self.config.first_stride * 2**k
            for cells, k in zip(self.grid, halvings, strict=True)
        ]
        if size != frame_shape[:2]:
            x = tf.cast(tf.image.resize(x, size), x.dtype)
        for index, convolution in enumerate(self.convolutions):
            window = [2 if index < k else 1 for k in halvings]
            x = convolution(x)
            if window != [1, 1]:
                x = tf.nn.max_pool2d(x, window, window, "VALID")
        steps = flow.shape[1] or tf.shape(flow)[1]
        maps = tf.reshape(self.map(x), [-1, steps, math.prod(self.grid)])
        mask = video.masks[self.config.flow][..., tf.newaxis]
        return tf.where(mask, maps, 0)

    def _halvings(self, size: int, cells: int) -> int:
        """Returns how many poolings bring a side nearest to so many cells."""
        halvings = round(math.log2(size / (cells * self.config.first_stride)))
        return min(max(halvings, 0), len(self.convolutions))

"""An encoder that reads a clip's frames with an LSTM."""

from __future__ import annotations

from typing import Any, Literal, Optional

import tensorflow as tf

from keras_models.encoders.encoder import Encoder, EncoderConfig
from keras_models.encoders.modalities import FrameModality
from keras_models.layers.initializers import INITIAL_RANGE, first_weights
from keras_models.layers.lstm_cell import LSTMCell
from keras_models.layers.masked_lstm import last_state
from keras_models.structs import EncodedVideo, VideoBatch
from keras_models.weight_axes import EncodedSources, Source
from transform.common.config import Field
from transform.schema import FeatureSpec


class FrameLSTMConfig(EncoderConfig):
    """The encoder of an LSTM encoder–decoder (dualAFR Table 1, "ResNet + LSTM")."""

    kind: Literal["frame_lstm"] = "frame_lstm"
    frames: str = (
        "resnet152_grid"  # record feature; the paper does not say which ResNet
    )
    units: int = Field(512, ge=1)  # of the LSTM over frames
    # of first weights, U(−r, r); null for Glorot and Bengio's (2010)
    initial_range: Optional[float] = Field(INITIAL_RANGE, gt=0)

    def features(self) -> tuple[str, ...]:
        """Returns the names of the record features that the encoder reads."""
        return (self.frames,)

    def build(self, spec: FeatureSpec) -> FrameLSTMEncoder:
        """Returns the encoder, which fits features of every shape."""
        del spec
        return FrameLSTMEncoder(self, name="encoder")

    def sources(self) -> EncodedSources:
        """Returns the feature as the source of the frames."""
        return EncodedSources(Source(feature=self.frames))


class FrameLSTMEncoder(Encoder):
    """Summarises a clip by the last state of an LSTM (Cho et al., 2014).

    Returns:
        `EncodedVideo`: `frames` are the mean cells (B, T, D), `summary` is the LSTM's
        last output (B, U), 0 for a clip without frames.
    """

    def __init__(self, config: FrameLSTMConfig, **kwargs: Any):
        super().__init__(**kwargs)
        self.stream = FrameModality(feature=config.frames)
        self.inputs = tf.keras.layers.Dense(
            4 * config.units,
            kernel_initializer=first_weights(config.initial_range),
            name="inputs",
        )
        self.lstm = LSTMCell(config.units, name="lstm")

    def call(self, video: VideoBatch, training: bool = False) -> EncodedVideo:
        del training
        mask = video.masks[self.stream.feature]
        frames = self.stream(video, mask)  # (B, T, D)
        return EncodedVideo(
            frames=frames,
            frame_mask=mask,
            grids=(),
            grid_masks=(),
            summary=last_state(self.lstm, self.inputs(frames), mask).hidden,
            weights={},
            aux={},
        )

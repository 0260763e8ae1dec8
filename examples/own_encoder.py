"""Trains a captioner with an encoder of one's own, without a change to Kinescribe.

    python examples/own_encoder.py RECORDS out

The encoder embeds the mean cell of every frame, and says by how much the clip's last
frame differs from its first.
"""

from __future__ import annotations

import pathlib
import sys
from typing import Any, Literal

import tensorflow as tf

import kinescribe
from keras_models.attention.bahdanau import AdditiveConfig
from keras_models.decoders.two_layer_lstm import TwoLayerLSTMConfig
from keras_models.encoders import Encoder, EncoderConfig
from keras_models.structs import EncodedVideo, VideoBatch


class FirstAndLastConfig(EncoderConfig):
    """The settings of `FirstAndLastEncoder`."""

    kind: Literal["first_and_last"] = "first_and_last"
    grid: str = "tiny"  # a record feature of (rows, columns, width)
    units: int = 64

    def features(self) -> tuple[str, ...]:
        """Returns the names of the record features that the encoder reads."""
        return (self.grid,)

    def build(self, spec: kinescribe.FeatureSpec) -> FirstAndLastEncoder:
        """Returns the encoder of records with a specification."""
        del spec
        return FirstAndLastEncoder(self, name="encoder")


class FirstAndLastEncoder(Encoder):
    """Frames are attended; the summary is the last frame less the first."""

    def __init__(self, config: FirstAndLastConfig, **kwargs: Any):
        super().__init__(**kwargs)
        self.grid = config.grid
        self.embed = tf.keras.layers.Dense(config.units, "relu", name="embed")

    def call(self, video: VideoBatch, training: bool = False) -> EncodedVideo:
        del training
        mask = video.masks[self.grid]  # (B, T)
        cells = tf.reduce_mean(video.features[self.grid], axis=[2, 3])  # (B, T, C)
        frames = tf.where(mask[..., tf.newaxis], self.embed(cells), 0)  # (B, T, D)
        count = tf.reduce_sum(tf.cast(mask, tf.int32), axis=1)  # (B,)
        last = tf.gather(frames, tf.maximum(count - 1, 0), axis=1, batch_dims=1)
        return EncodedVideo(
            frames=frames,
            frame_mask=mask,
            grids=(),
            grid_masks=(),
            summary=last - frames[:, 0],  # (B, D)
            weights={},
            aux={},
        )


def main(records: str, out: str, epochs: int = 4) -> None:
    """Trains the captioner and prints its validation score."""
    model = kinescribe.CaptionerConfig(
        encoder=FirstAndLastConfig(),
        attentions=(AdditiveConfig(units=32),),
        decoder=TwoLayerLSTMConfig(units=64, embedding=32),
    )
    plan = kinescribe.Plan.from_dict(
        {
            "stages": [
                {
                    "name": "cross_entropy",
                    "objective": {"kind": "cross_entropy"},
                    "epochs": epochs,
                }
            ]
        }
    )
    result = kinescribe.train(
        model,
        kinescribe.ExtractedDataset(records),
        pathlib.Path(out) / "runs",
        plan=plan,
    )
    print(f"validation CIDEr-D {result.score:.3f}")


if __name__ == "__main__":
    main(*sys.argv[1:3])

"""The encoder of STaTS: streams of features, each embedded by a linear layer."""

from __future__ import annotations

from typing import Any, Literal

import tensorflow as tf

from keras_models.encoders.encoder import Encoder, EncoderConfig
from keras_models.encoders.feature_views import as_cells, as_vectors
from keras_models.layers.functional.masking import expand_mask, masked_mean
from keras_models.structs import EncodedVideo, VideoBatch
from keras_models.weight_axes import EncodedSources, Source
from transform.common.config import Field, validator
from transform.schema import FeatureSpec


class StreamsConfig(EncoderConfig):
    """The inputs of STaTS (Cherian et al., 2020, Sec. 4.1); a row of Tables 3 and 4."""

    kind: Literal["streams"] = "streams"
    streams: tuple[str, ...] = ("i3d_rgb",)  # record features, each a grid
    clip: tuple[str, ...] = ()  # record features of the whole clip: the class label
    units: int = Field(512, ge=1)  # Sec. 4.1

    @validator("streams")
    def _some(cls, streams: tuple[str, ...]) -> tuple[str, ...]:
        if not streams:
            raise ValueError("at least one stream is needed")
        return streams

    def features(self) -> tuple[str, ...]:
        """Returns the names of the record features that the encoder reads."""
        return (*self.streams, *self.clip)

    def build(self, spec: FeatureSpec) -> StreamsEncoder:
        """Returns the encoder, which fits features of every shape."""
        del spec
        return StreamsEncoder(self, name="encoder")

    def sources(self) -> EncodedSources:
        """Returns each stream as the source of its grid."""
        streams = tuple(Source(feature=name) for name in self.streams)
        return EncodedSources(streams[0], streams)


class StreamsEncoder(Encoder):
    """Embeds every cell x of every stream linearly: W x + b.

    `feature_views` says what the cells of a vector, a grid and regions are.

    Returns:
        `EncodedVideo` with a grid (B, T, S, D) for every stream, each with its own
        number of steps, and a clip vector (B, D) for every `clip` feature, 0 where a
        clip has none. `frames` are the first stream's mean cells.
    """

    def __init__(self, config: StreamsConfig, **kwargs: Any):
        super().__init__(**kwargs)
        self.config = config
        self.embeddings = {
            name: tf.keras.layers.Dense(config.units, name=f"embed_{name}")
            for name in config.features()
        }

    def call(self, video: VideoBatch, training: bool = False) -> EncodedVideo:
        del training
        grids, masks = [], []
        for name in self.config.streams:
            cells, mask = as_cells(video.features[name], video.masks[name])
            cells = self.embeddings[name](cells)  # (B, T, S, D)
            grids.append(tf.where(mask[..., tf.newaxis], cells, 0))
            masks.append(mask)
        frames = masked_mean(grids[0], masks[0], axis=2)  # (B, T, D)
        frame_mask = tf.reduce_any(masks[0], axis=2)
        return EncodedVideo(
            frames=frames,
            frame_mask=frame_mask,
            grids=tuple(grids),
            grid_masks=tuple(masks),
            summary=masked_mean(frames, frame_mask),
            weights={},
            aux={},
            clip_vectors=tuple(self._embed_clip(video, n) for n in self.config.clip),
        )

    def _embed_clip(self, video: VideoBatch, name: str) -> tf.Tensor:
        """Returns a clip feature's embedded mean (B, D), 0 for clips without it."""
        mask = video.masks[name]
        values = masked_mean(as_vectors(video.features[name], mask), mask)
        embedded = self.embeddings[name](values)  # (B, D)
        present = tf.reduce_any(mask, axis=1)
        return tf.where(expand_mask(present, embedded), embedded, 0)

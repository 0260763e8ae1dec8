"""An encoder without a network: mean features of frames and of grid cells."""

from __future__ import annotations

from typing import Any, Literal

import tensorflow as tf

from keras_models.encoders.encoder import Encoder, EncoderConfig
from keras_models.encoders.feature_views import as_grid, grid_shape
from keras_models.encoders.modalities import ClipModality
from keras_models.layers.functional.masking import masked_mean
from keras_models.structs import EncodedVideo, VideoBatch
from keras_models.weight_axes import EncodedSources, Source
from transform.schema import FeatureSpec


class PooledConfig(EncoderConfig):
    """The features of VRE (Shi et al., 2019, Sec. 3.1), passed to the decoder as is."""

    kind: Literal["pooled"] = "pooled"
    grid: str = "resnet152_grid"  # Sec. 4.2: the record feature v
    clip: tuple[str, ...] = ()  # record features of the whole clip: the sound v^a

    def features(self) -> tuple[str, ...]:
        """Returns the names of the record features that the encoder reads."""
        return (self.grid, *self.clip)

    def build(self, spec: FeatureSpec) -> PooledEncoder:
        """Returns the encoder of records with a specification."""
        return PooledEncoder(self, spec, name="encoder")

    def sources(self) -> EncodedSources:
        """Returns the grid as the source of its means over space and over time."""
        grid = Source(feature=self.grid)
        return EncodedSources(grid, (grid,))


class PooledEncoder(Encoder):
    """Averages a grid over space and over time (Shi et al., 2019, Eq. 2, 3).

        v^f_i = mean_{n,m} v_inm ;  v^s_nm = mean_i v_inm

    Returns:
        `EncodedVideo`: `frames` are V^f (B, T, D), the only grid is v^s (B, 1, S, D),
        `summary` the mean of all (B, D), and `clip_vectors` the means of the `clip`
        features, 0 where a clip has none.
    """

    def __init__(self, config: PooledConfig, spec: FeatureSpec, **kwargs: Any):
        super().__init__(**kwargs)
        grid_shape(spec, config.grid, "encoder.grid")
        self.grid = config.grid
        self.clip = [ClipModality(feature=name) for name in config.clip]

    def call(self, video: VideoBatch, training: bool = False) -> EncodedVideo:
        del training
        grid, mask = as_grid(video.features[self.grid]), video.masks[self.grid]
        _, _, rows, columns, width = grid.shape  # (B, T, H, W, D)
        frames = tf.reduce_mean(grid, axis=[2, 3])  # V^f: (B, T, D)
        frames = tf.where(mask[..., tf.newaxis], frames, 0)
        cells = masked_mean(grid, mask)  # v^s: (B, H, W, D)
        cells = tf.reshape(cells, [-1, 1, rows * columns, width])
        cell_mask = tf.reduce_any(mask, axis=1)[:, tf.newaxis, tf.newaxis]  # (B, 1, 1)
        return EncodedVideo(
            frames=frames,
            frame_mask=mask,
            grids=(cells,),
            grid_masks=(tf.tile(cell_mask, [1, 1, rows * columns]),),
            summary=masked_mean(frames, mask),
            weights={},
            aux={},
            clip_vectors=tuple(mean(video, mask) for mean in self.clip),
        )

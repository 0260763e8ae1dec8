"""The encoder of dualAFR: a vector of the clip, and levels of maps on one grid."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Union

import tensorflow as tf

from keras_models.encoders.encoder import Encoder, EncoderConfig
from keras_models.encoders.feature_views import as_grid, as_vectors, grid_shape
from keras_models.encoders.level_alignment import (
    AlignedLevel,
    ConvLevelConfig,
    IdentityLevelConfig,
    MaxPooledLevelConfig,
    MeanPooledLevelConfig,
    MLPLevelConfig,
)
from keras_models.encoders.modalities import ClipModality
from keras_models.layers.functional.masking import masked_mean
from keras_models.structs import EncodedVideo, VideoBatch
from keras_models.weight_axes import EncodedSources, Source
from transform.common.config import BY_KIND, ConfigError
from transform.schema import FeatureSpec

LevelConfig = Annotated[
    Union[
        IdentityLevelConfig,
        ConvLevelConfig,
        MLPLevelConfig,
        MaxPooledLevelConfig,
        MeanPooledLevelConfig,
    ],
    BY_KIND,
]


class DualAFRConfig(EncoderConfig):
    """The features of Pu et al. (2018); `levels` chooses the row of Table 1."""

    kind: Literal["dual_afr"] = "dual_afr"
    clip: str = "c3d_fc7"  # record feature: of windows of 16 frames
    # the layers of the network and how each is aligned
    levels: tuple[LevelConfig, ...] = (
        ConvLevelConfig(feature="c3d_pool2", kernel=7, ratio=8),
        ConvLevelConfig(feature="c3d_pool3", kernel=5, ratio=4),
        ConvLevelConfig(feature="c3d_pool4", kernel=3, ratio=2),
        IdentityLevelConfig(),
    )

    def features(self) -> tuple[str, ...]:
        """Returns the names of the record features that the encoder reads."""
        return (self.clip, *(level.feature for level in self.levels))

    def build(self, spec: FeatureSpec) -> DualAFREncoder:
        """Returns the encoder; raises `ConfigError` if a level has no 3-D cells."""
        for level in self.levels:
            grid_shape(spec, level.feature, "encoder.levels")
        return DualAFREncoder(self, name="encoder")

    def sources(self) -> EncodedSources:
        """Returns each level's feature; without levels, the clip's for the frames."""
        levels = tuple(
            Source(feature=level.feature, ratio=level.ratio) for level in self.levels
        )
        return EncodedSources(
            levels[-1] if levels else Source(feature=self.clip), levels
        )


class DualAFREncoder(Encoder):
    """Aligns the maps of several levels to one grid, to be attended to together.

    Returns:
        `EncodedVideo`: `summary` a_{L+1} (B, D) is the mean of the clip's own feature;
        `grids` are the levels â_1 … â_L, each (B, T, S, D). Levels of fewer steps than
        the longest are masked behind their last one. `frames` are the means of the last
        level's cells or, without levels, the steps of the clip's feature.
    """

    def __init__(self, config: DualAFRConfig, **kwargs: Any):
        super().__init__(**kwargs)
        self.mean = ClipModality(feature=config.clip)
        self.features = [level.feature for level in config.levels]
        self.levels = [level.build(level.feature) for level in config.levels]

    def call(self, video: VideoBatch, training: bool = False) -> EncodedVideo:
        del training
        aligned = [
            level(as_grid(video.features[feature]), video.masks[feature])
            for feature, level in zip(self.features, self.levels, strict=True)
        ]
        clip = self.mean.feature
        frame_mask = video.masks[clip]
        frames = as_vectors(video.features[clip], frame_mask)
        if aligned:
            _check_same_grid(self.features, aligned)
            aligned = _pad_to_longest(aligned)
            cells, mask = aligned[-1]
            frames, frame_mask = masked_mean(cells, mask, 2), tf.reduce_any(mask, 2)
        return EncodedVideo(
            frames=frames,
            frame_mask=frame_mask,
            grids=tuple(level.cells for level in aligned),
            grid_masks=tuple(level.mask for level in aligned),
            summary=self.mean(video, video.masks[clip]),
            weights={},
            aux={},
        )


def _check_same_grid(features: list[str], levels: list[AlignedLevel]) -> None:
    """Raises `ConfigError` unless all levels have the same cells and width."""
    shapes = [tuple(level.cells.shape[2:]) for level in levels]  # (S, D)
    if len(set(shapes)) > 1:
        sizes = ", ".join(
            f"{feature} {cells} × {width}"
            for feature, (cells, width) in zip(features, shapes, strict=True)
        )
        raise ConfigError(
            "encoder.levels must agree in cells and width to be attended to together; "
            f"these are {sizes}."
        )


def _pad_to_longest(levels: list[AlignedLevel]) -> list[AlignedLevel]:
    """Pads all levels to the number of steps of the longest, with masked steps."""
    lengths = [level.mask.shape[1] or tf.shape(level.mask)[1] for level in levels]
    known = all(isinstance(length, int) for length in lengths)
    longest = max(lengths) if known else tf.reduce_max(tf.stack(lengths))
    result = []
    for (cells, mask), length in zip(levels, lengths, strict=True):
        padding = [[0, 0], [0, longest - length], [0, 0]]
        result.append(
            AlignedLevel(tf.pad(cells, [*padding, [0, 0]]), tf.pad(mask, padding))
        )
    return result

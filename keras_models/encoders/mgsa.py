"""The encoder of MGSA: motion guided spatial attention."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Union

import tensorflow as tf

from keras_models.encoders.encoder import Encoder, EncoderConfig
from keras_models.encoders.feature_views import as_grid, grid_shape
from keras_models.encoders.modalities import ClipModality, Modality
from keras_models.layers.appearance_guide import AppearanceGuideConfig
from keras_models.layers.flow_guide import FlowGuideConfig
from keras_models.layers.functional.attend import weighted_sum
from keras_models.layers.functional.masking import masked_mean, masked_softmax
from keras_models.structs import EncodedVideo, VideoBatch
from keras_models.weight_axes import EncodedSources, Source, WeightAxes
from transform.common.config import BY_KIND
from transform.schema import FeatureSpec

SpatialGuide = Annotated[Union[FlowGuideConfig, AppearanceGuideConfig], BY_KIND]


class MGSAConfig(EncoderConfig):
    """The encoder of Chen and Jiang (2019); `spatial` chooses the row of Table 2."""

    kind: Literal["mgsa"] = "mgsa"
    grid: str = "inception_resnet_v2"  # Sec. 4.2: the record feature L
    spatial: SpatialGuide = FlowGuideConfig()  # what guides the spatial attention
    fused: tuple[Modality, ...] = ()  # Table 1: C3D, audio, category

    def features(self) -> tuple[str, ...]:
        """Returns the names of the record features that the encoder reads."""
        fused = (modality.feature for modality in self.fused)
        return tuple(dict.fromkeys((self.grid, *self.spatial.features(), *fused)))

    def build(self, spec: FeatureSpec) -> MGSAEncoder:
        """Returns the encoder of records with a specification."""
        return MGSAEncoder(self, spec, name="encoder")

    def sources(self) -> EncodedSources:
        """Returns the grid as the source of frames and of the spatial attention."""
        grid = Source(feature=self.grid)
        spatial = WeightAxes(axes=("step", "cell"), source=grid)
        return EncodedSources(grid, weights={"spatial": spatial})


class MGSAEncoder(Encoder):
    """Averages region features by motion guided attention (Chen and Jiang, 2019).

        A^r = Φ_c(F) ;  A = GARU(A^r, G)        Eq. 1, 2; see `FlowGuide`, `GARU`
        α_n = softmax_{h,w}(A_n)                Eq. 7
        Ga_n = Σ_{h,w} α_nhw L_nhw              Eq. 8

    with G_n the mean of L_n over its cells. `frames` are Ga (B, T, D), `summary` their
    mean, `weights["spatial"]` α (B, T, S).

    Call arguments:
        video: `VideoBatch`; `grid` is (B, T, H, W, D), the guide's feature beside it.

    Notes:
        A frame is masked where its region features are missing. Where only the flow is
        missing, A^r_n is 0 and attention follows G and the frames before.
    """

    def __init__(self, config: MGSAConfig, spec: FeatureSpec, **kwargs: Any):
        super().__init__(**kwargs)
        self.config = config
        rows, columns, _ = grid_shape(spec, config.grid, "encoder.grid")
        for modality in config.fused:
            modality.check(spec, spec.tensor(config.grid).max_steps)
        self.guide = config.spatial.build((rows, columns))
        self.recurrence = config.spatial.recurrence.build()

    def call(self, video: VideoBatch, training: bool = False) -> EncodedVideo:
        del training
        regions, mask = self._regions(video)  # (B, T, S, D), (B, T)
        summary = tf.reduce_mean(regions, axis=2)  # G: (B, T, D)
        initial_maps = self.guide(video, regions, summary)  # A^r: (B, T, S)
        maps = self.recurrence(initial_maps, summary, mask)  # A: (B, T, S)
        cell_mask = tf.broadcast_to(mask[..., tf.newaxis], tf.shape(maps))
        weights = masked_softmax(maps, cell_mask)  # Eq. 7
        frames = weighted_sum(weights, regions, batch_dims=2)  # Eq. 8
        modalities = self.config.fused
        return EncodedVideo(
            frames=frames,
            frame_mask=mask,
            grids=(),
            grid_masks=(),
            summary=masked_mean(frames, mask),
            weights={"spatial": weights},
            aux={},
            frame_streams=tuple(
                modality(video, mask)
                for modality in modalities
                if not isinstance(modality, ClipModality)
            ),
            clip_vectors=tuple(
                modality(video, mask)
                for modality in modalities
                if isinstance(modality, ClipModality)
            ),
        )

    def _regions(self, video: VideoBatch) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns region features (B, T, S, D), 0 where masked, and the mask (B, T)."""
        grid = as_grid(video.features[self.config.grid])  # (B, T, H, W, D)
        mask = video.masks[self.config.grid]  # (B, T)
        _, steps, rows, columns, width = grid.shape
        steps = steps or tf.shape(grid)[1]
        regions = tf.reshape(grid, [-1, steps, rows * columns, width])
        return tf.where(mask[..., tf.newaxis, tf.newaxis], regions, 0), mask

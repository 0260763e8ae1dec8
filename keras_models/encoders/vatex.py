"""The encoder of the VATEX-2019 system: a global vector and a memory."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Union

import tensorflow as tf

from keras_models.encoders.encoder import Encoder, EncoderConfig
from keras_models.encoders.modalities import ClipModality
from keras_models.encoders.vatex_memory import (
    GlobalMemoryConfig,
    ObjectMemoryConfig,
    SegmentMemoryConfig,
)
from keras_models.structs import EncodedVideo, VideoBatch
from keras_models.weight_axes import EncodedSources
from transform.common.config import BY_KIND, Field, validator
from transform.schema import FeatureSpec

MemoryConfig = Annotated[
    Union[GlobalMemoryConfig, SegmentMemoryConfig, ObjectMemoryConfig],
    BY_KIND,
]


class VatexConfig(EncoderConfig):
    """The encoder of Chen et al. (2019); `memory` chooses the row of Table 1."""

    kind: Literal["vatex"] = "vatex"
    modalities: tuple[str, ...] = ("resnext101", "ir_csn", "vggish")  # of v̄
    memory: MemoryConfig = GlobalMemoryConfig()  # what the attention reads
    units: int = Field(512, ge=1)  # not given in the paper

    @validator("modalities")
    def _some(cls, modalities: tuple[str, ...]) -> tuple[str, ...]:
        if not modalities:
            raise ValueError("at least one modality is needed")
        return modalities

    def features(self) -> tuple[str, ...]:
        """Returns the names of the record features that the encoder reads."""
        return tuple(dict.fromkeys((*self.modalities, *self.memory.features())))

    def build(self, spec: FeatureSpec) -> VatexEncoder:
        """Returns the encoder of records with a specification."""
        return VatexEncoder(self, spec, name="encoder")

    def sources(self) -> EncodedSources:
        """Returns the sources of the memory."""
        return self.memory.sources()


class VatexEncoder(Encoder):
    """Joins the means of all modalities in a global vector, beside a memory.

        v̄ = W [mean image, mean motion, mean audio] + b

    (Chen et al., 2019, Sec. 2.1.) A modality that a clip does not have counts as 0.

    Returns:
        `EncodedVideo`: `summary` is v̄ (B, D); the frames or grids are the memory's.
    """

    def __init__(self, config: VatexConfig, spec: FeatureSpec, **kwargs: Any):
        super().__init__(**kwargs)
        self.modalities = [ClipModality(feature=name) for name in config.modalities]
        self.embed = tf.keras.layers.Dense(config.units, name="embed")
        self.memory = config.memory.build(spec, config.units)

    def call(self, video: VideoBatch, training: bool = False) -> EncodedVideo:
        del training
        means = [mean(video, video.masks[mean.feature]) for mean in self.modalities]
        summary = self.embed(tf.concat(means, axis=-1))  # v̄: (B, D)
        memory = self.memory(video, summary)
        return EncodedVideo(
            frames=memory.frames,
            frame_mask=memory.frame_mask,
            grids=memory.grids,
            grid_masks=memory.grid_masks,
            summary=summary,
            weights={},
            aux={},
        )

"""The encoder of the KBiGRU models: VRE without its second pass."""

from __future__ import annotations

from typing import Any, Literal

from keras_models.encoders.encoder import Encoder, EncoderConfig
from keras_models.encoders.first_pass import FirstPass
from keras_models.encoders.pooled import PooledConfig
from keras_models.structs import EncodedVideo, VideoBatch
from keras_models.weight_axes import EncodedSources
from transform.common.config import Field
from transform.schema import FeatureSpec


class KBiGRUConfig(EncoderConfig):
    """The encoder of the KBiGRU models (Shi et al., 2019, Sec. 4.3)."""

    kind: Literal["kbigru"] = "kbigru"
    inputs: PooledConfig = PooledConfig()  # the features and how they are pooled
    units: int = Field(512, ge=1)  # Sec. 4.2

    def features(self) -> tuple[str, ...]:
        """Returns the names of the record features that the encoder reads."""
        return self.inputs.features()

    def build(self, spec: FeatureSpec) -> KBiGRUEncoder:
        """Returns the encoder of records with a specification."""
        return KBiGRUEncoder(self, spec, name="encoder")

    def sources(self) -> EncodedSources:
        """Returns the sources of the pooled features."""
        return self.inputs.sources()


class KBiGRUEncoder(Encoder):
    """Pools features and reads a clip once, from its middle, by `FirstPass`.

    Returns:
        The `EncodedVideo` of `PooledEncoder`, with o1 (B, U) as `summary`.
    """

    def __init__(self, config: KBiGRUConfig, spec: FeatureSpec, **kwargs: Any):
        super().__init__(**kwargs)
        self.pooled = config.inputs.build(spec)
        self.first_step = FirstPass(config.units, name="first_step")

    def call(self, video: VideoBatch, training: bool = False) -> EncodedVideo:
        encoded = self.pooled(video, training=training)
        return encoded._replace(summary=self.first_step(encoded).summary)

"""`Variant`: what a captioner is made of, and how it is trained."""

from __future__ import annotations

from keras_models.attention.additive import AdditiveConfig
from keras_models.decoders.two_layer_lstm import TwoLayerLSTMConfig
from keras_models.encoders.mgsa import MGSAConfig
from keras_models.plan import Plan
from transform.config import Config

# Each becomes a union, told apart by `kind`, as soon as it has a second arm.
EncoderConfig = MGSAConfig
AttentionConfig = AdditiveConfig
DecoderConfig = TwoLayerLSTMConfig


class Variant(Config):
    """One row of a paper's table: the parts of a captioner, and its training."""

    system: str  # the paper's name for it
    row: str  # where the paper reports it
    encoder: EncoderConfig
    attentions: tuple[AttentionConfig, ...]
    decoder: DecoderConfig
    plan: Plan

    def features(self) -> tuple[str, ...]:
        """The record features that the model reads."""
        return self.encoder.features()

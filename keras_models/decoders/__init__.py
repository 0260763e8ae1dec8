"""Language models that are conditioned on an encoded video."""

from __future__ import annotations

from keras_models.decoders.attentive_lstm import AttentiveLSTM, AttentiveLSTMConfig
from keras_models.decoders.decoder import Decoder
from keras_models.decoders.first_word_lstm import FirstWordLSTM, FirstWordLSTMConfig
from keras_models.decoders.seeded_lstm import SeededLSTM, SeededLSTMConfig
from keras_models.decoders.self_attentive_lstm import (
    SelfAttentiveLSTM,
    SelfAttentiveLSTMConfig,
)
from keras_models.decoders.top_down_lstm import TopDownLSTM, TopDownLSTMConfig
from keras_models.decoders.two_layer_lstm import TwoLayerLSTM, TwoLayerLSTMConfig

__all__ = [
    "AttentiveLSTM",
    "AttentiveLSTMConfig",
    "Decoder",
    "FirstWordLSTM",
    "FirstWordLSTMConfig",
    "SeededLSTM",
    "SeededLSTMConfig",
    "SelfAttentiveLSTM",
    "SelfAttentiveLSTMConfig",
    "TopDownLSTM",
    "TopDownLSTMConfig",
    "TwoLayerLSTM",
    "TwoLayerLSTMConfig",
]

"""`CaptionerConfig`: the encoder, the attentions and the decoder of a captioner."""

from __future__ import annotations

from typing import Annotated, Union

from keras_models.attention.bahdanau import AdditiveConfig
from keras_models.attention.dual import DualConfig
from keras_models.attention.grid_attention import GridAttentionConfig
from keras_models.attention.multi_level import MultiLevelConfig
from keras_models.attention.multiplicative import MultiplicativeConfig
from keras_models.attention.uniform import UniformConfig
from keras_models.attention.weight_names import unique_names
from keras_models.decoders.attentive_lstm import AttentiveLSTMConfig
from keras_models.decoders.first_word_lstm import FirstWordLSTMConfig
from keras_models.decoders.seeded_lstm import SeededLSTMConfig
from keras_models.decoders.self_attentive_lstm import SelfAttentiveLSTMConfig
from keras_models.decoders.top_down_lstm import TopDownLSTMConfig
from keras_models.decoders.two_layer_lstm import TwoLayerLSTMConfig
from keras_models.encoders.dual_afr import DualAFRConfig
from keras_models.encoders.encoder import EncoderConfig
from keras_models.encoders.frame_lstm import FrameLSTMConfig
from keras_models.encoders.grid import GridConfig
from keras_models.encoders.kbigru import KBiGRUConfig
from keras_models.encoders.mgsa import MGSAConfig
from keras_models.encoders.pooled import PooledConfig
from keras_models.encoders.streams import StreamsConfig
from keras_models.encoders.vatex import VatexConfig
from keras_models.encoders.vre import VREConfig
from keras_models.weight_axes import NamedAxes
from transform.common.config import BY_KIND, Config

BuiltInEncoder = Annotated[
    Union[
        MGSAConfig,
        GridConfig,
        StreamsConfig,
        VatexConfig,
        PooledConfig,
        KBiGRUConfig,
        VREConfig,
        DualAFRConfig,
        FrameLSTMConfig,
    ],
    BY_KIND,
]
AttentionConfig = Annotated[
    Union[
        AdditiveConfig,
        GridAttentionConfig,
        MultiplicativeConfig,
        UniformConfig,
        MultiLevelConfig,
        DualConfig,
    ],
    BY_KIND,
]
DecoderConfig = Annotated[
    Union[
        TwoLayerLSTMConfig,
        SelfAttentiveLSTMConfig,
        TopDownLSTMConfig,
        AttentiveLSTMConfig,
        SeededLSTMConfig,
        FirstWordLSTMConfig,
    ],
    BY_KIND,
]


class CaptionerConfig(Config):
    """The parts that a captioner is built of, with all their sizes."""

    encoder: Union[BuiltInEncoder, EncoderConfig]  # also one of a user's own
    attentions: tuple[AttentionConfig, ...]  # look at it anew for each word
    decoder: DecoderConfig  # writes the words

    def features(self) -> tuple[str, ...]:
        """Returns the names of the record features that the model reads."""
        return self.encoder.features()

    def attention_axes(self) -> tuple[NamedAxes, ...]:
        """Returns what the weights of each attention are about, by name."""
        sources = self.encoder.sources()
        return tuple(each.weight_axes(sources) for each in self.attentions)

    def weight_axes(self) -> NamedAxes:
        """Returns what the weights of all attentions and the encoder are about."""
        return unique_names(self.attention_axes()) | self.encoder.sources().weights

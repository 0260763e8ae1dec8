"""The presets of MGSA (Chen and Jiang, 2019)."""

from __future__ import annotations

from collections.abc import Mapping

from keras_models.attention.bahdanau import AdditiveConfig
from keras_models.attention.grid_attention import GridAttentionConfig
from keras_models.attention.spatial_pooling import FrameMapsConfig
from keras_models.attention.spatio_temporal import SpatioTemporalConfig
from keras_models.attention.temporal_pooling import AdditivePoolingConfig
from keras_models.captioner_config import CaptionerConfig
from keras_models.decoders.two_layer_lstm import TwoLayerLSTMConfig
from keras_models.encoders.grid import GridConfig
from keras_models.encoders.mgsa import MGSAConfig
from keras_models.encoders.modalities import ClipModality, FrameModality
from keras_models.generation import BeamSearch
from keras_models.layers.appearance_guide import AppearanceGuideConfig
from keras_models.layers.flow_guide import FlowGuideConfig
from keras_models.layers.garu import GARUConfig, IdentityRecurrenceConfig, Recurrence
from keras_models.objectives.cross_entropy import CrossEntropy
from keras_models.objectives.reduction import CaptionSum
from keras_models.presets.preset import Preset, RunSettings
from keras_models.training.optimizers import Adam
from keras_models.training.plan import Plan, Stage

# Sec. 4.2: batches of 32, all words of the training captions (Sec. 4.1: 23,393 of
# MSR-VTT), beam search of width 5. How long captions may be is not said.
_RUN = RunSettings(max_words=20, min_count=1, search=BeamSearch(width=5))

# Sec. 4.2: Adam, 1e-4, L2 5e-5 beside Eq. 5, a sum over a caption's words; how many
# epochs is not said.
_MGSA_PLAN = Plan(
    stages=(
        Stage(
            name="cross_entropy",
            objective=CrossEntropy(reduction=CaptionSum()),
            epochs=30,
            optimizer=Adam(),
            l2=5e-5,
        ),
    )
)

_MGSA = Preset(
    paper="MGSA",
    row="Table 2, MGSA + GARU",
    model=CaptionerConfig(
        encoder=MGSAConfig(),
        attentions=(AdditiveConfig(),),
        decoder=TwoLayerLSTMConfig(),
    ),
    plan=_MGSA_PLAN,
    run=_RUN,
)


def _spatial_attention(row: str, recurrence: Recurrence) -> Preset:
    """A row of Table 2 without motion: the decoder attends to cells, then to frames."""
    look = SpatioTemporalConfig(
        spatial=FrameMapsConfig(recurrence=recurrence),
        temporal=(AdditivePoolingConfig(units=AdditiveConfig().units),),
    )
    return _MGSA.variation(
        row=row, encoder=GridConfig(), attentions=(GridAttentionConfig(look=look),)
    )


PRESETS: Mapping[str, Preset] = {
    "mgsa": _MGSA,
    "mgsa_no_garu": _MGSA.variation(
        row="Table 2, MGSA",
        encoder=MGSAConfig(
            spatial=FlowGuideConfig(recurrence=IdentityRecurrenceConfig())
        ),
    ),
    "spatial_attention_garu": _spatial_attention(
        "Table 2, Spatial Attention + GARU", GARUConfig()
    ),
    "spatial_attention": _spatial_attention(
        "Table 2, Spatial Attention", IdentityRecurrenceConfig()
    ),
    "spatial_attention_garu_stateless": _MGSA.variation(
        row="not in the paper: Spatial Attention + GARU without the decoder's state",
        encoder=MGSAConfig(spatial=AppearanceGuideConfig()),
    ),
    "spatial_attention_stateless": _MGSA.variation(
        row="not in the paper: Spatial Attention without the decoder's state",
        encoder=MGSAConfig(
            spatial=AppearanceGuideConfig(recurrence=IdentityRecurrenceConfig())
        ),
    ),
    "mgsa_g": _MGSA.variation(
        row="Table 1, MGSA (G)", encoder=MGSAConfig(grid="googlenet")
    ),
    "mgsa_ic": _MGSA.variation(
        row="Table 1, MGSA (I+C)",
        encoder=MGSAConfig(fused=(FrameModality(feature="c3d"),)),
    ),
    "mgsa_iac": _MGSA.variation(
        row="Table 1, MGSA (I+A+C), taken to have the category",
        encoder=MGSAConfig(
            fused=(
                FrameModality(feature="c3d"),
                ClipModality(feature="audio_words"),
                ClipModality(feature="category"),
            )
        ),
    ),
    "mgsa_audio": _MGSA.variation(
        row="not in the paper: (I+A) with the mean log-mel spectrum",
        encoder=MGSAConfig(fused=(ClipModality(feature="log_mel"),)),
    ),
}

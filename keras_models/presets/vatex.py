"""The presets of the VATEX-2019 system (Chen et al., 2019)."""

from __future__ import annotations

from collections.abc import Mapping

from keras_models.attention.bahdanau import AdditiveConfig
from keras_models.attention.global_cells import GlobalCellAttentionConfig
from keras_models.attention.grid_attention import GridAttentionConfig
from keras_models.captioner_config import CaptionerConfig
from keras_models.decoders.top_down_lstm import TopDownLSTMConfig
from keras_models.encoders.vatex import VatexConfig
from keras_models.encoders.vatex_memory import ObjectMemoryConfig, SegmentMemoryConfig
from keras_models.ensembling.late_fusion import LateFusionConfig
from keras_models.ensembling.relevance.model import RelevanceConfig
from keras_models.objectives.cross_entropy import CrossEntropy
from keras_models.objectives.rewards import RewardConfig
from keras_models.objectives.self_critical import GreedyBaseline, SelfCritical
from keras_models.presets.preset import LateFusionPreset, Preset, RunSettings
from keras_models.training.learning_rates import ConstantRate
from keras_models.training.plan import Plan, Stage

# None of these is given.
_RUN = RunSettings(max_words=30, min_count=3)

# Sec. 2.2 names the losses and rewards; epochs, rates and weights are not given.
_CROSS_ENTROPY = Stage(name="cross_entropy", objective=CrossEntropy(), epochs=30)
_SELF_CRITICAL = Stage(
    name="self_critical",
    objective=SelfCritical(
        reward=RewardConfig(cider_d=1.0, bleu_4=1.0),
        baseline=GreedyBaseline(),
        cross_entropy_weight=0.2,
    ),
    epochs=20,
    learning_rate=ConstantRate(rate=5e-5),
)
_RL_PLAN = Plan(stages=(_CROSS_ENTROPY, _SELF_CRITICAL))

_VANILLA = Preset(
    paper="VATEX-2019",
    row="Table 1, vanilla",
    model=CaptionerConfig(
        encoder=VatexConfig(),
        attentions=(),
        decoder=TopDownLSTMConfig(),
    ),
    plan=Plan(stages=(_CROSS_ENTROPY,)),
    run=_RUN,
)
_TEMPORAL = _VANILLA.variation(
    row="Table 1, temporal attention",
    encoder=VatexConfig(memory=SegmentMemoryConfig()),
    attentions=(AdditiveConfig(),),
)
_SPATIAL = _VANILLA.variation(
    row="Table 1, spatial attention",
    encoder=VatexConfig(memory=ObjectMemoryConfig()),
    attentions=(GridAttentionConfig(look=GlobalCellAttentionConfig(units=512)),),
)

PRESETS: Mapping[str, Preset] = {
    "vatex_vanilla": _VANILLA,
    "vatex_temporal": _TEMPORAL,
    "vatex_spatial": _SPATIAL,
    "vatex_vanilla_rl": _VANILLA.variation(
        row="not in the paper: vanilla, RL", plan=_RL_PLAN
    ),
    "vatex_temporal_rl": _TEMPORAL.variation(
        row="Table 1, temporal attention, RL", plan=_RL_PLAN
    ),
    "vatex_spatial_rl": _SPATIAL.variation(
        row="Table 1, spatial attention, RL", plan=_RL_PLAN
    ),
}

FUSIONS: Mapping[str, LateFusionPreset] = {
    "vatex_temporal_spatial_rl": LateFusionPreset(
        paper="VATEX-2019",
        row="Table 1, temporal + spatial, RL",
        model=LateFusionConfig(
            members={
                name: PRESETS[name].model
                for name in ("vatex_temporal_rl", "vatex_spatial_rl")
            },
            relevance=RelevanceConfig(),
        ),
    ),
}

"""The presets of STaTS (Cherian et al., 2020)."""

from __future__ import annotations

from collections.abc import Mapping

from keras_models.attention.global_cells import GlobalCellAttentionConfig
from keras_models.attention.grid_attention import (
    CellAttentionConfig,
    GridAttentionConfig,
)
from keras_models.attention.spatial_pooling import (
    MeanSpatialPoolingConfig,
    PerFrameAttentionConfig,
)
from keras_models.attention.spatio_temporal import (
    SpatioTemporalConfig,
    TemporalPoolingConfig,
)
from keras_models.attention.stats import STaTSConfig
from keras_models.attention.temporal_pooling import (
    AdditivePoolingConfig,
    LSTMPoolingConfig,
    MeanPoolingConfig,
    RankedPoolingConfig,
)
from keras_models.captioner_config import CaptionerConfig
from keras_models.decoders.self_attentive_lstm import SelfAttentiveLSTMConfig
from keras_models.encoders.streams import StreamsConfig
from keras_models.objectives.cross_entropy import CrossEntropy
from keras_models.objectives.rewards import RewardConfig
from keras_models.objectives.scheduled_sampling import InverseSigmoidSampling
from keras_models.objectives.self_critical import SelfCritical
from keras_models.presets.preset import Preset, RunSettings
from keras_models.training.learning_rates import ConstantRate
from keras_models.training.optimizers import RmsProp
from keras_models.training.plan import Plan, Stage

# Sec. 4.1: batches of 32. Words, their number and the search are not given.
_RUN = RunSettings()

# The first stage: about 10 epochs (Sec. 3.4) with RMSprop (Sec. 4.1). Its weights, from
# which the second stage goes on, are chosen by CIDEr-D.
_CROSS_ENTROPY = Stage(
    name="cross_entropy",
    objective=CrossEntropy(scheduled_sampling=InverseSigmoidSampling(eta=24.0)),
    epochs=10,
    optimizer=RmsProp(),
    learning_rate=ConstantRate(rate=1e-4),
)
# Then REINFORCE beside cross-entropy, for about 20 epochs in all. The paper gives
# neither METEOR's weight against BLEU's nor cross-entropy's against theirs. The best
# weights are those that do best in what the stage maximises.
_REINFORCE = _CROSS_ENTROPY.replace(
    name="reinforce",
    objective=SelfCritical(
        reward=RewardConfig(cider_d=0.0, bleu_4=1.0, meteor=1.0),
        cross_entropy=_CROSS_ENTROPY.objective,
        cross_entropy_weight=0.5,
    ),
    monitor={"bleu_4": 1.0, "meteor": 1.0},
)
_PLAN = Plan(stages=(_CROSS_ENTROPY, _REINFORCE))


def _look(*looks: CellAttentionConfig) -> tuple[GridAttentionConfig, ...]:
    """Returns one attention for every stream."""
    return tuple(
        GridAttentionConfig(stream=stream, look=look)
        for stream, look in enumerate(looks)
    )


_GRID = STaTSConfig()
_REGIONS = STaTSConfig(
    spatio_temporal=SpatioTemporalConfig(spatial=PerFrameAttentionConfig())
)

_STATS = Preset(
    paper="STaTS",
    row="Table 1, STaTS (I3D); Table 4, STaTS (I3D)",
    model=CaptionerConfig(
        encoder=StreamsConfig(streams=("i3d_rgb",)),
        attentions=_look(_GRID),
        decoder=SelfAttentiveLSTMConfig(),
    ),
    plan=_PLAN,
    run=_RUN,
)
_STATS_FR = _STATS.variation(
    row="Table 1, STaTS (FRCNN)",
    encoder=StreamsConfig(streams=("rcnn_regions",)),
    attentions=_look(_REGIONS),
)


def _pooling(row: str, look: CellAttentionConfig) -> Preset:
    """Returns a row of Table 2: an ST model of I3D, trained by cross-entropy alone.

    The table's "Mean + Ranked Att" is the ST model of Table 1 by name, yet has other
    scores: its models are taken to be those before REINFORCE.
    """
    return _STATS.variation(
        row=f"Table 2, {row}",
        attentions=_look(look),
        plan=Plan(stages=(_CROSS_ENTROPY,)),
    )


def _st(*temporal: TemporalPoolingConfig) -> SpatioTemporalConfig:
    return SpatioTemporalConfig(temporal=temporal)


PRESETS: Mapping[str, Preset] = {
    "stats": _STATS,
    "stats_st": _STATS.variation(
        row="Table 1, ST (I3D)", attentions=_look(_GRID.spatio_temporal)
    ),
    "stats_ts": _STATS.variation(
        row="Table 1, TS (I3D)",
        attentions=_look(_GRID.temporo_spatial),
    ),
    "stats_fr": _STATS_FR,
    "stats_st_fr": _STATS_FR.variation(
        row="Table 1, ST (FRCNN)", attentions=_look(_REGIONS.spatio_temporal)
    ),
    "stats_ts_fr": _STATS_FR.variation(
        row="Table 1, TS (FRCNN)",
        attentions=_look(_REGIONS.temporo_spatial),
    ),
    "stats_pool_mean": _pooling("Mean Pool", _st(MeanPoolingConfig())),
    "stats_pool_lstm": _pooling("LSTM", _st(LSTMPoolingConfig())),
    "stats_pool_mean_lstm": _pooling(
        "Mean + LSTM", _st(MeanPoolingConfig(), LSTMPoolingConfig())
    ),
    # Sec. 4.2 (iv): over all features of all frames, without spatial attention.
    "stats_pool_temporal": _pooling("Temp Att", GlobalCellAttentionConfig()),
    # Sec. 4.2 (v): the mean over space, then attention over time.
    "stats_pool_mean_temporal": _pooling(
        "Mean + Temp Att",
        SpatioTemporalConfig(
            spatial=MeanSpatialPoolingConfig(), temporal=(AdditivePoolingConfig(),)
        ),
    ),
    "stats_pool_ranked": _pooling("Ranked Att", _st(RankedPoolingConfig())),
    "stats_pool_mean_ranked": _pooling(
        "Mean + Ranked Att", _st(MeanPoolingConfig(), RankedPoolingConfig())
    ),
    "stats_i3d_fl": _STATS.variation(
        row="Tables 3 and 4, STaTS (I3D+FL)",
        encoder=StreamsConfig(streams=("i3d_rgb", "i3d_flow")),
        attentions=_look(_GRID, _GRID),
    ),
    "stats_fr_fl": _STATS.variation(
        row="Table 3, STaTS (FR+FL)",
        encoder=StreamsConfig(streams=("rcnn_regions", "i3d_flow")),
        attentions=_look(_REGIONS, _GRID),
    ),
    "stats_r152": _STATS.variation(
        row="Table 4, STaTS (R152)",
        encoder=StreamsConfig(streams=("resnet152_grid",)),
    ),
    "stats_r152_c3d": _STATS.variation(
        row="Table 4, STaTS (R152+C3D)",
        # Which layer of C3D is not said: the last one that has a grid, every 16 frames.
        encoder=StreamsConfig(streams=("resnet152_grid", "c3d_chunks")),
        attentions=_look(_GRID, _GRID),
    ),
    "stats_i3d_fl_c": _STATS.variation(
        row="Table 4, STaTS (I3D+FL+C)",
        encoder=StreamsConfig(streams=("i3d_rgb", "i3d_flow"), clip=("category",)),
        attentions=_look(_GRID, _GRID),
    ),
}

"""The presets of dualAFR (Pu et al., 2018).

The paper's small start of the decoder can fail on few clips with features that are
never negative: docs/training.md has the figures, and `decoder.initial_range` another.

The ensembles of Table 1 are ten models of one row, trained with different seeds, that
`kinescribe ensemble` joins: `ensembling.ensemble` averages their distributions.
"""

from __future__ import annotations

from collections.abc import Mapping

from keras_models.attention.dual import DualConfig
from keras_models.attention.multi_level import MultiLevelConfig
from keras_models.attention.selection import HardConfig
from keras_models.captioner_config import CaptionerConfig
from keras_models.decoders.first_word_lstm import FirstWordLSTMConfig
from keras_models.encoders.dual_afr import DualAFRConfig, LevelConfig
from keras_models.encoders.frame_lstm import FrameLSTMConfig
from keras_models.encoders.level_alignment import (
    MaxPooledLevelConfig,
    MeanPooledLevelConfig,
    MLPLevelConfig,
)
from keras_models.objectives.cross_entropy import CrossEntropy
from keras_models.objectives.multi_sample import MultiSample
from keras_models.objectives.reduction import CaptionSum
from keras_models.presets.preset import Preset, RunSettings
from keras_models.training.learning_rates import ConstantRate
from keras_models.training.plan import Plan, Stage
from keras_models.training.pretrained_embeddings import VectorsFile
from transform.datasets.splits import HeldOut

# Appendix: batches of 32 video-caption pairs (Sec. 2), word2vec's vectors of Google
# News; 5,513 clips of MSR-VTT to train. Their vocabulary there, of 8,071 words, is cut
# in a way that is not told. Words and search are ours.
_RUN = RunSettings(
    max_words=30,
    word_vectors=VectorsFile(path="GoogleNews-vectors-negative300.bin.gz"),
    splits={"msrvtt": HeldOut(test=1000)},
)

# Appendix: Adam at 2e-4 and a gradient's norm of 5 at the most; early stopping, of
# which neither the patience nor the most epochs are given. A batch is of 32. What
# is watched "on validation sets" is not said either. Here it is the captions' CIDEr-D:
# the paper compares metrics, and they often rise on where the validation loss does too.
_STAGE = Stage(
    name="cross_entropy",
    objective=CrossEntropy(reduction=CaptionSum()),
    epochs=100,
    learning_rate=ConstantRate(rate=2e-4),
    clip_norm=5.0,
    patience=10,
)
_MULTI_SAMPLE = _STAGE.replace(name="multi_sample", objective=MultiSample())

_CONVOLVED = DualAFRConfig()

_SOFT = Preset(
    paper="dualAFR",
    row="Table 1, Soft Attention",
    model=CaptionerConfig(
        encoder=_CONVOLVED,
        attentions=(DualConfig(),),
        decoder=FirstWordLSTMConfig(),
    ),
    plan=Plan(stages=(_STAGE,)),
    run=_RUN,
)


def _one_level(level: LevelConfig) -> Preset:
    """Returns a row with one level, aligned as in dualAFR: z_t = s_t."""
    layer = level.feature.removeprefix("c3d_")
    return _SOFT.variation(
        row=f"Table 1, C3D fc7 + {layer}",
        encoder=DualAFRConfig(levels=(level,)),
        attentions=(MultiLevelConfig(),),
    )


def _baseline(row: str, *levels: LevelConfig) -> Preset:
    """Returns a row of soft attention to levels that are aligned in another way."""
    return _SOFT.variation(row=f"Table 1, {row}", encoder=DualAFRConfig(levels=levels))


_POOL2, _POOL3, _POOL4, _POOL5 = _CONVOLVED.levels

PRESETS: Mapping[str, Preset] = {
    "dual_afr_soft": _SOFT,
    "dual_afr_hard": _SOFT.variation(
        row="Table 1, Hard Attention",
        attentions=(DualConfig(choice=HardConfig()),),
        plan=Plan(stages=(_MULTI_SAMPLE,)),
    ),
    "dual_afr_resnet": _SOFT.variation(
        row="Table 1, ResNet + LSTM", encoder=FrameLSTMConfig(), attentions=()
    ),
    "dual_afr_fc7": _SOFT.variation(
        row="Table 1, C3D fc7 + LSTM", encoder=DualAFRConfig(levels=()), attentions=()
    ),
    "dual_afr_pool2": _one_level(_POOL2),
    "dual_afr_pool3": _one_level(_POOL3),
    "dual_afr_pool4": _one_level(_POOL4),
    "dual_afr_pool5": _one_level(_POOL5),
    "dual_afr_mlp": _baseline(
        "MLP + soft attention",
        MLPLevelConfig(feature="c3d_pool2", ratio=8),
        MLPLevelConfig(feature="c3d_pool3", ratio=4),
        MLPLevelConfig(feature="c3d_pool4", ratio=2),
        MLPLevelConfig(feature="c3d_pool5", ratio=1),
    ),
    # N_il of Table 5: what a cell of pool5 sees of every layer, 3 · ratio − 2 cells. It
    # prints 4i + 4 as the last one of pool3; the proof beside it holds with 4i + 3.
    "dual_afr_max": _baseline(
        "Max-pooling + soft attention",
        MaxPooledLevelConfig(feature="c3d_pool2", ratio=8, window=22),
        MaxPooledLevelConfig(feature="c3d_pool3", ratio=4, window=10),
        MaxPooledLevelConfig(feature="c3d_pool4", ratio=2, window=4),
        MaxPooledLevelConfig(feature="c3d_pool5", ratio=1, window=1),
    ),
    "dual_afr_mean": _baseline(
        "Average-pooling + soft attention",
        MeanPooledLevelConfig(feature="c3d_pool2", ratio=8, window=22),
        MeanPooledLevelConfig(feature="c3d_pool3", ratio=4, window=10),
        MeanPooledLevelConfig(feature="c3d_pool4", ratio=2, window=4),
        MeanPooledLevelConfig(feature="c3d_pool5", ratio=1, window=1),
    ),
    "dual_afr_hypercolumn": _baseline(
        "Hypercolumn + soft attention",
        MeanPooledLevelConfig(feature="c3d_pool2", ratio=8, window=2),
        MeanPooledLevelConfig(feature="c3d_pool3", ratio=4, window=2),
        MeanPooledLevelConfig(feature="c3d_pool4", ratio=2, window=2),
        MeanPooledLevelConfig(feature="c3d_pool5", ratio=1, window=1),
    ),
}

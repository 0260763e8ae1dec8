"""A small late fusion of the VATEX-2019 system."""

from __future__ import annotations

from keras_models.ensembling.late_fusion import LateFusion, LateFusionConfig
from keras_models.ensembling.relevance.model import RelevanceConfig, RelevanceModel
from keras_models.presets import registry
from tests.support import tiny
from transform.schema import FeatureSpec, FrameSampling

NAME = "vatex_temporal_spatial_rl"
RELEVANCE = registry.FUSIONS[NAME].model.relevance.override(
    {"units": 6, "embedding": 5, "heads": 2, "feedforward": 7, "dropout": 0.0}
)
CONFIG = LateFusionConfig(
    members={
        name: tiny.shrink(member)
        for name, member in registry.FUSIONS[NAME].model.members.items()
    },
    relevance=RELEVANCE,
)
SPEC = FeatureSpec(
    sampling=FrameSampling(frames=tiny.STEPS),
    features=tuple(tiny.FEATURES[name] for name in CONFIG.features()),
)


def relevance_model(
    spec: FeatureSpec = SPEC, config: RelevanceConfig = RELEVANCE, seed: int = 5
) -> RelevanceModel:
    model = RelevanceModel(config, spec, len(tiny.VOCABULARY), tiny.MAX_WORDS)
    model.build_from_spec()
    tiny.shake(model, seed)
    return model


def late_fusion(seed: int = 0) -> LateFusion:
    members = {
        name: tiny.build(config, SPEC, seed + index)
        for index, (name, config) in enumerate(CONFIG.members.items())
    }
    return LateFusion(CONFIG, members, relevance_model())

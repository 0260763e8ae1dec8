"""Two small models for composite captioners; their attentions share a name."""

from __future__ import annotations

from keras_models.captioner import Captioner
from keras_models.presets import registry
from tests.support import tiny
from transform.schema import FeatureSpec, FrameSampling

# One looks at places before the words, one while it writes; they share a specification.
ROWS = ("mgsa", "vre_attention")
CONFIGS = {name: tiny.shrink(registry.get(name).model) for name in ROWS}
FEATURES = [name for config in CONFIGS.values() for name in config.features()]
SPEC = FeatureSpec(
    sampling=FrameSampling(frames=tiny.STEPS, window=2),
    features=tuple(tiny.FEATURES[name] for name in FEATURES),
)


def captioner(name: str, seed: int = 0, spec: FeatureSpec = SPEC, **sizes) -> Captioner:
    return tiny.build(CONFIGS[name], spec, seed, **sizes)

import numpy as np
import pytest

from keras_models.captioner import Captioner
from keras_models.presets.adaptation import Adaptation, adapt
from keras_models.presets.paper_features import PAPER_FEATURES
from keras_models.presets.registry import PRESETS
from tests.support import tiny
from transform.common.config import ConfigError
from transform.schema import (
    Category,
    FeatureSpec,
    Flow,
    FrameGrid,
    FrameSampling,
    Imported,
    LogMel,
)

NEEDS_FLOW = {name for name in PRESETS if "flow" in PRESETS[name].model.features()}
LEVELS = {"c3d_pool2", "c3d_pool3", "c3d_pool4"}
NEEDS_LEVELS = {name for name in PRESETS if LEVELS & {*PRESETS[name].model.features()}}
COMPARES = {"mgsa_ic", "stats_i3d_fl", "stats_fr_fl", "stats_r152_c3d"}


def spec(*features):
    return FeatureSpec(
        sampling=FrameSampling(frames=tiny.STEPS, window=2), features=features
    )


VECTORS = spec(Imported(name="x", shape=(7,), max_steps=5))
OWN = spec(
    FrameGrid(name="own", network="tiny", layer="top", size=8, grid=(2, 2), width=8),
    Flow(size=8),
    LogMel(bands=2, max_patches=2),
)


def refused(adapt_to: FeatureSpec) -> set[str]:
    names = set()
    for name, preset in PRESETS.items():
        try:
            adapt(preset.model, adapt_to)
        except ConfigError:
            names.add(name)
    return names


def test_a_paper_that_reads_its_own_features_stays_as_it_is():
    for preset in PRESETS.values():
        own = spec(*(PAPER_FEATURES[name] for name in preset.model.features()))
        assert adapt(preset.model, own) == Adaptation(preset.model, {}, ())


def test_one_feature_of_vectors_is_read_by_every_row_that_compares_none():
    assert refused(VECTORS) == NEEDS_FLOW | NEEDS_LEVELS | {
        name
        for name in PRESETS
        if any(name.startswith(compares) for compares in COMPARES)
    }


def test_flow_and_sound_serve_the_rows_that_read_them():
    assert not NEEDS_FLOW & refused(OWN) - {"mgsa_ic", "mgsa_iac"}
    silent = adapt(PRESETS["vre"].model, VECTORS)
    assert silent.left_out == ("vggish",) and not silent.model.encoder.inputs.clip
    heard = adapt(PRESETS["vre"].model, OWN)
    assert heard.replaced == {"resnet152_grid": "own", "vggish": "log_mel"}
    assert str(heard) == "own for resnet152_grid, log_mel for vggish"


@pytest.mark.parametrize("data", [VECTORS, OWN], ids=["vectors", "own"])
@pytest.mark.parametrize(
    "name", ["stats", "vre", "vatex_temporal", "vatex_spatial", "dual_afr_pool5"]
)
def test_an_adapted_model_reads_the_data(name, data):
    model = tiny.shrink(adapt(PRESETS[name].model, data).model)
    assert set(model.features()) <= {feature.name for feature in data.features}
    captioner = Captioner(model, data, len(tiny.VOCABULARY), tiny.MAX_WORDS)
    forced = captioner.teacher_force(tiny.batch(data), training=False)
    assert np.all(np.isfinite(forced.log_probs))


def test_the_same_layer_comes_before_the_same_shape():
    pool5 = PAPER_FEATURES["c3d_pool5"]
    other = PAPER_FEATURES["c3d_fc7"].replace(grid=(4, 4), layer="fc6", name="a")
    chunks = other, pool5.replace(name="b")
    adapted = adapt(PRESETS["dual_afr_pool5"].model, spec(*chunks))
    assert adapted.replaced["c3d_pool5"] == "b"


def test_what_cannot_be_read_is_said_with_what_there_is():
    with pytest.raises(ConfigError, match=r"flow \(optical flow\), .*: x\."):
        adapt(PRESETS["mgsa"].model, VECTORS)
    with pytest.raises(ConfigError, match=r"resnet152_grid beside c3d_chunks, .* x al"):
        adapt(PRESETS["stats_r152_c3d"].model, VECTORS)
    categories = spec(Category(names=("a", "b")))
    with pytest.raises(ConfigError, match=r"resnet152_grid \(frames' appearance\)"):
        adapt(PRESETS["vre"].model, categories)

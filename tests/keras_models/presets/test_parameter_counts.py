import pytest

from keras_models.presets import parameter_counts, registry
from keras_models.presets.paper_features import paper_spec
from keras_models.presets.registry import get
from tests.support import models


@pytest.mark.parametrize("name", ["mgsa", "mgsa_no_garu", "mgsa_iac"])
def test_count_is_that_of_the_built_model(name):
    config = models.config(name, encoder={"fused": []})
    captioner = models.captioner(name, encoder={"fused": []})
    assert parameter_counts.count(config, models.SPEC, models.WORDS) == (
        captioner.count_params()
    )


def test_paper_size_equals_the_hand_count():
    cells, width, flow, words = 8 * 8, 1536, 12, 10_004
    units, embedding, attention = 1024, 512, 512
    convolutions = [(flow, 32), (32, 64), (64, 64), (64, 64), (64, 1)]
    guide = sum((9 * inner + 1) * outer for inner, outer in convolutions)
    garu = 2 * cells * 3 * cells + width * 2 * cells
    attend = (width + 1) * attention + 2 * units * attention + attention
    lower = (embedding + units + 1) * 4 * units
    upper = (units + width + units + 1) * 4 * units
    decoder = words * embedding + lower + upper + (units + 1) * words
    config = get("mgsa").model
    expected = guide + garu + attend + decoder
    assert parameter_counts.count(config, paper_spec(config), words) == expected


def test_stored_counts_are_those_of_the_presets_at_every_size_of_vocabulary():
    for words in (10, 4321):
        for name in ("mgsa", "stats_i3d_fl_c", "vre_mean_pool", "dual_afr_fc7"):
            config = get(name).model
            counted = parameter_counts.count(config, paper_spec(config), words)
            assert parameter_counts.stored(name, words) == counted


def test_every_preset_and_every_fusion_has_its_count():
    names = [*registry.PRESETS, *registry.FUSIONS]
    assert all(parameter_counts.stored(name, 1) > 0 for name in names)
    for name, fusion in registry.FUSIONS.items():
        spec = paper_spec(fusion.model)
        counted = parameter_counts.count_fused(fusion.model, spec, 10_004)
        assert parameter_counts.stored(name, 10_004) == counted

import pytest

from keras_models.captioner import Captioner
from keras_models.encoders.level_alignment import IdentityLevelConfig
from keras_models.objectives.self_critical import SelfCritical
from keras_models.presets.compact import Budget, compact, small_plan
from keras_models.presets.paper_features import paper_spec
from keras_models.presets.registry import PRESETS
from pipeline.comparison.moving_world import COMPACT_SPEC
from transform.common.config import Config

BUDGET = Budget(units=32, embedding=24, channels=8, epochs=9)


def widths(value, name=""):
    """All widths in a model's settings."""
    if isinstance(value, Config):
        for key, part in dict(value).items():
            yield from widths(part, key)
    elif isinstance(value, tuple):
        for part in value:
            yield from widths(part, name)
    elif name in ("units", "width", "embedding", "channels"):
        yield value


@pytest.mark.parametrize("name", PRESETS)
def test_every_row_keeps_its_parts_and_becomes_small(name):
    preset = PRESETS[name]
    adapted, plan = compact(preset, paper_spec(preset.model), BUDGET)
    model = adapted.model
    assert model.features() == preset.model.features()
    assert type(model.encoder) is type(preset.model.encoder)
    assert [a.kind for a in model.attentions] == [
        a.kind for a in preset.model.attentions
    ]
    assert all(width <= BUDGET.units for width in widths(model))
    assert [stage.objective.kind for stage in plan.stages] == [
        stage.objective.kind for stage in preset.plan.stages
    ]


@pytest.mark.parametrize("name", PRESETS)
def test_every_row_has_the_same_epochs_divided_as_its_paper_does(name):
    plan = small_plan(PRESETS[name].plan, BUDGET)
    epochs = [stage.epochs for stage in plan.stages]
    assert sum(epochs) == BUDGET.epochs and min(epochs) >= 1
    for stage in plan.stages:
        slow = isinstance(stage.objective, SelfCritical)
        rate = BUDGET.fine_tuning_rate if slow else BUDGET.rate
        assert stage.learning_rate.rate == rate
        if not slow:
            assert stage.learning_rate.warmup == BUDGET.warmup


@pytest.mark.parametrize("row", ["soft", "mlp", "pool2", "pool3", "pool4"])
def test_dual_afr_has_levels_as_wide_as_pool5(row):
    model = compact(PRESETS[f"dual_afr_{row}"], COMPACT_SPEC, BUDGET)[0].model
    width = COMPACT_SPEC.tensor("tiny3d_pool5").step_shape[-1]
    assert {
        level.filters
        for level in model.encoder.levels
        if not isinstance(level, IdentityLevelConfig)
    } == {width}


def test_a_small_row_has_few_parameters():
    preset = PRESETS["stats"]
    model = compact(preset, paper_spec(preset.model), BUDGET)[0].model
    captioner = Captioner(model, paper_spec(preset.model), 50, 8).build_from_spec()
    assert captioner.count_params() < 300_000

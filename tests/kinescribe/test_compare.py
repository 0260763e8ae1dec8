"""What `kinescribe compare` makes of its options."""

import pytest

from kinescribe.commands import compare as cli
from pipeline.comparison import compare, data_sets


class PlannedError(Exception):
    """The settings that a comparison would have had."""


@pytest.mark.parametrize(
    ("options", "epochs", "clips"),
    [
        ({}, cli.EPOCHS, cli.CLIPS),
        ({"quick": True}, cli.QUICK_EPOCHS, cli.QUICK_CLIPS),
        ({"quick": True, "epochs": 7, "clips": 3}, 7, 3),
    ],
)
def test_quick_changes_only_what_is_not_given(
    options, epochs, clips, monkeypatch, tmp_path
):
    def plan(data, rows, settings, **seeds):
        raise PlannedError(settings)

    monkeypatch.setattr(data_sets, "moving_world", lambda *arguments: None)
    monkeypatch.setattr(compare, "Comparison", plan)
    with pytest.raises(PlannedError) as planned:
        cli.command(root=str(tmp_path), **options)
    (settings,) = planned.value.args
    assert settings.budget.epochs == epochs and settings.batch.size == clips

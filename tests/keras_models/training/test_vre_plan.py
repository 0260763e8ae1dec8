"""VRE's four stages as one run."""

import numpy as np
import pytest
import tensorflow as tf

from keras_models.encoders.vre import Phase, VREEncoder
from keras_models.objectives.self_critical import SelfCriticalObjective
from keras_models.presets.vre import PRESETS
from keras_models.structs import LossOutput
from keras_models.training.monitor import Monitor
from keras_models.training.validation import CaptionValidator
from keras_models.training.validation_result import ValidationResult
from tests.keras_models.training.test_trainer import StopAfter, Stopped
from tests.support import small_runs
from tests.support.small_runs import run

RATE = {"kind": "constant", "rate": 0.003}
STAGES = tuple(
    stage.replace(epochs=2, learning_rate=RATE).to_dict()
    for stage in PRESETS["vre_silent"].plan.stages
)


NAMES = [stage["name"] for stage in STAGES]


def settings(*stages):
    """VRE, as small as it gets."""
    return small_runs.settings(*stages).replace(
        variant="vre_silent",
        model={
            "encoder": {"inputs": {"grid": "tiny"}, "units": 6},
            "attentions": [
                {"kind": "multiplicative", "units": 4},
                {"kind": "multiplicative", "over": {"kind": "cells"}, "units": 4},
            ],
            "decoder": {"units": 6},
        },
    )


@pytest.mark.slow
def test_a_joint_stage_that_was_stopped_goes_on_with_its_rewards(tmp_path):
    joint = settings(STAGES[1])
    whole = run(tmp_path, joint)
    losses = [row["keyframe_loss"] for row in whole.history]
    assert losses[0] == 0  # no epoch before
    assert losses[1] != 0

    stopped = tmp_path / "stopped"
    with pytest.raises(Stopped):
        run(stopped, joint, StopAfter(4))
    resumed = run(stopped, joint)
    assert [row["keyframe_loss"] for row in resumed.history] == losses
    assert small_runs.digest(resumed) == small_runs.digest(whole)


@pytest.mark.slow
def test_the_last_stage_fine_tunes_the_model_of_kept_key_frames_after_a_restart_too(
    tmp_path, monkeypatch
):
    def observe(objective, captioner, batch):
        loss, metrics = original(objective, captioner, batch)
        phase = tf.cast(captioner.encoder._phase, tf.float32)
        return LossOutput(loss, metrics | {"phase": phase})

    original = SelfCriticalObjective.__call__
    monkeypatch.setattr(SelfCriticalObjective, "__call__", observe)
    last = settings(*STAGES[2:])
    whole = run(tmp_path, last)
    assert [row["stage"] for row in whole.history] == np.repeat(NAMES[2:], 2).tolist()
    assert [row["phase"] for row in whole.history[2:]] == [Phase.FROZEN] * 2

    stopped = tmp_path / "stopped"
    with pytest.raises(Stopped):
        run(stopped, last, StopAfter(whole.history[1]["steps"] + 1))
    resumed = run(stopped, last)
    assert [row["phase"] for row in resumed.history[2:]] == [Phase.FROZEN] * 2
    assert small_runs.digest(resumed) == small_runs.digest(whole)


def test_stages_of_other_models_compete_with_their_own_scores(tmp_path, monkeypatch):
    scores = iter([0.4, 0.5, 0.3, 0.2])

    def validate(validator: CaptionValidator, monitor: Monitor) -> ValidationResult:
        return ValidationResult(
            {"CIDEr-D": next(scores), "distinct_captions": 6, "bad_endings": 0.0}
        )

    monkeypatch.setattr(CaptionValidator, "__call__", validate)
    result = run(tmp_path, settings(*STAGES[1:3]))
    assert result.score == 0.3
    assert result.model.captioner.encoder.phase is Phase.FROZEN
    assert [row["best"] for row in result.history] == [True, True, True, False]


@pytest.mark.slow
def test_four_stages_run_as_one_plan(tmp_path, monkeypatch):
    phases = []

    def set_training_phase(encoder: VREEncoder, phase: str) -> bool:
        phases.append(phase)
        return original(encoder, phase)

    original = VREEncoder.set_training_phase
    monkeypatch.setattr(VREEncoder, "set_training_phase", set_training_phase)
    result = run(tmp_path, settings(*STAGES))
    assert [row["stage"] for row in result.history] == np.repeat(NAMES, 2).tolist()
    assert not any(row["problem"] for row in result.history)
    assert tuple(phases) == VREEncoder.training_phases

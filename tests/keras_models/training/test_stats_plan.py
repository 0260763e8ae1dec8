"""STaTS learns by its own plan, at small sizes."""

import pytest

from keras_models.presets import registry
from keras_models.presets.preset_training import PresetTrainingConfig
from keras_models.training.captioner_training import train
from tests.support import corpora

pytestmark = pytest.mark.slow  # test_every_preset.py checks the losses quickly


def settings(epochs: int) -> PresetTrainingConfig:
    """The plan of the paper, but quicker and without METEOR's Java process."""
    stages = []
    for stage in registry.get("stats").plan.to_dict()["stages"]:
        if stage["objective"]["kind"] == "self_critical":
            stage["objective"]["reward"] = {"cider_d": 1.0, "bleu_4": 1.0}
            stage["objective"]["samples"] = 2
            stage["monitor"] = {"cider_d": 1.0, "bleu_4": 1.0}
        stages.append(
            stage
            | {
                "epochs": epochs,
                "validate_every": epochs,
                "learning_rate": {"kind": "constant", "rate": 0.005},
            }
        )
    return PresetTrainingConfig.from_dict(
        {
            "variant": "stats",
            "model": {
                "encoder": {"streams": ["tiny"], "units": 16},
                "decoder": {"units": 32, "embedding": 16, "dropout": 0.1},
            },
            "plan": {"stages": stages},
            "batch": {"kind": "clips", "size": 16, "captions": 3},
            "max_words": 6,
        }
    )


def run(folder, clips: int, epochs: int):
    training = corpora.write(folder / "train", clips=clips)
    validation = corpora.write(folder / "val", clips=12, seed=1)
    config = settings(epochs)
    preset = config.preset()
    return train(
        config,
        preset.model,
        preset.plan,
        training.spec,
        training.files,
        validation.files,
        training.vocabulary,
        folder / "runs",
        (),
    )


def test_both_stages_log_the_ranking_loss(tmp_path):
    history = run(tmp_path, clips=16, epochs=1).history
    losses = {entry["stage"]: entry for entry in history if "rank" in entry}
    assert set(losses) == {"cross_entropy", "reinforce"}
    first = losses["cross_entropy"]
    assert first["loss"] == pytest.approx(
        first["cross_entropy"] + first["rank"], rel=1e-4
    )
    assert "reward" in losses["reinforce"]


def test_what_stands_in_the_features_is_learned(tmp_path):
    assert run(tmp_path, clips=96, epochs=20).score > 4  # CIDEr-D, at most 10

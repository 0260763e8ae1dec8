"""The recipe "Add an encoder" of CONTRIBUTING.md, and an encoder that stays outside."""

import pathlib

import pytest

from keras_models.captioner import Captioner
from keras_models.captioner_config import CaptionerConfig
from keras_models.objectives import FrozenKeyFrames, ObjectiveContext, StepCounters
from keras_models.training.captioner_training import train
from tests.support import corpora, models, own_encoder, small_runs, tiny
from tests.support.own_encoder import FrameMaxConfig
from tests.support.source_copy import SourceCopy
from transform.common.config import ConfigError

PACKAGES = ("transform", "keras_models")
MODULE = pathlib.Path("keras_models", "encoders", "frame_max.py")
UNION = pathlib.Path("keras_models", "captioner_config.py")
STATEMENT = "from keras_models.encoders.frame_max import FrameMaxConfig\n"
IMPORT = "from keras_models.encoders.mgsa "
PRESETS = pathlib.Path("keras_models", "presets", "mgsa.py")


def config(frames: str) -> CaptionerConfig:
    return models.config().replace(encoder=FrameMaxConfig(frames=frames, units=7))


def test_an_encoder_of_ones_own_is_trained_without_a_change_here(tmp_path):
    settings = small_runs.settings(small_runs.CROSS_ENTROPY)
    training = corpora.write(tmp_path / "train")
    validation = corpora.write(tmp_path / "val", clips=6, seed=1)
    result = train(
        settings,
        config("tiny"),
        settings.preset().plan,
        training.spec,
        training.files,
        validation.files,
        training.vocabulary,
        tmp_path / "runs",
    )
    losses = [row["cross_entropy"] for row in result.history]
    assert len(losses) == 2 and losses[1] < losses[0]
    assert isinstance(result.model.captioner.encoder, own_encoder.FrameMaxEncoder)


def test_its_settings_are_kept_whole():
    model = config("grid")
    assert model.features() == ("grid",)
    assert model.to_dict()["encoder"] == {
        "kind": "frame_max",
        "frames": "grid",
        "units": 7,
    }


def test_a_saved_one_asks_for_its_row_in_the_union():
    with pytest.raises(ConfigError, match=r"'frame_max'.*allowed values: 'mgsa'"):
        CaptionerConfig.from_json(config("grid").to_json())


def test_an_objective_that_needs_phases_refuses_it():
    captioner = Captioner(config("grid"), models.SPEC, models.WORDS, models.MAX_WORDS)
    context = ObjectiveContext(tiny.VOCABULARY, {}, models.MAX_WORDS, StepCounters())
    with pytest.raises(ConfigError, match="FrameMaxEncoder has no training phases"):
        FrozenKeyFrames().build(context).on_stage_begin(captioner)


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """A copy of the source to which the encoder was added as the recipe says."""
    copy = SourceCopy(tmp_path_factory.mktemp("source"), *PACKAGES)
    copy.add(MODULE, pathlib.Path(own_encoder.__file__).read_text())
    copy.replace(
        UNION,
        {
            IMPORT: STATEMENT + IMPORT,
            "        MGSAConfig,\n": "        MGSAConfig,\n        FrameMaxConfig,\n",
        },
    )
    copy.replace(
        PRESETS,
        {
            IMPORT: STATEMENT + IMPORT,
            '    "mgsa": ': '    "frame_max": _MGSA.variation(\n'
            '        row="none", encoder=FrameMaxConfig()\n    ),\n    "mgsa": ',
        },
    )
    return copy


def test_an_encoder_is_one_new_file_and_two_rows(copy):
    assert copy.changed() == {MODULE, UNION, PRESETS}
    program = """
import os
import keras_models
from keras_models.captioner_config import CaptionerConfig
from keras_models.presets import registry

assert keras_models.__path__[0].startswith(os.getcwd())
model = registry.get("frame_max").model
assert CaptionerConfig.from_json(model.to_json()) == model
changed = model.override({"encoder": {"units": 3}})
assert changed.encoder.units == 3
"""
    copy.run(program)

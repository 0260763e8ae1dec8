"""The starter model writes about real pictures, and trainings begin with it."""

from __future__ import annotations

import importlib.resources
import pathlib
import shutil

import pytest
from typer.testing import CliRunner

from keras_models.captioning_model import CaptioningModel
from kinescribe import cli, preflight, starter_model
from kinescribe.commands import demo
from pipeline import configs, local_runner
from pipeline.local_runner import RunResult
from serving.common import model_versions
from tests.support.verdicts import BLESSED
from transform.backbones import loading

MEGABYTE = 1 << 20


def size(folder: pathlib.Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def test_a_photograph_is_captioned_without_a_model_of_ones_own():
    samples = importlib.resources.files("matplotlib") / "mpl-data" / "sample_data"
    with importlib.resources.as_file(samples / demo.PHOTOGRAPH) as path:
        done = CliRunner().invoke(
            cli.app, ["caption", str(path)], catch_exceptions=False
        )
    assert done.exit_code == 0
    assert "the starter model writes" in done.stderr
    words = set(done.stdout.split())
    assert words & {"man", "woman", "person", "boy", "girl"}


def test_a_version_is_small_and_has_the_features_of_its_configuration():
    (version,) = model_versions.complete_versions(str(starter_model.folder()))
    folder = starter_model.folder() / str(version)
    assert size(folder) <= 8 * MEGABYTE
    spec = loading.resolve(configs.find("starter").features)
    assert model_versions.read_spec(str(folder)) == spec


def test_its_weights_are_those_of_its_configuration():
    model = CaptioningModel.load(starter_model.weights("starter"))
    config = configs.find("starter")
    assert model.captioner.config == config.training.preset().model
    assert {"dog", "man", "running"} <= {*model.vocabulary.words}


def test_other_weights_are_named_by_their_folder():
    assert starter_model.weights("trained/captioner") == "trained/captioner"
    assert starter_model.weights("") == ""


def test_training_it_anew_leaves_a_version_and_its_weights(tmp_path, monkeypatch):
    asked = []

    def run(config, callback, verbose):
        del callback, verbose
        asked.append(config)
        trained = tmp_path / "trained"
        shutil.copytree(starter_model.folder() / "captioner", trained / "captioner")
        places = dict.fromkeys(RunResult._fields, "")
        return RunResult(**places | {"model": trained / "model", "verdict": BLESSED})

    monkeypatch.setattr(preflight, "require", lambda *arguments: None)
    monkeypatch.setattr(local_runner, "run", run)
    out = tmp_path / "out"
    done = CliRunner().invoke(
        cli.app,
        ["starter", "flickr", "--out", str(out), "--root", str(tmp_path / "root")],
        catch_exceptions=False,
        standalone_mode=False,
    )
    assert done.return_value == 0, done.output
    (config,) = asked
    assert str(config.corpus.captions) == "flickr/Flickr8k.token.txt"
    assert config.training == configs.find("starter").training
    assert CaptioningModel.load(out / "captioner")


def test_a_folder_that_is_not_flickr8k_is_refused_at_once(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr("sys.argv", ["kinescribe", "starter", str(tmp_path)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 1
    assert "Flickr_8k.trainImages.txt" in capsys.readouterr().err

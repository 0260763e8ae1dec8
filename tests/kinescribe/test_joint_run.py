"""Several models on one extraction, without the pipeline around each training."""

import json
import os

import pytest
import tensorflow as tf
import yaml
from typer.testing import CliRunner

from kinescribe import cli, joint_run
from pipeline import configs, joint_configs, local_runner
from pipeline.joint_configs import JointConfig
from pipeline.local_runner import RunResult
from serving.client.local_model import LocalModel
from serving.common import model_versions
from serving.export.train_and_export import TrainerSettings, train_and_export
from tests.support import corpora, small_runs
from tests.support.extracted_records import write_records
from tests.support.verdicts import BLESSED
from transform.common.config import ConfigError, first_difference
from transform.records.dataset import ExtractedDataset

pytestmark = pytest.mark.usefixtures("unchecked")  # its corpus is nowhere

RELEVANCE = {
    "relevance": {
        "modalities": ["tiny"],
        "units": 4,
        "embedding": 4,
        "blocks": 1,
        "heads": 2,
        "feedforward": 4,
    },
    "schedule": {"name": "relevance", "epochs": 1},
}


def settings(root, **changes):
    training = small_runs.settings({**small_runs.CROSS_ENTROPY, "epochs": 1})
    return {
        "name": "small",
        "root": str(root),
        "corpus": {"kind": "msrvtt", "files": ["nowhere.json"]},
        "features": corpora.SPEC.to_dict(),
        "training": training.to_dict(),
        "search": {"kind": "beam", "width": 2},
        **changes,
    }


@pytest.fixture
def trained(tmp_path, monkeypatch):
    """Replaces the pipeline by its trainer; returns the runs that it was asked for."""
    records = write_records(tmp_path / "records")
    vocabulary = corpora.write(tmp_path / "same").vocabulary
    runs = {}

    def run(config, callback, verbose):
        del callback, verbose
        name = os.path.basename(config.push_to)
        model = os.path.join(config.root, "trained", name, "1")
        if not os.path.exists(model):
            dataset = ExtractedDataset(records)
            train_and_export(
                TrainerSettings(
                    training=config.training,
                    search=config.search,
                    workdir=os.path.join(config.root, "training"),
                ),
                dataset.spec,
                dataset.files("train"),
                dataset.files("val"),
                vocabulary,
                model,
            )
        runs[name] = config
        places = dict.fromkeys(RunResult._fields, "")
        found = {"model": model, "examples": str(records), "verdict": BLESSED}
        return RunResult(**places | found)

    monkeypatch.setattr(local_runner, "run", run)
    return runs


def run(folder, content, *options):
    path = folder / "joint.yaml"
    path.write_text(yaml.safe_dump(content))
    command = ["run", str(path), *options, "--json"]
    done = CliRunner().invoke(cli.app, command, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


@pytest.mark.slow
def test_seeds_are_trained_alike_and_become_one_model(trained, tmp_path):
    root = tmp_path / "root"
    joint = run(tmp_path, settings(root), "--seeds", "2", "--split", "val")
    assert {name: config.training.seed for name, config in trained.items()} == {
        "seed0": 0,
        "seed1": 1,
    }
    first, second = (config.to_dict() for config in trained.values())
    assert first_difference(first, second).startswith("push_to")
    first["push_to"] = second["push_to"]
    first["training"]["seed"] = 1
    assert first == second
    assert joint["model"] == str(root / "joint" / "models" / "1")
    assert list(joint["scores"]) == ["together", "seed0", "seed1"]
    assert json.loads((root / "joint/scores-val.json").read_text()) == joint["scores"]
    assert LocalModel(joint["model"]).spec == corpora.SPEC

    # The same again joins nothing, another search does; so says the file in the root.
    written = yaml.safe_load((root / "joint.yaml").read_text())
    assert run(tmp_path, written, "--split", "val") == joint
    wider = run(tmp_path, written, "--set", "search.width=3")
    assert wider["model"] == str(root / "joint" / "models" / "2")
    assert len(model_versions.complete_versions(str(root / "joint" / "models"))) == 2


def test_a_refused_member_is_told_and_the_exit_code_is_that_of_a_refusal(
    tmp_path, monkeypatch
):
    refused = BLESSED.replace(outcome="refused", sentence="Refused: one word is said.")
    places = dict.fromkeys(RunResult._fields, "")
    members = {
        name: RunResult(**places | {"verdict": verdict})
        for name, verdict in (("seed0", BLESSED), ("seed1", refused))
    }
    joint = joint_run.JointResult(
        members, "models/1", {"together": {"CIDEr-D": 1.0}}, "scores.json"
    )
    monkeypatch.setattr(joint_run, "run", lambda *arguments: joint)
    path = tmp_path / "joint.yaml"
    path.write_text(yaml.safe_dump(settings(tmp_path)))
    done = CliRunner().invoke(cli.app, ["run", str(path), "--seeds", "2"])
    assert done.exit_code == 3
    assert "Refused    seed1: Refused: one word is said." in done.output
    assert "seed0" not in done.output


@pytest.mark.slow
def test_late_fusion_trains_its_relevance_model(trained, tmp_path):
    small = settings(tmp_path / "root")
    small["members"] = {"one": {"seed": 3}, "two": {"max_words": 4, "seed": 4}}
    small["join"] = {"kind": "late_fusion", "training": RELEVANCE}
    joint = run(tmp_path, small)
    assert set(trained) == {"one", "two"}
    dataset = ExtractedDataset(tmp_path / "records")
    examples = tf.data.TFRecordDataset(dataset.files("test")).as_numpy_iterator()
    (result,) = LocalModel(joint["model"]).caption_examples([next(examples)])
    assert len(result.captions) == 2  # one of each
    assert set(joint["scores"]) == {"together", "one", "two"}


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"one": {}}, "two models or more"),
        ({"one": {}, "two": {"sead": 1}}, r"sead.*did you mean seed"),
        ({"one": {}, "two": {"variant": "mgsb"}}, "no model 'mgsb'"),
        ({"one": {}, "..": {}}, "members: '..' is no name of a folder"),
        ({"one": {}, "a/b": {}}, "members: 'a/b' is no name of a folder"),
    ],
)
def test_wrong_members_are_refused(members, said, tmp_path):
    with pytest.raises(ConfigError, match=said):
        JointConfig.from_dict(settings(tmp_path, members=members))


def test_joint_models_are_not_served_pictures():
    pictures = configs.find("demo").replace(served={"frames": True})
    with pytest.raises(ConfigError, match=r"served\.frames: joint models are sent f"):
        joint_configs.of_seeds(pictures, 2)


def test_a_file_with_members_is_a_run_of_several_models(tmp_path):
    path = tmp_path / "run.yaml"
    path.write_text(yaml.safe_dump(settings(tmp_path)))
    assert not isinstance(joint_configs.find(str(path)), JointConfig)
    both = {"a": {}, "b": {"seed": 1}}
    path.write_text(yaml.safe_dump(settings(tmp_path, members=both)))
    assert isinstance(joint_configs.find(str(path)), JointConfig)

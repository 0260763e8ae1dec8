import csv
import json
import pathlib

import pytest
from typer.testing import CliRunner

from keras_models.captioning_model import CaptioningModel
from keras_models.metrics import METRICS, scorer
from keras_models.training.warm_start import WarmStartError
from kinescribe import cli
from tests.support import corpora, exported, small_runs
from tests.support.extracted_records import write_records
from transform.common.errors import DataError
from transform.schema import SpecMismatchError


def run(*arguments: str):
    words = [str(argument) for argument in arguments]
    return CliRunner().invoke(cli.app, words, catch_exceptions=False)


def write_config(path: pathlib.Path, **changes) -> pathlib.Path:
    training = small_runs.settings(
        {**small_runs.CROSS_ENTROPY, "epochs": 6}, **changes
    ).to_dict()
    settings = {
        "name": "small",
        "root": str(path.parent / "root"),
        "corpus": {"kind": "msrvtt", "files": ["nowhere.json"]},
        "features": corpora.SPEC.to_dict(),
        "training": training,
        "search": {"kind": "beam", "width": 2},
        "served": {"precision": "mixed_bfloat16"},
    }
    path.write_text(json.dumps(settings))  # JSON is YAML
    return path


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> tuple[pathlib.Path, dict]:
    folder = tmp_path_factory.mktemp("trained")
    config = write_config(folder / "small.yaml")
    records = write_records(folder / "records")
    result = run(
        "train", config, "--records", records, "--out", folder / "out", "--json"
    )
    assert result.exit_code == 0
    return folder, json.loads(result.stdout)


def test_training_leaves_a_model_its_weights_and_its_history(trained):
    folder, outcome = trained
    assert outcome["model"] == str(folder / "out" / "models" / "1")
    assert exported.computes_in_bfloat16(pathlib.Path(outcome["model"]))
    vocabulary = CaptioningModel.load(outcome["weights"]).vocabulary
    assert len(vocabulary) == outcome["words"]
    assert set(vocabulary.words) == set(corpora.write(folder / "same").vocabulary.words)
    with open(pathlib.Path(outcome["run"], "history.csv")) as file:
        scores = [float(row["CIDEr-D"]) for row in csv.DictReader(file)]
    assert len(scores) == outcome["epochs"] == 6
    assert max(scores) == outcome["validation_cider_d"]


def test_evaluation_has_the_model_its_controls_and_the_coverage(trained):
    folder, outcome = trained
    scores = folder / "scores" / "scores.json"
    result = run("evaluate", outcome["model"], folder / "records", "--out", scores)
    assert result.exit_code == 0
    titles = " ".join(result.stdout.partition("BLEU-1")[0].split())
    for word in ("this model", "95 %", "constant", "other clips", "a person"):
        assert set(word.split()) <= set(titles.split())
    assert "6 of 7 clips" in result.stdout
    assert all(metric in result.stdout for metric in METRICS)
    found = json.loads(scores.read_text())
    assert found["coverage"] == "6 of 7 clips"
    captions = {clip["video_id"]: clip["caption"] for clip in found["clips"]}
    references = corpora.write(folder / "again", 6, seed=2).references
    assert found["model"] == pytest.approx(scorer.score(captions, references))


def test_evaluation_of_another_split_prints_json(trained):
    folder, outcome = trained
    result = run(
        "evaluate", outcome["model"], folder / "records", "--split", "val", "--json"
    )
    assert len(json.loads(result.stdout)["clips"]) == 6


def test_clips_that_are_gone_are_captioned_by_another_model(trained, tmp_path):
    folder, outcome = trained
    more = write_records(tmp_path / "records", test=9)
    command = ["evaluate", outcome["model"], folder / "records", "--json"]
    found = json.loads(run(*command, "--fallback", f"{outcome['model']}={more}").stdout)
    assert found["coverage"] == "6 of 7 clips, and 3 by the fallback"
    clips = {clip["video_id"] for clip in found["clips"]}
    assert clips == {f"clip{number}" for number in range(9)}
    assert run(*command, "--fallback", "model").exit_code == 2


def test_records_of_another_specification_are_refused(trained, tmp_path):
    folder, outcome = trained
    records = write_records(tmp_path / "records")
    other = corpora.SPEC.override({"sampling": {"resize": "area"}})
    (records / "feature_spec.json").write_text(other.to_json())
    with pytest.raises(SpecMismatchError, match=r"sampling\.resize"):
        run("evaluate", outcome["model"], records)
    with pytest.raises(SpecMismatchError, match="records-00000"):
        run("train", folder / "small.yaml", "--records", records)


def test_no_records_is_one_sentence(trained, tmp_path):
    folder, outcome = trained
    with pytest.raises(DataError, match=r"there are no records in .*nowhere"):
        run("train", folder / "small.yaml", "--records", tmp_path / "nowhere")
    with pytest.raises(DataError, match=r"no records of split other in "):
        run("evaluate", outcome["model"], folder / "records", "--split", "other")


def test_weights_of_other_parts_are_refused(trained, tmp_path):
    folder, outcome = trained
    config = write_config(tmp_path / "wide.yaml", batch={"kind": "clips", "size": 4})
    data = json.loads(config.read_text())
    data["training"]["model"]["decoder"]["units"] = 9
    config.write_text(json.dumps(data))
    with pytest.raises(WarmStartError, match=r"decoder\.units \(9 against 8\)"):
        run(
            "train",
            config,
            "--records",
            folder / "records",
            "--out",
            tmp_path / "out",
            "--begin-with",
            outcome["weights"],
        )


def test_a_preset_is_trained_on_records_without_a_configuration(trained, tmp_path):
    folder, _ = trained
    options = []
    for setting in (
        "training.model.encoder.grid=tiny",
        "training.model.encoder.spatial.channels=[2]",
        "training.model.attentions=[{kind: additive, units: 4}]",
        "training.model.decoder.units=8",
        "training.model.decoder.embedding=4",
        "training.plan.stages.0.epochs=1",
        "training.batch.size=8",
        "training.guards.floor=10",
    ):
        options += ["--set", setting]
    command = ["train", "--preset", "mgsa", "--records", folder / "records", "--json"]
    outcome = json.loads(
        run(*command, "--out", tmp_path, "--seed", "5", *options).stdout
    )
    assert outcome["epochs"] == 1
    assert CaptioningModel.load(outcome["weights"]).captioner.config.decoder.units == 8


def test_a_configuration_or_a_preset_is_given():
    for arguments in ([], ["demo", "--preset", "mgsa"], ["--preset", "mgsa"]):
        assert run("train", *arguments).exit_code == 2

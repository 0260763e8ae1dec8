import json
import pathlib
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from kinescribe import cli
from pipeline import local_runner, published_runs
from pipeline.local_runner import RunResult
from pipeline.stages import StageError
from tests.support import buckets
from tests.support.verdicts import BLESSED
from transform.common.errors import KinescribeError

pytestmark = pytest.mark.usefixtures("unchecked")  # its pipelines only pretend

RESULT = RunResult(
    root=pathlib.Path("root"),
    examples=pathlib.Path("root/examples"),
    manifest=pathlib.Path("root/examples/manifest.csv"),
    coverage="590 of 600 clips",
    anomalies=("train, captions: too short",),
    model=pathlib.Path("root/model"),
    training=pathlib.Path("root/training"),
    evaluation=pathlib.Path("root/evaluation"),
    report=pathlib.Path("root/report.html"),
    judgement=pathlib.Path("root/judgement"),
    verdict=BLESSED,
    pushed=pathlib.Path("root/pushed/8"),
    stages=(),
)


def invoke(monkeypatch, result, *arguments):
    """Runs the command with a pipeline that ends in `result`."""
    configs = []

    def run(config, callback, verbose=False, accept=""):
        del callback, verbose, accept
        configs.append(config)
        if isinstance(result, Exception):
            raise result
        return result

    monkeypatch.setattr(local_runner, "run", run)
    command = ["--verbose", "run", "demo", *arguments]
    return CliRunner().invoke(cli.app, command), configs


def test_run_says_where_everything_is(monkeypatch):
    done, configs = invoke(monkeypatch, RESULT, "--root", "elsewhere")
    assert done.exit_code == 0, done.output
    assert configs[0].root == "elsewhere"
    for text in (
        "590 of 600 clips",
        "root/examples/manifest.csv",
        "train, captions: too short",
        "root/report.html",
        "above version 7's 1.85",
        "root/pushed/8",
    ):
        assert text in done.stdout


def test_refused_model_is_said_not_to_be_pushed(monkeypatch):
    verdict = BLESSED.replace(outcome="refused", sentence="Refused: it is worse.")
    refused = RESULT._replace(verdict=verdict, pushed=None)
    for arguments in ((), ("--json",)):
        done, _ = invoke(monkeypatch, refused, *arguments)
        assert "Refused: it is worse." in done.stdout
        assert done.exit_code == 3


def test_a_model_that_was_withdrawn_is_not_pushed_and_says_why(monkeypatch):
    withheld = RESULT._replace(pushed=None, withheld="version 7 was rolled back")
    for arguments in ((), ("--json",)):
        done, _ = invoke(monkeypatch, withheld, *arguments)
        assert "version 7 was rolled back" in done.stdout
        assert done.exit_code == 0


def test_an_equal_model_is_no_failure(monkeypatch):
    verdict = BLESSED.replace(outcome="equal", sentence="Equal: version 7 stays.")
    done, _ = invoke(monkeypatch, RESULT._replace(verdict=verdict, pushed=None))
    assert "Not pushed" in done.stdout and "version 7 stays" in done.stdout
    assert done.exit_code == 0


@pytest.mark.parametrize("pushed", [RESULT.pushed, None])
def test_json_holds_every_place(monkeypatch, pushed):
    done, _ = invoke(monkeypatch, RESULT._replace(pushed=pushed), "--json")
    found = json.loads(done.stdout)
    assert found["pushed"] == (str(pushed) if pushed else None)
    assert found["report"] == "root/report.html"
    assert found["verdict"] == BLESSED.to_dict()
    assert found["anomalies"] == list(RESULT.anomalies)
    assert set(found) == set(RESULT._fields) - {"stages"}


def test_failed_stage_is_the_commands_error(monkeypatch):
    error = StageError("stage 7 of 11, Trainer, failed: the disk is full")
    done, _ = invoke(monkeypatch, error)
    assert done.exception is error


def annotated(folder, splits):
    """Runs clips that are there, as their annotations say, and hold no video."""
    lines = []
    for split in splits:
        (folder / f"{split}.mp4").write_bytes(b"no video")
        clip = {"id": split, "video": f"{split}.mp4", "split": split}
        lines.append(json.dumps({**clip, "captions": ["a ball rolls"]}))
    path = folder / "clips.jsonl"
    path.write_text("\n".join(lines))
    settings = ("corpus.kind=jsonl", f"corpus.file={path}", "extraction.workers=1")
    options = [word for setting in settings for word in ("--set", setting)]
    return ["run", "demo", "--root", str(folder / "root"), *options]


@pytest.mark.parametrize(
    ("splits", "said"),
    [
        (("train", "val"), "no clip is in split test"),
        (("train", "val", "test"), "3 of 3 clips failed, every one"),
    ],
    ids=["no test split", "no clip can be decoded"],
)
def test_a_run_that_its_data_stops_ends_with_4(
    monkeypatch, capsys, tmp_path, splits, said
):
    monkeypatch.undo()  # the check and the pipeline as they are
    monkeypatch.setattr(sys, "argv", ["kinescribe", *annotated(tmp_path, splits)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert said in capsys.readouterr().err.splitlines()[-1]
    assert ended.value.code == 4
    assert not list((tmp_path / "root" / "pushed").glob("*"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("answer", "words"),
    [(403, "Permission denied"), (507, ""), (None, "has not answered for 20 s")],
    ids=["no right", "full", "silent"],
)
def test_a_bucket_that_takes_no_models_ends_a_run_before_its_first_stage(
    tmp_path, answer, words
):
    command = [pathlib.Path(sys.executable).with_name("kinescribe")]
    command += annotated(tmp_path, ("train", "val", "test"))
    with buckets.refusing(answer) as environment:
        done = subprocess.run(
            [*command, "--set", "push_to=s3://bucket/models"],
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
        )
    assert done.returncode == 1, done.stderr
    sentence = done.stderr.splitlines()[-1]
    assert "nothing can be written to s3://bucket/models: " in sentence
    assert words in sentence
    assert [p.name for p in (tmp_path / "root").rglob("*") if p.is_file()] == []


def test_a_preset_runs_on_a_folder_of_its_corpus(monkeypatch, tmp_path):
    ran = []

    def run(config, *_):
        ran.append(config)
        return RESULT._replace(report=tmp_path / "report.html")

    monkeypatch.setattr(local_runner, "run", run)
    for name in ("sentences.txt", "youtube_mapping.txt", "videos"):
        (tmp_path / name).touch()
    scores = {"model": {"BLEU-4": 0.5, "CIDEr-D": 0.75}}
    (tmp_path / "scores.json").write_text(json.dumps(scores))
    options = ["--preset", "stats", "--corpus", "msvd", "--root", "r", "--seed", "3"]
    command = ["run", str(tmp_path), *options, "--set", "training.batch.size=8"]
    done = CliRunner().invoke(cli.app, command, catch_exceptions=False)
    assert done.exit_code == 0
    (config,) = ran
    assert config == published_runs.configuration(
        "stats", "msvd", str(tmp_path), "r"
    ).override({"training": {"seed": 3, "batch": {"size": 8}}})
    # Beside its scores stand those that the paper reports of it.
    lines = [line.split() for line in done.stdout.splitlines()]
    assert ["stats", "50.0", "75.0"] in lines
    assert ["STaTS,", "Table", "1", "52.6", "80.2"] in lines


def test_a_run_that_cannot_succeed_is_refused_before_it_begins(monkeypatch, tmp_path):
    monkeypatch.undo()  # the check as it is
    monkeypatch.setattr(local_runner, "run", None)
    command = ["run", "demo", "--root", str(tmp_path), "--set", "corpus.files=[x.json]"]
    with pytest.raises(KinescribeError, match=r"cannot read x\.json"):
        CliRunner().invoke(cli.app, command, catch_exceptions=False)


def test_data_that_is_not_there_is_named_before_anything_runs(monkeypatch, tmp_path):
    monkeypatch.setattr(local_runner, "run", None)
    (tmp_path / "sentences.txt").touch()
    command = ["run", str(tmp_path), "--preset", "stats", "--corpus", "msvd"]
    with pytest.raises(KinescribeError, match=r"no youtube_mapping\.txt, no videos or"):
        CliRunner().invoke(cli.app, command, catch_exceptions=False)


def test_a_corpus_without_a_preset_is_wrong_usage():
    done = CliRunner().invoke(cli.app, ["run", "demo", "--corpus", "msvd"])
    assert done.exit_code == 2

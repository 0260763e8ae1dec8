import fcntl
import html
import json
import os
import pathlib
import re
import shutil

import pytest

from keras_models.evaluation.evaluate import BEST_CONSTANT, HUMAN, SHUFFLED_FEATURES
from pipeline import local_runner, metadata_store, report_again
from pipeline.configs import PipelineConfig
from serving.client.local_model import LocalModel
from serving.pushing import destination
from tests.support.pushed_files import pushed_files
from tests.support.small_pipeline import small_pipeline
from transform.backbones import loading
from transform.common import lease
from transform.common.errors import KinescribeError

MODEL_STAGES = [
    "Trainer",
    "BaselineModel",
    "Evaluator",
    "Judge",
    "Pusher",
    "Report",
]


class Names:
    """A callback that keeps the names of the stages that were not cached."""

    def __init__(self):
        self.ran = []

    def on_stage_begin(self, index, total, name):
        pass

    def on_stage_end(self, index, total, stage):
        if not stage.cached:
            self.ran.append(stage.name)

    def on_stage_failure(self, index, total, name):
        self.ran.append(f"{name} failed")


def run(config):
    names = Names()
    return local_runner.run(config, names), names.ran


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A pipeline in a folder as people name theirs: blanks, accents, round brackets."""
    return small_pipeline(tmp_path_factory.mktemp("pipeline") / "my vidéos (v2)")


@pytest.mark.e2e
def test_clips_become_a_pushed_model_and_only_better_ones_follow(small):
    # The first run does everything.
    first, ran = run(small)
    assert len(ran) == len(first.stages)
    assert first.coverage == "24 of 24 clips"
    assert first.anomalies == ()
    assert first.verdict.outcome == "blessed" and first.verdict.first
    assert "nothing has been pushed" in first.verdict.sentence
    assert first.pushed.parent == pathlib.Path(small.push_destination)
    record = json.loads((first.pushed / destination.RECORD).read_text())
    assert record["baseline_version"] == ""
    assert record["version"] == first.pushed.name

    # The root says what was run, so that it can be run again.
    written = PipelineConfig.from_yaml(f"{small.root}/run.yaml")
    assert written.replace(features=small.features) == small
    assert written.features == loading.resolve(small.features)

    # Its report shows clips, and scores beside their controls.
    page = first.report.read_text()
    assert "Blessed" in page and "<svg" in page
    assert re.search(r"category=\w+ <small>\d clips</small>", page)
    assert page.count("<article") == 6
    scores = json.loads(first.report.with_name("scores.json").read_text())
    assert set(scores["controls"]) == {BEST_CONSTANT, SHUFFLED_FEATURES, HUMAN}
    assert scores["controls"][HUMAN]["CIDEr-D"] > scores["model"]["CIDEr-D"]

    # The report can be made anew, beside a page of all runs.
    again, index = report_again.report_again(pathlib.Path(small.root))
    assert again == first.report and again.read_text() == page
    assert os.path.relpath(again, small.root) in index.read_text()
    assert first.verdict.sentence in html.unescape(index.read_text())

    # What it pushed captions a clip.
    clip = pathlib.Path(small.corpus.files[0]).parent / "videos/video0.mp4"
    assert LocalModel(first.pushed).caption_file(str(clip)).captions

    # The same again is a look at what is pushed, nothing else.
    again, ran = run(small)
    assert ran == ["Pusher"]
    assert again._replace(stages=()) == first._replace(stages=())
    assert sum(stage.seconds for stage in again.stages) < 20

    # Other weights are compared with the pushed ones, and take their place. What
    # somebody has deleted meanwhile is made again.
    shutil.rmtree(small.root + "/references")
    changes = {"training": {"seed": 1}, "gates": {"max_regression": {"CIDEr-D": 10}}}
    changed = small.override(changes)
    second, ran = run(changed)
    assert ran == ["CaptionReferences", "Drift", *MODEL_STAGES]
    assert second.verdict.baseline_version == first.pushed.name
    assert f"version {first.pushed.name}'s" in second.verdict.sentence
    assert int(second.pushed.name) > int(first.pushed.name)
    latest = destination.latest(small.push_destination)
    assert latest.folder == str(second.pushed)
    assert latest.record().baseline_version == first.pushed.name
    assert run(changed)[1] == ["Pusher"]

    # A model that does not reach the bar is not pushed.
    refused, ran = run(changed.override({"gates": {"minimum": {"CIDEr-D": 9.9}}}))
    assert "Trainer" not in ran
    assert refused.verdict.outcome == "refused"
    assert "below the 9.90 that is asked for" in refused.verdict.sentence
    assert refused.pushed is None
    assert destination.latest(small.push_destination) == latest


@pytest.mark.slow
@pytest.mark.parametrize("lost", ["features", "training", "pushed/.ledger"])
def test_what_is_lost_alone_is_not_missed_while_nothing_is_new(small, lost):
    run(small)
    before = pushed_files(small)
    shutil.rmtree(pathlib.Path(small.root) / lost)
    assert run(small)[1] == ["Pusher"]
    assert pushed_files(small) == before


@pytest.mark.slow
def test_a_lost_database_costs_stages_but_no_second_version(small):
    first, _ = run(small)
    (pathlib.Path(small.root) / metadata_store.FILE).unlink()
    before = pushed_files(small)
    again, ran = run(small)
    assert len(ran) == len(again.stages)
    assert pushed_files(small) == before
    assert first.report.exists() and again.report != first.report


@pytest.mark.slow
def test_what_is_lost_besides_is_made_again_and_is_no_second_version(small):
    first, _ = run(small)
    root = pathlib.Path(small.root)
    for folder in ("features", "training", "records", "artifacts", "references"):
        shutil.rmtree(root / folder)
    shutil.rmtree(pathlib.Path(small.push_destination) / ".ledger", ignore_errors=True)
    before = pushed_files(small)
    again, ran = run(small)
    assert "Trainer" in ran and "VideoExampleGen" in ran
    assert pushed_files(small) == before
    assert again.verdict.weights_digest == first.verdict.weights_digest


@pytest.mark.slow
def test_a_root_that_was_renamed_is_done_anew_and_is_no_second_version(tmp_path):
    config = small_pipeline(tmp_path)
    first, _ = run(config)
    moved = config.override({"root": f"{tmp_path}/moved é (2)"})
    os.rename(config.root, moved.root)
    again, ran = run(moved)
    assert len(ran) == len(again.stages)
    assert not os.path.exists(config.root)
    assert again.verdict.weights_digest == first.verdict.weights_digest
    (version,) = destination.versions(moved.push_destination)
    assert version.version == first.pushed.name
    assert run(moved)[1] == ["Pusher"]


def test_second_run_at_the_same_time_is_refused(small):
    root = pathlib.Path(small.root)
    root.mkdir(parents=True, exist_ok=True)
    with (root / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(KinescribeError, match="another run is going on"):
            run(small)


def test_a_run_on_another_machine_keeps_a_second_one_out(small):
    before = pushed_files(small)
    with (
        lease.held(str(small.run_log), "run-of-somebody"),
        pytest.raises(KinescribeError, match=r"run-of-somebody on .* since 20"),
    ):
        run(small)
    assert pushed_files(small) == before


def test_word_vectors_that_are_not_there_are_told_before_the_first_stage(small):
    vectors = {"kind": "file", "path": "absent.bin"}
    absent = small.override({"training": {"word_vectors": vectors}})
    with pytest.raises(KinescribeError, match=r"no word vectors at .*absent\.bin"):
        run(absent)


def test_corpus_that_is_not_there_is_one_sentence(small, tmp_path):
    absent = small.override({"corpus": {"files": [str(tmp_path / "absent.json")]}})
    with pytest.raises(KinescribeError, match=r"absent\.json"):
        run(absent)

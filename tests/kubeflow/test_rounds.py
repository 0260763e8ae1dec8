"""Scheduled runs of the real pipeline, one after another, on an acted backend."""

import json
import pathlib
import time

import pytest

from kubeflow import compiler
from serving.pushing import destination, rollback
from serving.pushing.origin import Origin
from tests.support import kubeflow_page
from tests.support.kubeflow_backend import Backend, in_a_process, in_this_process
from tests.support.pushed_files import pushed_files
from tests.support.small_pipeline import small_pipeline
from transform.moving_world import CorpusConfig, render_corpus


def leave_out(annotations: pathlib.Path, ids: set[str]) -> None:
    """Takes clips out of an annotation file."""
    data = json.loads(annotations.read_text())
    for key in ("videos", "sentences"):
        data[key] = [row for row in data[key] if row["video_id"] not in ids]
    annotations.write_text(json.dumps(data))


def files(folder: pathlib.Path) -> set[pathlib.Path]:
    return {path for path in folder.rglob("*") if path.is_file()}


def size(paths) -> int:
    return sum(path.stat().st_size for path in paths)


EVICTED = 137  # 128 + SIGKILL, as Kubernetes tells of a pod that it put out


def all_evicted_once(pod):
    """Runs a container; what its first attempt made is never uploaded."""
    code = in_this_process(pod)
    return EVICTED if pod.folder.name.endswith("-1") and pod.task != "tell" else code


@pytest.mark.slow
def test_every_pod_is_evicted_after_its_work_and_one_version_is_pushed(tmp_path):
    config = small_pipeline(tmp_path).override(
        {"kubeflow": {"image": {"default": "k"}, "allow_tags": True}}
    )
    path = tmp_path / "pipeline.yaml"
    compiler.compile_pipeline(config, path)
    run = Backend(tmp_path / "backend", all_evicted_once).run(path)
    assert run.state == "SUCCEEDED", {n: t.message for n, t in run.tasks.items()}
    assert {run.tasks[name].attempts for name in run.ran if name != "tell"} == {2}
    assert len(destination.versions(config.push_destination)) == 1
    assert run.tasks["pusher"].artifacts["pushed_model"]["metadata"]["pushed"] == 1


@pytest.mark.slow
def test_scheduled_runs_push_follow_new_clips_rest_obey_a_rollback_and_stop(tmp_path):
    corpus = render_corpus(
        CorpusConfig(train=24, val=4, test=6, references=5), tmp_path / "all", workers=1
    )
    everything = corpus.annotations.read_text()
    training = [
        row["video_id"]
        for row in json.loads(everything)["videos"]
        if row["split"] == "train"
    ]
    leave_out(corpus.annotations, set(training[14:]))
    config = small_pipeline(tmp_path).override(
        {
            "corpus": {"files": [str(corpus.annotations)]},
            "gates": {"max_regression": {"CIDEr-D": 9.0}},
            "retrain": {
                "on_drift": "stop",
                "drift": {"min_clips": 4, "unknown_words": 0.3},
            },
            "kubeflow": {"image": {"default": "k"}, "allow_tags": True},
        }
    )
    path = tmp_path / "pipeline.yaml"
    compiler.compile_pipeline(config, path)
    backend = Backend(tmp_path / "backend", in_this_process)
    store = tmp_path / "run" / "features"

    # Nothing is there: all is made, and pushed.
    run = backend.run(path)
    assert run.state == "SUCCEEDED", {n: t.message for n, t in run.tasks.items()}
    first = destination.latest(config.push_destination)
    assert run.tasks["pusher"].artifacts["pushed_model"]["metadata"]["pushed"] == 1
    assert Origin.read(first.folder).parent == ""
    uris = first.record().artifacts
    assert uris["model"] == run.tasks["trainer"].artifacts["model"]["uri"]
    assert uris["examples"].startswith("minio://")
    assert (first.record().image, first.record().training_image) == ("k", "k")
    page = kubeflow_page.shown(backend, run)
    assert "Blessed" in page.pages["report.report"]
    assert set(page.figures["judge.scores"]) >= {"CIDEr-D", "BLEU-4"}
    for task in ("statistics-gen", "curated-schema", "caption-references", "transform"):
        assert backend.downloaded[task] < 50_000  # no features

    # Nothing is new: it ends at once and leaves next to nothing.
    before, models, began = files(tmp_path), pushed_files(config), time.monotonic()
    backend._start = in_a_process
    run = backend.run(path)
    backend._start = in_this_process
    assert run.ran == ["decide", "tell"]
    assert time.monotonic() - began < 60  # with what two processes import
    assert size(files(tmp_path) - before) < 1_000_000
    assert pushed_files(config) == models

    # Ten new clips: only those are extracted, and training starts warm.
    extracted, kept = files(store), files(tmp_path / "run" / "records")
    corpus.annotations.write_text(everything)
    run = backend.run(path)
    assert run.state == "SUCCEEDED", {n: t.message for n, t in run.tasks.items()}
    assert len(files(store) - extracted) == 10
    examples = run.tasks["video-example-gen"].artifacts["examples"]["metadata"]
    assert (examples["span"], examples["version"]) == (2, 1)
    assert len(kept & files(tmp_path / "run" / "records")) == len(kept)
    second = destination.latest(config.push_destination)
    origin = Origin.read(second.folder)
    assert (origin.parent, origin.generation) == (first.version, 1)
    assert origin.reason.endswith("weights: 10 clips added.")

    # It is rolled back: no run makes the same model again.
    rollback.roll_back(config.push_destination, "it is worse")
    models = pushed_files(config)
    run = backend.run(path)
    assert run.ran == ["decide", "tell"]
    assert pushed_files(config) == models

    # New captions are of other things: it stops before training, with the figure.
    other = json.loads(everything)
    for row in other["sentences"]:
        if row["video_id"] in training:
            row["caption"] = "somebody peels potatoes"
    corpus.annotations.write_text(json.dumps(other))
    run = backend.run(path)
    assert run.state == "SUCCEEDED", {n: t.message for n, t in run.tasks.items()}
    assert "trainer" not in run.ran
    drift = run.tasks["drift"].artifacts["drift"]["metadata"]
    assert drift["decision"] == "stop"
    assert drift["reason"].startswith("Stopped: Drift: the ")
    assert "unknown_words " in drift["reason"]
    assert pushed_files(config) == models

    # Most clips are gone: it stops, with the figure.
    leave_out(corpus.annotations, set(training[:15]))
    run = backend.run(path)
    assert run.ran == ["decide", "tell"]
    decided = run.tasks["decide"].artifacts["basis"]["metadata"]
    assert decided["decision"] == "stop"
    assert decided["reason"].startswith("Stopped: 14 clips (video0, video1, ")
    assert pushed_files(config) == models

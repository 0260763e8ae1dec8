"""Compiled pipelines on what behaves as a backend: see `tests.support`."""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

import pytest
import yaml
from tfx.orchestration.kubeflow.v2.container import kubeflow_v2_run_executor
from tfx.orchestration.kubeflow.v2.kubeflow_v2_dag_runner import (
    KubeflowV2DagRunner,
    KubeflowV2DagRunnerConfig,
)
from tfx.orchestration.pipeline import Pipeline

from kubeflow import compiler
from kubeflow.check import check
from pipeline.kubeflow_config import KubeflowConfig
from tests.support import kubeflow_page, stage_fakes, unprivileged
from tests.support.kubeflow_backend import Backend, in_this_process
from tests.support.paths import ROOT
from transform.common import lease

SETTINGS = KubeflowConfig.from_dict(
    {
        "image": {"default": "registry/k:7"},
        "allow_tags": True,
        "retries": {"default": {"times": 1}},
        "env": {"PLACE": "here"},
    }
)


class Bench:
    """Three small stages, compiled and run in this process."""

    def __init__(self, folder: pathlib.Path):
        self.folder = folder
        self.log = folder / "log"
        self.obstacle = folder / "obstacle"
        self.said: list[str] = []
        self.backend = Backend(folder / "backend", self.start)

    def pipeline(self, answer="retrain", look="", shows=False):
        decide = stage_fakes.Decide(answer=answer, log=str(self.log), force=0, note="")
        first = stage_fakes.First(log=str(self.log))
        second = stage_fakes.Second(
            schema=first.outputs["schema"],
            log=str(self.log),
            obstacle=str(self.obstacle),
        )
        stages = [decide, first, second]
        if look:
            stages.append(stage_fakes.Look(answer=look).with_id("Drift"))
            second.add_upstream_node(stages[-1])
        if shows:
            stages.append(stage_fakes.Show())
        return Pipeline("fake", "unused", components=stages)

    def compiled(self, **arguments):
        path = self.folder / "pipeline.yaml"
        run_log = str(self.folder / "runs")
        compiled = compiler.compile_stages(
            self.pipeline(**arguments), SETTINGS, run_log
        )
        path.write_text(compiled.to_yaml())
        return path

    def as_tfx_compiles(self):
        job = KubeflowV2DagRunner(
            KubeflowV2DagRunnerConfig(use_pipeline_spec_2_1=True)
        ).run(self.pipeline(), write_out=False)
        path = self.folder / "tfx.yaml"
        path.write_text(yaml.safe_dump(job["pipelineSpec"]))
        return path

    def start(self, pod):
        """Runs a container's command, which may be TFX's own."""
        if pod.command[2].startswith("kubeflow"):
            return in_this_process(pod)
        try:
            kubeflow_v2_run_executor.main(
                kubeflow_v2_run_executor._parse_flags(pod.command[3:])
            )
        except Exception as error:
            self.said.append(str(error))
            return 1
        return 0

    def logged(self):
        return self.log.read_text().splitlines()


@pytest.fixture
def bench(tmp_path):
    return Bench(tmp_path)


def test_every_task_runs_on_artifacts_of_a_bucket_that_tensorflow_does_not_know(bench):
    run = bench.backend.run(bench.compiled())
    assert run.state == "SUCCEEDED"
    assert run.ran == ["decide", "first", "second", "tell"]
    model = run.tasks["second"].artifacts["model"]
    assert model["uri"].startswith("minio://mlpipeline/v2/artifacts/fake/run-1/second/")
    assert (bench.backend.stored(model["uri"]) / "model").read_text() == "content"
    assert model["metadata"]["property"] == "value"
    assert model["metadata"]["made_of"] == run.tasks["first"].artifacts["schema"]["uri"]
    assert bench.backend.downloaded == {"second": len("content")}


@pytest.mark.parametrize("root", ["gs://bucket/a b/c", "s3://bucket"])
def test_artifacts_keep_the_uris_that_the_backend_chose(bench, root):
    run = bench.backend.run(bench.compiled(), pipeline_root=root)
    uri = run.tasks["second"].artifacts["model"]["uri"]
    assert uri == f"{root}/fake/run-1/second/00000001/model"


@pytest.fixture(params=["compiled now", "kept file"])
def of_tfx(request, bench, monkeypatch):
    """A file of TFX's own compiler, and its two tasks."""
    if request.param == "compiled now":
        return bench.as_tfx_compiles(), "First", "Second"
    for stage in (
        "components.video_example_gen.executor.Executor",
        "components.curated_schema.component.CuratedSchema_Executor",
    ):
        monkeypatch.setattr(stage, stage_fakes.Writer)
    kept = pathlib.Path(__file__).with_name("without_overlay.yaml")
    return kept, "VideoExampleGen", "CuratedSchema"


def test_what_tfx_compiles_dies_at_its_first_task(bench, of_tfx):
    path, first, second = of_tfx
    run = bench.backend.run(path)
    assert run.state == "FAILED"
    assert run.tasks[first].state == "FAILED"
    assert run.tasks[second].state == "SKIPPED"
    assert "File system scheme 'minio' not implemented" in bench.said[-1]


def test_what_tfx_compiles_cannot_read_an_input_of_any_store(
    bench, of_tfx, monkeypatch
):
    path, first, second = of_tfx
    monkeypatch.setattr(  # as if TensorFlow knew minio://
        "tests.support.kubeflow_backend.Backend.stored",
        lambda self, uri: bench.folder / "store" / uri.replace("://", "/"),
    )
    original = kubeflow_v2_run_executor._run_executor

    def reading_the_store(args, beam_args):
        text = args.json_serialized_invocation_args
        args.json_serialized_invocation_args = text.replace(
            "minio://", f"{bench.folder}/store/minio/"
        )
        original(args, beam_args)

    monkeypatch.setattr(kubeflow_v2_run_executor, "_run_executor", reading_the_store)
    run = bench.backend.run(path)
    assert run.tasks[first].state == "SUCCEEDED"
    assert run.tasks[second].state == "FAILED"
    assert "'NoneType' object has no attribute 'get'" in bench.said[-1]


def test_root_in_the_file_is_not_read(bench):
    path = bench.compiled()
    spec, platform = yaml.safe_load_all(path.read_text())
    spec["defaultPipelineRoot"] = "gs://elsewhere"
    path.write_text(yaml.safe_dump_all([spec, platform]))
    run = bench.backend.run(path)
    assert run.tasks["second"].artifacts["model"]["uri"].startswith("minio://")


def test_folder_as_root_fails_in_the_first_task(bench):
    run = bench.backend.run(bench.compiled(), pipeline_root="/mnt/captions")
    assert run.state == "FAILED"
    assert "unsupported Cloud bucket" in run.tasks["decide"].message


def test_nothing_new_ends_the_run_with_success(bench):
    run = bench.backend.run(bench.compiled(answer="nothing-new"))
    assert run.state == "SUCCEEDED"
    assert run.ran == ["decide", "tell"]
    assert run.tasks["retrain"].state == "CONDITION_FALSE"


def test_a_run_can_be_forced_and_told_why(bench):
    path = bench.compiled(answer="nothing-new")
    run = bench.backend.run(path, {"force": 1, "note": "new labels"})
    assert run.ran == ["decide", "first", "second", "tell"]
    assert bench.logged()[0] == "Decide new labels"


def test_failure_is_one_sentence_is_told_and_ends_what_follows(bench, capsys):
    bench.obstacle.write_text("clear")
    run = bench.backend.run(bench.compiled())
    assert run.state == "FAILED"
    assert run.tasks["second"].attempts == 2
    assert run.tasks["second"].message == "Task second failed: The clip is broken."
    assert run.tasks["tell"].state == "SUCCEEDED"
    assert "Failed: second: The clip is broken.\n" in capsys.readouterr().out


def given_nothing(inputs, _):
    inputs["schema"]["artifacts"] = []


def not_given(inputs, _):
    del inputs["schema"]


def of_no_type(_, known):
    known.clear()


def of_an_unheard_type(inputs, _):
    inputs["schema"]["artifacts"][0]["type"] = {"schemaTitle": "tfx.Unheard"}


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (given_nothing, "task second was given no artifact as its input schema."),
        (not_given, "task second was given no artifact as its input schema."),
        (of_no_type, "input schema of task second has no type, neither from the back"),
        (of_an_unheard_type, "is of the type 'tfx.Unheard', which the image does not"),
    ],
)
def test_an_input_that_cannot_be_read_is_one_sentence_before_any_work(
    bench, spoil, sentence
):
    start = bench.backend._start

    def start_spoilt(pod):
        if pod.task != "second":
            return start(pod)
        command = list(pod.command)
        places = [
            command.index(f"--json_serialized_{name}_args") + 1
            for name in ("invocation", "inputs_spec")
        ]
        invocation, spec = (json.loads(command[place]) for place in places)
        spoil(invocation["inputs"]["artifacts"], spec["artifacts"])
        for place, value in zip(places, (invocation, spec), strict=True):
            command[place] = json.dumps(value)
        codes.append(start(pod._replace(command=command)))
        return codes[-1]

    codes = []
    bench.backend._start = start_spoilt
    run = bench.backend.run(bench.compiled())
    assert codes == [1, 1]
    assert run.tasks["second"].message.startswith("Task second failed: ")
    assert sentence in run.tasks["second"].message
    assert "Second" not in bench.logged()


def test_a_webhook_that_is_down_is_a_warning_in_the_log_of_a_run_that_succeeds(
    bench, monkeypatch, capsys
):
    monkeypatch.setenv("KINESCRIBE_WEBHOOK", "http://127.0.0.1:9/secret")
    run = bench.backend.run(bench.compiled())
    assert (run.state, run.tasks["tell"].state) == ("SUCCEEDED", "SUCCEEDED")
    told = [line for line in capsys.readouterr().err.splitlines() if "webhook" in line]
    assert told == ["Warning: the webhook cannot be reached (ConnectionError)."]


@pytest.mark.slow
def test_a_step_that_is_stopped_says_so_and_exits_with_143(tmp_path):
    bench = Bench(tmp_path)
    bench.obstacle.write_text("asleep")

    def start(pod):
        if pod.task != "second":
            return in_this_process(pod)
        process = subprocess.Popen(
            [sys.executable, *pod.command[1:]],
            env={**os.environ, "PYTHONPATH": str(ROOT), **pod.environment},
        )
        while process.poll() is None and "Second" not in bench.logged():
            time.sleep(0.05)
        bench.log.write_text("")
        process.terminate()
        codes.append(process.wait(60))
        return codes[-1]

    codes = []
    bench.backend = Backend(tmp_path / "backend", start)
    run = bench.backend.run(bench.compiled())
    assert codes == [143, 143]
    assert run.tasks["second"].message == "Task second failed: it was stopped"


def test_retry_goes_on_where_the_first_attempt_failed(bench):
    bench.obstacle.write_text("other")
    start = bench.backend._start

    def start_and_repair(pod):
        code = start(pod)
        bench.obstacle.unlink(missing_ok=True)
        return code

    bench.backend._start = lambda pod: (
        start_and_repair(pod) if pod.task == "second" else start(pod)
    )
    run = bench.backend.run(bench.compiled())
    assert (run.state, run.tasks["second"].attempts) == ("SUCCEEDED", 2)
    assert bench.logged().count("First") == 1


def test_outcome_of_a_run_without_a_push_is_told(bench, capsys):
    bench.backend.run(bench.compiled(answer="nothing-new"))
    sentence, line = capsys.readouterr().out.splitlines()[-2:]
    assert sentence == "Nothing is new."
    assert json.loads(line)["state"] == "nothing-new"


def test_containers_get_their_environment(bench):
    seen = {}
    start = bench.backend._start

    def remember(pod):
        names = ("PLACE", "KFP_RUN_ID", "KINESCRIBE_IMAGE")
        seen[pod.task] = tuple(pod.environment[name] for name in names)
        return start(pod)

    bench.backend._start = remember
    bench.backend.run(bench.compiled())
    assert seen == dict.fromkeys(
        ("decide", "first", "second", "tell"), ("here", "run-1", "registry/k:7")
    )


@pytest.mark.parametrize("look", ["retrain", "stop"])
def test_what_comes_after_drift_runs_only_if_it_says_so(bench, look):
    path = bench.compiled(look=look)
    assert check(path) == []
    run = bench.backend.run(path)
    assert run.state == "SUCCEEDED"
    assert {"decide", "first", "drift", "tell"} <= set(run.ran)
    assert ("second" in run.ran) == (look == "retrain")


def test_pages_and_figures_are_shown_on_the_page_of_the_run(bench):
    path = bench.compiled(shows=True)
    assert check(path) == []
    run = bench.backend.run(path)
    assert run.state == "SUCCEEDED", {n: t.message for n, t in run.tasks.items()}
    assert kubeflow_page.shown(bench.backend, run) == (
        {"show.page": "content of page.html"},
        {"show.figures": {"CIDEr-D": 0.5}},
    )


def test_a_second_run_is_told_who_holds_the_root_and_writes_nothing(bench):
    path = bench.compiled()
    with lease.held(str(bench.folder / "runs"), "run-of-somebody"):
        run = bench.backend.run(path)
    assert run.state == "FAILED"
    assert run.ran == ["decide", "tell"]
    assert "run-of-somebody on " in run.tasks["decide"].message
    assert not bench.log.exists()


def test_a_run_lets_others_in_when_it_has_ended(bench):
    bench.obstacle.write_text("clear")
    bench.backend.run(bench.compiled())
    assert lease.others(str(bench.folder / "runs")) == []


@pytest.mark.slow
def test_steps_run_without_rights_network_or_writable_code():
    unprivileged.require()
    folder = pathlib.Path(tempfile.mkdtemp(dir="/tmp"))  # which everybody may enter

    def start(pod):
        subprocess.run(["chmod", "-R", "a+rwX", folder], check=True)
        command = [sys.executable, *pod.command[1:]]
        return unprivileged.run(command, pod.environment, pod.folder)

    bench = Bench(folder)
    bench.log.touch()
    bench.backend = Backend(folder / "backend", start)
    run = bench.backend.run(bench.compiled())
    assert run.state == "SUCCEEDED", {n: t.message for n, t in run.tasks.items()}
    owners = {p.stat().st_uid for p in (folder / "runs").rglob("*.json")}
    assert owners == {unprivileged.USER}
    there = ["touch", str(ROOT / "kubeflow" / "x")]
    assert unprivileged.run(there, {}, folder) != 0
    shutil.rmtree(folder)

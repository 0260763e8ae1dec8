"""Jobs for Vertex AI, made and run on what behaves as it: see `tests.support`."""

import json

import pytest
from tfx.orchestration.pipeline import Pipeline

from kubeflow import compiler, vertex, vertex_check
from pipeline.kubeflow_config import KubeflowConfig, Resources
from tests.support import kubeflow_settings, stage_fakes
from tests.support.kubeflow_backend import in_this_process
from tests.support.kubeflow_page import shown
from tests.support.kubeflow_settings import DIGEST
from tests.support.vertex_backend import VertexBackend
from transform.common import lease
from transform.common.config import ConfigError

GPU = {"type": "NVIDIA_L4", "count": 2}
SETTINGS = {
    "image": {"default": "r/steps" + DIGEST, "Trainer": "r/trainer" + DIGEST},
    "resources": {
        "default": {"cpu": "500m", "memory": "8Gi"},
        "Trainer": {"cpu": "8", "memory": "32G", "accelerator": GPU},
    },
    "env": {"PLACE": "here"},
}


@pytest.fixture(scope="module")
def config():
    return kubeflow_settings.configuration("gs://bucket", SETTINGS)


@pytest.fixture(scope="module")
def path(config, tmp_path_factory):
    path = tmp_path_factory.mktemp("compiled") / "pipeline.json"
    vertex.compile_job(config, path)
    return path


def test_a_job_has_nothing_that_vertex_could_not_do(path):
    assert vertex_check.check(path) == []
    job = json.loads(path.read_text())
    assert job["displayName"] == "mgsa-msrvtt"
    assert job["runtimeConfig"] == {"gcsOutputDirectory": "gs://bucket/run/artifacts"}


def test_machines_are_chosen_by_numbers_and_names_of_vertex(path):
    executors = json.loads(path.read_text())["pipelineSpec"]["deploymentSpec"][
        "executors"
    ]
    assert executors["exec-trainer"]["container"]["resources"] == {
        "cpuLimit": 8.0,
        "memoryLimit": 32.0,
        "accelerator": {"type": "NVIDIA_L4", "count": "2"},
    }
    for task in ("decide", "tell"):
        found = executors[f"exec-{task}"]["container"]
        assert found["resources"] == {"cpuLimit": 0.5, "memoryLimit": 8.59}
        assert found["args"][:2] == ["--run-id", "{{$.pipeline_job_uuid}}"]


def test_what_is_not_asked_for_is_left_to_vertex():
    assert vertex.machine(Resources()) == {}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"root": "s3://bucket/run"}, "root = s3://bucket/run is out of reach"),
        ({"push_to": "/mnt/models"}, "push_to = /mnt/models is out of reach"),
        (
            {"kubeflow": {"pipeline_root": "minio://a/b"}},
            "kubeflow.pipeline_root = minio://a/b is out of reach",
        ),
        (
            {"kubeflow": {"volumes": [{"claim": "c", "mount": "/mnt"}]}},
            "kubeflow.volumes is for Kubernetes alone",
        ),
        ({"kubeflow": {"timeouts": {"default": "2h"}}}, "kubeflow.timeouts is for"),
        (
            {
                "kubeflow": {
                    "resources": {
                        "Trainer": {
                            "accelerator": {"count": 1, "type": "nvidia.com/gpu"}
                        }
                    }
                }
            },
            "Trainer asks for nvidia.com/gpu, a resource of Kubernetes",
        ),
    ],
)
def test_what_vertex_has_not_is_refused(config, tmp_path, changes, sentence):
    with pytest.raises(ConfigError, match=sentence):
        vertex.compile_job(config.override(changes), tmp_path / "p.json")


def test_other_file_endings_are_refused(config, tmp_path):
    with pytest.raises(ConfigError, match=r"must end in \.json"):
        vertex.compile_job(config, tmp_path / "pipeline.yaml")


def without_root(job):
    del job["runtimeConfig"]


def untyped(job):
    components = job["pipelineSpec"]["components"]
    components["comp-judge"]["inputDefinitions"]["artifacts"]["model"] = {}


def of_another_type(job):
    tasks = job["pipelineSpec"]["components"]["comp-retrain"]["dag"]["tasks"]
    tasks["transform"]["inputs"]["artifacts"]["schema"]["taskOutputArtifact"] = {
        "producerTask": "statistics-gen",
        "outputArtifactKey": "statistics",
    }


def of_kubernetes(job):
    container = job["pipelineSpec"]["deploymentSpec"]["executors"]["exec-decide"]
    container["container"]["resources"] = {
        "resourceCpuLimit": "8",
        "accelerator": {"type": "nvidia.com/gpu"},
    }


@pytest.mark.parametrize(
    ("spoil", "sentences"),
    [
        (without_root, ["gcsOutputDirectory is ''"]),
        (
            untyped,
            ["comp-judge: model has no type", "takes model as '', but gets 'tfx"],
        ),
        (
            of_another_type,
            ["task transform takes schema as 'tfx.Schema', but gets 'tf"],
        ),
        (
            of_kubernetes,
            ["exec-decide has resourceCpuLimit", "'nvidia.com/gpu', no accelerator of"],
        ),
    ],
)
def test_what_vertex_would_choke_on_is_found(path, tmp_path, spoil, sentences):
    job = json.loads(path.read_text())
    spoil(job)
    spoilt = tmp_path / "pipeline.json"
    spoilt.write_text(json.dumps(job))
    found = vertex_check.check(spoilt)
    assert len(found) == len(sentences)
    for sentence, wanted in zip(found, sentences, strict=True):
        assert wanted in sentence


def test_a_pipeline_for_kubeflow_is_no_job(path, tmp_path):
    spec = tmp_path / "pipeline.json"
    spec.write_text(json.dumps(json.loads(path.read_text())["pipelineSpec"]))
    assert vertex_check.check(spec)[0].startswith("the file is no PipelineJob")


class Bench:
    """Four small stages, as a job, run in this process."""

    def __init__(self, folder):
        self.folder = folder
        self.log = folder / "log"
        self.said = folder / "runs"
        self.backend = VertexBackend(folder / "vertex", in_this_process)

    def job(self, answer="retrain"):
        decide = stage_fakes.Decide(answer=answer, log=str(self.log), force=0, note="")
        first = stage_fakes.First(log=str(self.log))
        second = stage_fakes.Second(
            schema=first.outputs["schema"],
            log=str(self.log),
            obstacle=str(self.folder / "obstacle"),
        )
        stages = [decide, first, second, stage_fakes.Show()]
        settings = KubeflowConfig.from_dict(
            {"image": {"default": "r/k" + DIGEST}, "retries": {"default": {"times": 1}}}
        )
        compiled = compiler.compile_stages(
            Pipeline("fake", "unused", components=stages), settings, str(self.said)
        )
        path = self.folder / "job.json"
        path.write_text(json.dumps(vertex.job(compiled, settings, "gs://bucket/root")))
        assert vertex_check.check(path) == []
        return path


@pytest.fixture
def bench(tmp_path):
    return Bench(tmp_path)


def test_every_task_runs_on_typed_inputs_in_mounted_buckets(bench):
    run = bench.backend.run(bench.job())
    assert run.state == "SUCCEEDED", {n: t.message for n, t in run.tasks.items()}
    assert sorted(run.ran) == ["decide", "first", "second", "show", "tell"]
    model = run.tasks["second"].artifacts["model"]
    assert model["uri"].startswith("gs://bucket/root/123456789/run-1/second_-")
    assert (bench.backend.stored(model["uri"]) / "model").read_text() == "content"
    assert model["metadata"]["made_of"] == run.tasks["first"].artifacts["schema"]["uri"]
    assert shown(bench.backend, run).pages == {"show.page": "content of page.html"}


def test_a_run_is_told_and_lets_others_in_by_the_id_of_its_job(bench, capsys):
    (bench.folder / "obstacle").write_text("clear")
    run = bench.backend.run(bench.job())
    assert run.state == "FAILED" and run.tasks["second"].attempts == 2
    assert "Failed: second: The clip is broken.\n" in capsys.readouterr().out
    assert (bench.said / "run-1" / "first.json").exists()
    assert lease.others(str(bench.said)) == []


def test_nothing_new_ends_the_job_with_success(bench):
    run = bench.backend.run(bench.job(answer="nothing-new"))
    assert (run.state, run.ran) == ("SUCCEEDED", ["decide", "tell"])

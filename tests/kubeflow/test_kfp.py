"""Kubeflow's own packages, which cannot be installed beside TFX: `make kfp-tools`."""

import json
import subprocess

import pytest

from kubeflow import compiler, vertex
from tests.support.kubeflow_api import Api
from tests.support.kubeflow_settings import SETTINGS, configuration
from tests.support.paths import ROOT

PYTHON = ROOT / ".venv-kfp" / "bin" / "python"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not PYTHON.exists(), reason="there is no .venv-kfp"),
]

READ_STRICTLY = """
import sys
import yaml
from google.protobuf import json_format
from kfp import components
from kfp.kubernetes import kubernetes_executor_config_pb2
from kfp.pipeline_spec import pipeline_spec_pb2

specification, platform = yaml.safe_load_all(open(sys.argv[1]))
json_format.ParseDict(specification, pipeline_spec_pb2.PipelineSpec())
deployment = pipeline_spec_pb2.PipelineDeploymentConfig()
json_format.ParseDict(specification["deploymentSpec"], deployment)
pods = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
assert pods.keys() == deployment.executors.keys()
for pod in pods.values():
    json_format.ParseDict(
        pod, kubernetes_executor_config_pb2.KubernetesExecutorConfig()
    )
print(components.load_component_from_file(sys.argv[1]).name)
"""

READ_JOB_STRICTLY = """
import json
import sys
from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2

job = json.load(open(sys.argv[1]))
json_format.ParseDict(job, pipeline_spec_pb2.PipelineJob())
specification = job["pipelineSpec"]
json_format.ParseDict(specification, pipeline_spec_pb2.PipelineSpec())
deployment = pipeline_spec_pb2.PipelineDeploymentConfig()
json_format.ParseDict(specification["deploymentSpec"], deployment)
print(deployment.executors["exec-trainer"].container.resources.accelerator.type)
"""

SCHEDULE = """
import json
import sys
import kfp_server_api as api

client = api.ApiClient(api.Configuration(host=sys.argv[1]))
experiment = api.ExperimentServiceApi(client).experiment_service_create_experiment(
    api.V2beta1Experiment(display_name="demo")
)
schedules = api.RecurringRunServiceApi(client)
made = schedules.recurring_run_service_create_recurring_run(
    api.V2beta1RecurringRun(
        display_name="demo",
        experiment_id=experiment.experiment_id,
        description="by the official client",
        pipeline_version_reference=api.V2beta1PipelineVersionReference(
            pipeline_id="p", pipeline_version_id="v"
        ),
        runtime_config=api.V2beta1RuntimeConfig(parameters={"force": 0}),
        trigger=api.V2beta1Trigger(
            cron_schedule=api.V2beta1CronSchedule(cron="0 0 3 * * *")
        ),
        mode=api.RecurringRunMode.ENABLE,
        max_concurrency="1",
        no_catchup=True,
    )
)
schedules.recurring_run_service_disable_recurring_run(made.recurring_run_id)
found = schedules.recurring_run_service_list_recurring_runs(
    experiment_id=experiment.experiment_id
)
print(json.dumps([[one.display_name, one.status] for one in found.recurring_runs]))
"""


def kfp(code, *arguments):
    done = subprocess.run(
        [PYTHON, "-W", "ignore", "-c", code, *arguments], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_compiled_file_is_strictly_what_kubeflow_describes(tmp_path):
    path = tmp_path / "pipeline.yaml"
    compiler.compile_pipeline(configuration("/mnt/captions"), path)
    assert kfp(READ_STRICTLY, str(path)).strip() == "mgsa-msrvtt"


def test_job_for_vertex_is_strictly_what_kubeflow_describes(tmp_path):
    gpu = {"accelerator": {"type": "NVIDIA_L4"}}
    kubeflow = {"image": SETTINGS["image"], "resources": {"Trainer": gpu}}
    path = tmp_path / "pipeline.json"
    vertex.compile_job(configuration("gs://bucket", kubeflow), path)
    assert kfp(READ_JOB_STRICTLY, str(path)).strip() == "NVIDIA_L4"


def test_official_client_takes_the_tests_server_for_a_backend():
    with Api() as api:
        found = json.loads(kfp(SCHEDULE, api.address))
        [schedule] = api.schedules
    assert found == [["demo", "DISABLED"]]
    assert schedule["trigger"] == {"cron_schedule": {"cron": "0 0 3 * * *"}}

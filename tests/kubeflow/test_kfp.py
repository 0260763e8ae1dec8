"""Kubeflow's own packages, which cannot be installed beside TFX: `make kfp-tools`."""

import json
import subprocess

import pytest

from kubeflow import compiler, schedules, vertex
from kubeflow.client import Client
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

# Holds exchanges to the description that the official client was generated from: each
# operation's address and query, each message's fields, types and values.
DESCRIBED = """
import inspect
import json
import re
import sys
import kfp_server_api as api

class Operation:
    def __init__(self, source):
        called = re.search(r"call_api\\(\\s*'([^']+)', '(\\w+)'", source)
        self.path, self.method = called.groups()
        self.address = re.compile(re.sub(r"{\\w+}", "[^/:]+", self.path))
        self.query = set(re.findall(r"query_params.append\\(\\('(\\w+)'", source))
        [answered] = re.findall(r"response_type=(?:'(\\w+)'|None)", source)
        self.answered = answered or "object"
        body = re.search(r"body_params = local_var_params\\['(\\w+)'\\]", source)
        taken = body and re.search(rf":type {body.group(1)}: (\\w+)", source)
        self.body = taken.group(1) if taken else ""

services = [found for name, found in vars(api).items() if name.endswith("ServiceApi")]
operations = [
    Operation(inspect.getsource(method))
    for service in services
    for name, method in vars(service).items()
    if name.endswith("_with_http_info")
]

def check(value, kind, where):
    if kind == "object" or value is None:
        return
    if inner := re.fullmatch(r"list\\[(.+)\\]", kind):
        for index, item in enumerate(value):
            check(item, inner.group(1), f"{where}[{index}]")
    elif inner := re.fullmatch(r"dict\\(str, (.+)\\)", kind):
        for key, item in value.items():
            check(item, inner.group(1), f"{where}.{key}")
    elif kind in ("str", "int", "bool", "float", "datetime"):
        wanted = {"datetime": str}.get(kind) or __builtins__.__dict__[kind]
        assert type(value) is wanted, f"{where} is {value!r}, not {kind}"
    else:
        message = getattr(api, kind)
        if values := getattr(message, "allowable_values", None):
            assert value in values, f"{where} is {value!r}, not of {values}"
            return
        types = {
            message.attribute_map[name]: found
            for name, found in message.openapi_types.items()
        }
        for key, item in value.items():
            assert key in types, f"{where}.{key} is not in {kind}"
            check(item, types[key], f"{where}.{key}")

seen = set()
for method, path, query, body, status, answer in json.load(sys.stdin):
    [one] = [
        found
        for found in operations
        if found.method == method and found.address.fullmatch(path)
    ]
    assert set(query) <= one.query, f"{method} {path}: {query}"
    assert bool(body) == bool(one.body), f"{method} {path}: {body}"
    check(body, one.body or "object", f"{method} {path}")
    kind = one.answered if status == 200 else "GoogleRpcStatus"
    check(answer, kind, f"answer to {method} {path}")
    seen.add(f"{method} {one.path}")
print(json.dumps(sorted(seen)))
"""


def kfp(code, *arguments, given=""):
    done = subprocess.run(
        [PYTHON, "-W", "ignore", "-c", code, *arguments],
        capture_output=True,
        text=True,
        input=given,
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


def test_all_that_our_client_sends_and_the_tests_server_answers_is_published():
    parameters = {"force": 0, "note": ""}
    with Api() as api:
        client = Client(api.address, namespace="team")
        for content in (b"one", b"another", b"a third"):
            version = schedules.upload(client, "demo", content)
        run = schedules.start(client, "demo", version, "s3://bucket", parameters)
        api.runs[0]["state"] = "SUCCEEDED"
        assert schedules.follow(client, run, print, print) == "SUCCEEDED"
        assert client.runs(client.experiment_id("demo"), 5)
        for trigger in (schedules.cron("0 0 3 * * 1"), schedules.every(900)):
            schedules.apply(client, "demo", version, trigger, "", parameters)
        schedule = schedules.the_one(client, "demo")["recurring_run_id"]
        client.enable_schedule(schedule, False)
        client.enable_schedule(schedule, True)
        client.delete_schedule(schedule)
        seen = json.loads(kfp(DESCRIBED, given=json.dumps(api.exchanges)))
    assert seen == [
        "DELETE /apis/v2beta1/recurringruns/{recurring_run_id}",
        "GET /apis/v2beta1/experiments",
        "GET /apis/v2beta1/pipelines/names/{name}",
        "GET /apis/v2beta1/pipelines/{pipeline_id}/versions",
        "GET /apis/v2beta1/recurringruns",
        "GET /apis/v2beta1/runs",
        "GET /apis/v2beta1/runs/{run_id}",
        "POST /apis/v2beta1/experiments",
        "POST /apis/v2beta1/pipelines/upload",
        "POST /apis/v2beta1/pipelines/upload_version",
        "POST /apis/v2beta1/recurringruns",
        "POST /apis/v2beta1/recurringruns/{recurring_run_id}:disable",
        "POST /apis/v2beta1/recurringruns/{recurring_run_id}:enable",
        "POST /apis/v2beta1/runs",
    ]

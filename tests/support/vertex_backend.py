"""What Vertex AI Pipelines does with a job, as far as it is written down; no cloud.

It shares the driver of `kubeflow_backend`: graph, conditions, retries, exit task. What
differs, and where it is written:

  root       `runtimeConfig.gcsOutputDirectory`, then project, job and task_id: TFX's
             kubeflow_v2_run_executor.py, "Format {pipelineJob.runtimeConfig…"
  types      inputs come with the type of the specification: `_parse_raw_artifact` of
             TFX's kubeflow_v2_entrypoint_utils.py, which was written for it
  names      are names of resources of Vertex ML Metadata: ibid., `_get_full_name`
  buckets    are mounted below /gcs, nothing is copied: `Artifact.path` of kfp.dsl
  outputs    the file lies in the task's own folder of the bucket, which is not made
  run        {{$.pipeline_job_uuid}} is its id; no environment variable has it
  machine    numbers, from `container.resources`
"""

from __future__ import annotations

import json
import pathlib
from collections.abc import Mapping

from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2

from tests.support.kubeflow_backend import Backend, TaskFailedError

PROJECT = "123456789"


class VertexBackend(Backend):
    """Vertex AI with its buckets; see `Backend` for the arguments."""

    def read(self, file: pathlib.Path, pipeline_root: str) -> tuple[dict, dict, str]:
        """Returns a job's specification, no more for its pods, and its own root."""
        assert not pipeline_root, "a job has its own root"
        job = json.loads(file.read_text())
        json_format.ParseDict(job, pipeline_spec_pb2.PipelineJob())
        spec = job["pipelineSpec"]
        # The package that TFX brings is older than the type of an exit task's status.
        older = json.loads(json.dumps(spec).replace("TASK_FINAL_STATUS", "STRUCT"))
        json_format.ParseDict(older, pipeline_spec_pb2.PipelineSpec())
        json_format.ParseDict(
            spec["deploymentSpec"], pipeline_spec_pb2.PipelineDeploymentConfig()
        )
        root = job["runtimeConfig"]["gcsOutputDirectory"]
        return spec, {}, f"{root}/{PROJECT}"

    def stored(self, uri: str) -> pathlib.Path:
        """Returns where an object or a folder of a bucket lies."""
        if not uri.startswith("gs://"):
            raise TaskFailedError(f"{uri} is in no bucket of Google's")
        return super().stored(uri)

    def task_root(self, root: str, task: str, attempt: int) -> str:
        """Returns the folder of the outputs of one attempt at a task."""
        return f"{root}/{task}_-{attempt:019d}"

    def handed(self, artifact: Mapping, number: int) -> dict:
        """Returns an output as the next task is handed it, with its type."""
        store = f"projects/{PROJECT}/locations/europe-west4/metadataStores/default"
        metadata = super().handed(artifact, number)["metadata"]
        return {
            "name": f"{store}/artifacts/{number}",
            "uri": artifact["uri"],
            "type": artifact["type"],
            "metadata": {name: metadata[name] for name in artifact["metadata"]},
        }

    def prepare(self, task: str, request: dict, pod: pathlib.Path) -> pathlib.Path:
        """Mounts the buckets; returns the file of outputs."""
        mount, buckets = pod / "gcs", self._folder / "store" / "gs"
        buckets.mkdir(parents=True, exist_ok=True)
        mount.symlink_to(buckets)
        for listed in request["outputs"]["artifacts"].values():
            [artifact] = listed["artifacts"]
            folder = artifact["uri"].removeprefix("gs://").rpartition("/")[0]
            return mount / folder / "executor_output.json"
        return pod / "executor_output.json"

    def collect(self, output: Mapping, pod: pathlib.Path) -> None:
        """Does nothing: what was written below the mount is in the bucket."""

    def filled(self, argument: str, request: Mapping, run_id: str) -> str:
        """Returns a container's argument with its placeholders replaced."""
        named = argument.replace("{{$.pipeline_job_uuid}}", run_id)
        return super().filled(named, request, run_id)

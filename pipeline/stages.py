"""Runs the nodes of a TFX pipeline one after the other and reports on them."""

from __future__ import annotations

import datetime
import re
import time
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple, Protocol

from ml_metadata.proto import metadata_store_pb2
from tfx import types
from tfx.dsl.compiler import constants
from tfx.orchestration import metadata
from tfx.orchestration.local import runner_utils
from tfx.orchestration.portable import launcher, runtime_parameter_utils, tfx_runner
from tfx.orchestration.portable.mlmd import execution_lib

from transform.common.errors import KinescribeError, UnfitDataError


class StageError(KinescribeError):
    """A stage of the pipeline failed; the outputs of earlier stages are kept."""


class StoppedError(UnfitDataError):
    """The data stopped the run, as its settings say; nothing failed."""


class Stage(NamedTuple):
    """A stage of the pipeline that has run."""

    name: str
    seconds: float
    cached: bool
    outputs: Mapping[str, types.Artifact]


Stages = dict[str, Stage]  # by name, in the order in which they ran


class StageCallback(Protocol):
    """A callback that is called for each stage, in the order in which they run."""

    def on_stage_begin(self, index: int, total: int, name: str) -> None:
        """Called before stage `index`, from 1, of `total` runs."""

    def on_stage_end(self, index: int, total: int, stage: Stage) -> None:
        """Called when the stage has run, or its cached outputs are used."""

    def on_stage_failure(self, index: int, total: int, name: str) -> None:
        """Called when the stage has failed, before the `StageError` is raised."""


class StageRunner(tfx_runner.IrBasedRunner):
    """TFX's `LocalDagRunner`, with a callback and a result.

    Args:
        callback: Called for every stage.
        uncached: Stages that always run, since they depend on something outside of the
            pipeline, such as a push destination.
    """

    def __init__(self, callback: StageCallback, uncached: Collection[str] = ()):
        self._callback = callback
        self._uncached = frozenset(uncached)

    def run(self, pipeline: Any, run_options: Any = None, **kwargs: Any) -> Stages:
        """Runs every node, one after the other.

        Raises:
            StageError: A stage failed.
            StoppedError: A stage found that the run is not to go on: one of its outputs
                has the property `decision` = `stop`, with a sentence as its `reason`.
        """
        stages = super().run(pipeline, run_options, **kwargs)
        assert stages is not None
        return stages

    def run_with_ir(
        self, pipeline: Any, run_options: Any = None, **kwargs: Any
    ) -> Stages:
        """Runs every node of a pipeline that is compiled already."""
        del run_options, kwargs
        runtime_parameter_utils.substitute_runtime_parameter(
            pipeline,
            {
                constants.PIPELINE_RUN_ID_PARAMETER_NAME: datetime.datetime.now(
                    datetime.timezone.utc
                ).isoformat()
            },
        )
        nodes = [node.pipeline_node for node in pipeline.nodes]  # topologically sorted
        stages = {}
        for index, node in enumerate(nodes, start=1):
            name = node.node_info.id
            self._callback.on_stage_begin(index, len(nodes), name)
            try:
                stage = self._run_node(pipeline, node)
            except Exception as error:
                self._callback.on_stage_failure(index, len(nodes), name)
                raise StageError(
                    f"stage {index} of {len(nodes)}, {name}, failed: {reason(error)}"
                ) from error
            self._callback.on_stage_end(index, len(nodes), stage)
            stages[name] = stage
            for artifact in stage.outputs.values():
                if artifact.get_string_custom_property("decision") == "stop":
                    raise StoppedError(artifact.get_string_custom_property("reason"))
        return stages

    def _run_node(self, pipeline: Any, node: Any) -> Stage:
        name = node.node_info.id
        if name in self._uncached:
            node.execution_options.caching_options.enable_cache = False
        deployment = runner_utils.extract_local_deployment_config(pipeline)
        connection = metadata.Metadata(_connection_config(deployment))
        start = time.monotonic()
        info = launcher.Launcher(
            pipeline_node=node,
            mlmd_connection=connection,
            pipeline_info=pipeline.pipeline_info,
            pipeline_runtime_spec=pipeline.runtime_spec,
            executor_spec=runner_utils.extract_executor_spec(deployment, name),
            custom_driver_spec=runner_utils.extract_custom_driver_spec(
                deployment, name
            ),
        ).launch()
        seconds = time.monotonic() - start
        if info is None or info.execution_id is None:
            raise RuntimeError("TFX did not run it")
        with connection as handle:
            execution = handle.store.get_executions_by_id([info.execution_id])[0]
            if not execution_lib.is_execution_successful(execution):
                result = execution_lib.get_execution_result(execution)
                message = result.result_message if result else "no reason was recorded"
                raise RuntimeError(message)
            outputs = execution_lib.get_output_artifacts(handle, execution.id)
        cached = execution.last_known_state == metadata_store_pb2.Execution.CACHED
        single = {key: artifacts[0] for key, artifacts in outputs.items()}
        return Stage(name, seconds, cached, single)


def close_abandoned(connection: metadata.Metadata) -> list[int]:
    """Marks executions that a killed process left running as failed.

    The caller makes sure that no other process is running the pipeline.

    Returns:
        The ids of the executions, whose output folders can be deleted.
    """
    with connection as handle:
        abandoned = [
            execution
            for execution in handle.store.get_executions()
            if execution_lib.is_execution_active(execution)
        ]
        for execution in abandoned:
            execution.last_known_state = metadata_store_pb2.Execution.FAILED
        if abandoned:
            handle.store.put_executions(abandoned)
    return [execution.id for execution in abandoned]


def reason(error: BaseException) -> str:
    """Returns one sentence for an error, which may be a long chain with a long text.

    A `KinescribeError` in the chain is preferred, however deep it lies. The step that
    Beam adds to the text is removed.
    """
    cause: BaseException | None = error
    while cause and not isinstance(cause, KinescribeError):
        cause = cause.__cause__ or cause.__context__
    text = re.sub(r"\s*\[while running '.*", "", str(cause or error), flags=re.DOTALL)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if cause:
        return " ".join(lines)
    name = type(error).__name__
    return f"{name}: {lines[-1]}" if lines else name


def _connection_config(deployment: Any) -> Any:
    config = deployment.metadata_connection_config
    return getattr(config, config.WhichOneof("connection_config"))

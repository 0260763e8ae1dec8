"""What we take of TFX's inside: another version of it is to be looked at here first.

`tfx.v1` is promised; the rest is not. `requirements.in` pins the version.
"""

import ast
import importlib
import inspect
import re

import pytest
from tfx.orchestration.kubeflow.v2.container import kubeflow_v2_run_executor

from tests.support.paths import ROOT

PACKAGES = "transform keras_models serving components pipeline kubeflow kinescribe"
# Modules whose content is not promised, and the only files that may take it.
INSIDE = {
    "tfx.components.evaluator.constants": {"components/evaluator/executor.py"},
    "tfx.components.evaluator.executor": {"components/evaluator/executor.py"},
    "tfx.dsl.compiler.constants": {"pipeline/stages.py"},
    "tfx.orchestration.kubeflow.v2.compiler_utils": {"kubeflow/step.py"},
    "tfx.orchestration.kubeflow.v2.container.kubeflow_v2_run_executor": {
        "kubeflow/step.py"
    },
    "tfx.orchestration.kubeflow.v2.pipeline_builder": {"kubeflow/compiler.py"},
    "tfx.orchestration.local.runner_utils": {"pipeline/stages.py"},
    "tfx.orchestration.portable.launcher": {"pipeline/stages.py"},
    "tfx.orchestration.portable.mlmd.execution_lib": {
        "pipeline/report_again.py",
        "pipeline/stages.py",
    },
    "tfx.orchestration.portable.runtime_parameter_utils": {"pipeline/stages.py"},
    "tfx.orchestration.portable.tfx_runner": {"pipeline/stages.py"},
    "tfx.utils.import_utils": {"kubeflow/step.py"},
}
# What is called or overridden, below tfx.orchestration, and how.
SIGNATURES = {
    "portable.launcher.Launcher": "pipeline_node, mlmd_connection, pipeline_info, "
    "pipeline_runtime_spec, executor_spec, custom_driver_spec, platform_config, "
    "custom_executor_operators, custom_driver_operators",
    "portable.tfx_runner.IrBasedRunner.run": "self, pipeline, run_options, kwargs",
    "portable.tfx_runner.IrBasedRunner.run_with_ir": "self, pipeline, run_options, "
    "kwargs",
    "portable.runtime_parameter_utils.substitute_runtime_parameter": "msg, "
    "parameter_bindings",
    "portable.mlmd.execution_lib.get_output_artifacts": "metadata_handle, execution_id",
    "portable.mlmd.execution_lib.get_input_artifacts": "metadata_handle, execution_id",
    "local.runner_utils.extract_executor_spec": "deployment_config, node_id",
    "local.runner_utils.extract_custom_driver_spec": "deployment_config, node_id",
    "local.runner_utils.extract_local_deployment_config": "pipeline",
    "kubeflow.v2.container.kubeflow_v2_run_executor.main": "parsed_argv",
    "kubeflow.v2.container.kubeflow_v2_run_executor._parse_flags": "argv",
}


def imports_of_tfx():
    """Yields each name of TFX's that a file of ours imports, and the file."""
    for package in PACKAGES.split():
        for path in (ROOT / package).rglob("*.py"):
            text = path.read_text()
            if "tfx" in text:
                for node in ast.walk(ast.parse(text)):
                    if isinstance(node, ast.ImportFrom) and node.module:
                        for alias in node.names:
                            name = f"{node.module}.{alias.name}"
                            yield name, str(path.relative_to(ROOT))


def test_files_that_take_of_tfx_what_it_does_not_promise_are_listed():
    found: dict[str, set[str]] = {}
    unlisted = re.compile(r"tfx\.(orchestration\.(kubeflow|local|portable)\b|_)")
    public = re.compile(r".*\.KubeflowV2DagRunner(Config)?")  # of tfx.v1, too
    for name, path in imports_of_tfx():
        if name in INSIDE or (unlisted.match(name) and not public.fullmatch(name)):
            found.setdefault(name, set()).add(path)
    assert found == INSIDE


@pytest.mark.parametrize("name", SIGNATURES)
def test_what_is_called_or_overridden_takes_what_it_took(name):
    module, *rest = name.split(".")
    found = importlib.import_module(f"tfx.orchestration.{module}")
    for part in rest:
        if not hasattr(found, part):
            importlib.import_module(f"{found.__name__}.{part}")
        found = getattr(found, part)
    assert ", ".join(inspect.signature(found).parameters) == SIGNATURES[name]


def test_titles_of_types_can_be_added_where_inputs_are_read():
    source = inspect.getsource(kubeflow_v2_run_executor)
    assert "kubeflow_v2_entrypoint_utils.parse_raw_artifact_dict" in source
    utils = kubeflow_v2_run_executor.kubeflow_v2_entrypoint_utils
    assert "compiler_utils.TITLE_TO_CLASS_PATH" in inspect.getsource(utils)


def test_the_version_is_pinned():
    assert re.search(r"^tfx==", (ROOT / "requirements.in").read_text(), re.MULTILINE)

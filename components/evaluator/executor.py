"""The work of `Evaluator`: TFX's, and what becomes of a model that does not load."""

from __future__ import annotations

from typing import Any

from absl import logging
from tfx.components.evaluator import constants
from tfx.components.evaluator import executor as tfx_executor
from tfx.types import Artifact, artifact_utils
from tfx.utils import path_utils

from serving.client.local_model import LocalModel
from serving.common.errors import ServingError
from transform.common import storage


class Executor(tfx_executor.Executor):
    """Evaluates as TFX does; where that fails, looks whether the model is at fault."""

    def Do(  # noqa: N802
        self,
        input_dict: dict[str, list[Artifact]],
        output_dict: dict[str, list[Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Evaluates the model, or says that there was nothing to evaluate."""
        try:
            super().Do(input_dict, output_dict, exec_properties)
        except Exception:
            model = artifact_utils.get_single_instance(input_dict["model"])
            problem = _problem(path_utils.serving_model_path(model.uri))
            if not problem:
                raise
            logging.warning("Nothing is evaluated: %s", problem)
            (blessing,) = output_dict["blessing"]
            storage.write(f"{blessing.uri}/{constants.NOT_BLESSED_FILE_NAME}", "")
            blessing.set_int_custom_property("blessed", 0)


def _problem(model: str) -> str:
    """Returns why a model cannot be loaded, as a sentence; '' if it can."""
    try:
        LocalModel(model)
    except ServingError as error:
        return str(error)
    return ""

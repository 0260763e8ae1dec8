"""`BaselineModel`: the TFX component that provides the model to compare with."""

import typing

from tfx.dsl.component.experimental.annotations import (
    InputArtifact,
    OutputArtifact,
    Parameter,
)
from tfx.dsl.component.experimental.decorators import component
from tfx.types import standard_artifacts

from components.baseline_model import executor


@component
@typing.no_type_check  # TFX reads the annotations in its own way
def BaselineModel(  # noqa: N802
    candidate: InputArtifact[standard_artifacts.Model],
    baseline: OutputArtifact[standard_artifacts.Model],
    destination: Parameter[str],
    baseline_version: Parameter[str] = "",
) -> None:
    """Copies the baseline to an artifact of the run.

    Args:
        candidate: The model just trained.
        baseline: The model to compare it with, in the same layout.
        destination: The folder that models are pushed to.
        baseline_version: `pushing.baseline.baseline_version` at the run's start; it
            only decides whether a cached output can still be used.
    """
    del baseline_version
    executor.copy_baseline(candidate, baseline, destination)

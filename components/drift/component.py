"""`Drift`: the TFX component that says how unlike the training clips new clips are."""

import typing

from tfx.dsl.component.experimental.annotations import (
    InputArtifact,
    OutputArtifact,
    Parameter,
)
from tfx.dsl.component.experimental.decorators import component
from tfx.types import standard_artifacts

from components.drift import executor


@component
@typing.no_type_check  # TFX reads the annotations in its own way
def Drift(  # noqa: N802
    descriptions: InputArtifact[standard_artifacts.Examples],
    drift: OutputArtifact[standard_artifacts.ExampleAnomalies],
    destination: Parameter[str],
    rules: Parameter[str],
    force: Parameter[int] = 0,
    baseline_version: Parameter[str] = "",
) -> None:
    """Compares new clips with those that the served model was trained on.

    Args:
        descriptions: Records without their features, with numbers about clips.
        drift: Takes `drift.json`, and the table of all clips, which is kept beside the
            model. Its property `decision` is `retrain` or `stop`, `reason` a sentence,
            `drift_<column>` each distance.
        destination: The folder that models are pushed to.
        rules: The `RetrainConfig`, as JSON.
        force: 1 to go on whatever drifted.
        baseline_version: The version to compare with; "" for the one that is served.
    """
    executor.write_drift(
        descriptions, drift, destination, rules, bool(force), baseline_version
    )

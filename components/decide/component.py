"""`Decide`: the TFX component that says whether there is anything to train."""

import typing

from tfx.dsl.component.experimental.annotations import OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.types import standard_artifacts

from components.decide import executor


@component
@typing.no_type_check  # TFX reads the annotations in its own way
def Decide(  # noqa: N802
    basis: OutputArtifact[standard_artifacts.Model],
    source: Parameter[str],
    spec: Parameter[str],
    settings: Parameter[str],
    rules: Parameter[str],
    destination: Parameter[str],
    stamps: Parameter[str],
    force: Parameter[int],
    note: Parameter[str],
) -> None:
    """Compares the clips at hand with those that the served model was made from.

    Args:
        basis: What a new model is made from: its `Origin`, and for a warm start the
            weights of the served model, where the Trainer looks for a base model's.
            Its property `decision` is `retrain`, `nothing-new` or `stop`, `reason` a
            sentence.
        source: The annotations, as JSON.
        spec: The features, as JSON.
        settings: The settings that decide a model, as JSON.
        rules: The `RetrainConfig`, as JSON.
        destination: The folder that models are pushed to.
        stamps: The file in which the content of clips is remembered.
        force: 1 to train though nothing is new, and in spite of what stops a run.
        note: Of the person who started the run.
    """
    executor.write_decision(
        basis, source, spec, settings, rules, destination, stamps, bool(force), note
    )

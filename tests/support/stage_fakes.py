"""A pipeline of two small nodes, importable by name, as TFX wants it."""

import os
import pathlib
import time

from tfx.dsl.component.experimental.annotations import (
    InputArtifact,
    OutputArtifact,
    Parameter,
)
from tfx.dsl.component.experimental.decorators import component
from tfx.dsl.components.base import base_executor
from tfx.dsl.io import fileio
from tfx.types.experimental.simple_artifacts import File
from tfx.types.standard_artifacts import Model, Schema

from components.shown_artifacts import HTML, SHOWN_FILE, Metrics
from serving.pushing import provenance
from transform.common.errors import KinescribeError


@component
def Decide(  # noqa: N802
    decided: OutputArtifact[File],
    answer: Parameter[str],
    log: Parameter[str],
    force: Parameter[int] = 0,
    note: Parameter[str] = "",
) -> None:
    """Decides what it is told to; `force` wins."""
    _say(log, f"Decide {note}".strip())
    decided.set_string_custom_property("decision", "retrain" if force else answer)
    decided.set_string_custom_property("reason", "Nothing is new.")


@component
def First(schema: OutputArtifact[Schema], log: Parameter[str]) -> None:  # noqa: N802
    """Writes a file and says that it ran."""
    fileio.makedirs(schema.uri)
    with fileio.open(os.path.join(schema.uri, "file"), "w") as file:
        file.write("content")
    _say(log, "First")


@component
def Second(  # noqa: N802
    schema: InputArtifact[Schema],
    model: OutputArtifact[Model],
    log: Parameter[str],
    obstacle: Parameter[str],
) -> None:
    """Fails as long as the file `obstacle` is there, in the way that it names."""
    _say(log, "Second")
    if pathlib.Path(obstacle).exists():
        kind = pathlib.Path(obstacle).read_text()
        if kind == "killed":
            raise KeyboardInterrupt
        if kind == "asleep":
            time.sleep(600)
        if kind == "clear":
            raise RuntimeError("wrapped") from KinescribeError("The clip is broken.")
        raise ZeroDivisionError("a number\nis wrong")
    pathlib.Path(model.uri, "model").write_text(
        pathlib.Path(schema.uri, "file").read_text()
    )
    model.set_string_custom_property("property", "value")
    model.set_string_custom_property("made_of", provenance.artifact(schema.uri))


@component
def Look(drift: OutputArtifact[File], answer: Parameter[str]) -> None:  # noqa: N802
    """Decides about what comes after it, as it is told to."""
    drift.set_string_custom_property("decision", answer)
    drift.set_string_custom_property("reason", "Stopped: Drift: seconds 0.41.")


@component
def Show(page: OutputArtifact[HTML], figures: OutputArtifact[Metrics]) -> None:  # noqa: N802
    """Has a page and figures to be looked at, and a file beside the page."""
    for name in ("page.html", "page.json"):
        pathlib.Path(page.uri, name).write_text(f"content of {name}")
    page.set_string_custom_property(SHOWN_FILE, "page.html")
    figures.set_float_custom_property("CIDEr-D", 0.5)


class Writer(base_executor.BaseExecutor):
    """Writes a file into each output, as any stage does."""

    def Do(self, input_dict, output_dict, exec_properties) -> None:  # noqa: N802
        for [artifact] in output_dict.values():
            fileio.makedirs(artifact.uri)
            with fileio.open(os.path.join(artifact.uri, "file"), "w") as file:
                file.write("content")


def _say(log: str, name: str) -> None:
    with pathlib.Path(log).open("a") as file:
        file.write(f"{name}\n")

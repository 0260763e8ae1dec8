"""The model that a candidate has to beat: the latest pushed one."""

import typing
from typing import NamedTuple

from absl import logging
from tfx.dsl.component.experimental.annotations import (
    InputArtifact,
    OutputArtifact,
    Parameter,
)
from tfx.dsl.component.experimental.decorators import component
from tfx.types import standard_artifacts
from tfx.utils import io_utils, path_utils

from serving import model_versions, push_destination

SOURCE = "source"  # "pushed" or "candidate"
VERSION = "version"  # of the pushed model; "" for the candidate
REASON = "reason"


class Baseline(NamedTuple):
    """Which model is the baseline, and why."""

    folder: str
    version: str  # "" when it is the candidate itself
    reason: str


def choose(candidate: str, destination: str) -> Baseline:
    """The latest model in `destination`, or the candidate where none can be compared.

    A model that reads features of another specification cannot run on the records at
    hand, so there is nothing to compare with either.
    """
    pushed = push_destination.latest(destination)
    if not pushed:
        reason = f"nothing has been pushed to {destination} yet"
        return Baseline(candidate, "", reason)
    ours = model_versions.read_spec(candidate).content_hash
    theirs = model_versions.read_spec(pushed.folder).content_hash
    if ours != theirs:
        reason = (
            f"the pushed version {pushed.version} reads features of specification "
            f"{theirs}, the records have {ours}"
        )
        return Baseline(candidate, "", reason)
    reason = f"version {pushed.version} is the latest in {destination}"
    return Baseline(pushed.folder, pushed.version, reason)


@component
@typing.no_type_check  # TFX reads the annotations in its own way
def BaselineModel(  # noqa: N802
    candidate: InputArtifact[standard_artifacts.Model],
    baseline: OutputArtifact[standard_artifacts.Model],
    destination: Parameter[str],
    compared_with: Parameter[str] = "",
) -> None:
    """Copies the baseline beside the run's other artifacts.

    Args:
        candidate: The model just trained.
        baseline: The model to compare it with, in the same layout.
        destination: The folder that models are pushed to.
        compared_with: `push_destination.compared_with` at the run's start; it only
            decides whether a cached answer is still good.
    """
    del compared_with
    candidate_folder = path_utils.serving_model_path(candidate.uri)
    chosen = choose(candidate_folder, destination)
    logging.info(
        "The baseline is %s: %s.",
        f"version {chosen.version}" if chosen.version else "the candidate itself",
        chosen.reason,
    )
    io_utils.copy_dir(chosen.folder, path_utils.serving_model_dir(baseline.uri))
    source = "pushed" if chosen.version else "candidate"
    baseline.set_string_custom_property(SOURCE, source)
    baseline.set_string_custom_property(VERSION, chosen.version)
    baseline.set_string_custom_property(REASON, chosen.reason)

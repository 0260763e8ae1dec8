"""The work of `BaselineModel`: chooses the baseline, copies it and records why."""

from __future__ import annotations

from absl import logging
from tfx.types import Artifact
from tfx.utils import io_utils, path_utils

from serving.errors import ServingError
from serving.pushing.baseline import choose_baseline
from serving.pushing.destination import PushedVersion
from serving.weights_digest import weights_digest

# Properties of the baseline's artifact.
SOURCE = "source"  # "pushed" or "candidate"
VERSION = "version"  # of the pushed model; "" for the candidate
REASON = "reason"


class DamagedVersionError(ServingError):
    """Raised where the version that a model is to be compared with is damaged."""


def require_whole(pushed: PushedVersion) -> None:
    """Makes sure that a pushed version has the weights that were pushed.

    Servers that cannot load it go on with the one before, and say so in their logs. A
    run would fail in the midst of an evaluation, or compare with another model.

    Raises:
        DamagedVersionError: It has not.
    """
    record = pushed.record()
    try:
        digest = weights_digest(pushed.folder)
        problem = ""
        if record and digest != record.weights_digest:
            problem = "its weights are not those that were pushed"
    except ServingError as error:
        problem = str(error).rstrip(".")
    if problem:
        raise DamagedVersionError(
            f"the pushed version {pushed.version} cannot be compared with: {problem}. "
            f"Delete {pushed.folder}, so that servers and runs take the version before."
        )


def copy_baseline(candidate: Artifact, baseline: Artifact, destination: str) -> None:
    """Copies the model that `choose_baseline` returns to the artifact `baseline`.

    Args:
        candidate: The model just trained.
        baseline: Takes the model to compare it with, and the properties above.
        destination: The folder that models are pushed to.

    Raises:
        DamagedVersionError: The version that was chosen is damaged.
    """
    candidate_folder = path_utils.serving_model_path(candidate.uri)
    chosen = choose_baseline(candidate_folder, destination)
    logging.info(
        "The baseline is %s: %s.",
        f"version {chosen.version}" if chosen.version else "the candidate itself",
        chosen.reason,
    )
    if chosen.version:
        require_whole(PushedVersion(chosen.version, chosen.folder))
    io_utils.copy_dir(chosen.folder, path_utils.serving_model_dir(baseline.uri))
    source = "pushed" if chosen.version else "candidate"
    baseline.set_string_custom_property(SOURCE, source)
    baseline.set_string_custom_property(VERSION, chosen.version)
    baseline.set_string_custom_property(REASON, chosen.reason)

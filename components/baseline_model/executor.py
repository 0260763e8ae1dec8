"""The work of `BaselineModel`: chooses the baseline, copies it and records why."""

from __future__ import annotations

from absl import logging
from tfx.types import Artifact
from tfx.utils import io_utils, path_utils

from serving.pushing.baseline import choose_baseline

# Properties of the baseline's artifact.
SOURCE = "source"  # "pushed" or "candidate"
VERSION = "version"  # of the pushed model; "" for the candidate
REASON = "reason"


def copy_baseline(candidate: Artifact, baseline: Artifact, destination: str) -> None:
    """Copies the model that `choose_baseline` returns to the artifact `baseline`.

    Args:
        candidate: The model just trained.
        baseline: Takes the model to compare it with, and the properties above.
        destination: The folder that models are pushed to.

    Raises:
        DamagedVersionError: There are versions, and none is whole.
    """
    candidate_folder = path_utils.serving_model_path(candidate.uri)
    chosen = choose_baseline(candidate_folder, destination)
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

"""The folder that models are pushed to: one numbered subfolder for each version."""

from __future__ import annotations

import dataclasses
import datetime
import os
from typing import Optional

import tensorflow as tf

from serving.common import model_versions
from transform.common.config import Config, Field

RECORD = os.path.join("assets.extra", "push.json")
# The copy of the manifest of the records that a version was trained from.
MANIFEST = os.path.join("assets.extra", "manifest.csv.gz")
# What is kept of a version's evaluation, so that later models can be compared with it.
EVALUATION = os.path.join("assets.extra", "evaluation")
CAPTIONS = "captions.jsonl"
TRAINING = "training_clips.txt"
VERDICT = "verdict.json"
EVALUATION_FILES = (CAPTIONS, TRAINING, VERDICT)
CLIPS = "clip_table.parquet"  # beside them: numbers of the run's clips, for drift


class PushRecord(Config):
    """The origin of a pushed model; stored inside its version's folder.

    Records of format 1 end with `baseline_version`; the rest is empty in them. Those of
    format 2 count usable clips alone, and know neither failures nor manifest.
    """

    version: str
    weights_digest: str
    config_digest: str
    data_digest: str
    spec_hash: str
    baseline_version: str  # that it was compared with; "" if there was none
    format: int = 1  # 3 is written
    time: str = ""  # of the push, UTC, ISO 8601
    run_id: str = ""  # of the run on a cluster
    # The run's artifacts by their names; TFX's execution ids are parts of the URIs.
    artifacts: dict[str, str] = Field(default_factory=dict)
    graph_digest: str = ""  # of saved_model.pb
    parent: str = ""  # the version whose weights training started from
    start: str = ""  # warm or fresh
    decision: str = ""  # why the model was trained
    outcome: str = ""  # of the verdict
    verdict: str = ""  # its sentence
    scores: dict[str, float] = Field(default_factory=dict)  # on the test clips
    intervals: dict[str, tuple[float, float]] = Field(default_factory=dict)
    # Annotated clips of the run by split and status.
    clips: dict[str, dict[str, int]] = Field(default_factory=dict)
    failures: dict[str, int] = Field(default_factory=dict)  # failed clips by reason
    manifest_digest: str = ""  # of the manifest.csv of the run's records
    revision: str = ""  # of the code; "" where it was in no checkout
    changed: Optional[bool] = None  # whether the code's files differed from it
    image: str = ""  # that the Pusher ran in, by digest
    training_image: str = ""  # that the Trainer ran in, which may be one for GPUs
    libraries: dict[str, str] = Field(default_factory=dict)  # versions by name

    @property
    def clips_used(self) -> int:
        """How many of the run's clips could be used."""
        return sum(
            count
            for of_split in self.clips.values()
            for status, count in of_split.items()
            if status != "failed"
        )

    @property
    def clips_wanted(self) -> int | None:
        """How many clips were annotated; None where the record does not know it."""
        if self.format < 3 or not self.clips:
            return None
        return sum(sum(of_split.values()) for of_split in self.clips.values())


@dataclasses.dataclass(frozen=True)
class PushedVersion:
    """One numbered model in a push destination."""

    version: str
    folder: str

    def record(self) -> PushRecord | None:
        """Reads the version's record; None if it was not pushed by Kinescribe."""
        path = os.path.join(self.folder, RECORD)
        if not tf.io.gfile.exists(path):
            return None
        with tf.io.gfile.GFile(path, "rb") as file:
            return PushRecord.from_json(file.read(), path)


def numbered_at(version: str) -> str:
    """Returns the time that a version's number stands for, or '' if it is none.

    It is in seconds, as TFX numbers versions; people number them by other rules, too.
    """
    try:
        time = datetime.datetime.fromtimestamp(int(version), datetime.timezone.utc)
    except (ValueError, OverflowError, OSError):
        return ""
    return f"{time:%Y-%m-%d %H:%M} UTC"


def versions(destination: str) -> list[PushedVersion]:
    """Lists the complete versions in `destination`, oldest first."""
    folders = model_versions.complete_versions(destination)
    return [PushedVersion(str(number), folder) for number, folder in folders.items()]


def latest(destination: str) -> PushedVersion | None:
    """Returns the version that a model server serves, if there is one."""
    return next(reversed(versions(destination)), None)

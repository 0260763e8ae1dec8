"""A run's folder on disk: what is needed to go on after a kill at any moment."""

from __future__ import annotations

import atexit
import contextlib
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from typing import Any

import tensorflow as tf

from keras_models.training.guards import ValidationMetrics
from transform.common import storage
from transform.common.config import first_difference
from transform.common.errors import KinescribeError


class CheckpointError(KinescribeError):
    """A checkpoint cannot be written or read."""


class TrainerState(tf.train.experimental.PythonState):
    """How far a run has come. Part of every checkpoint, as JSON."""

    def __init__(self) -> None:
        self.steps = 0  # of the run
        self.best_name = ""  # of the checkpoint with the best weights
        self.best_score = -1.0  # CIDEr-D; below 0 before the first validation
        self.best_distinct = 0  # different captions then
        self.best_bad_endings = 0.0  # their share then
        self.problem = ""  # the last one
        self.rows: list[dict[str, Any]] = []  # of the history
        self.begin_stage(0)

    @property
    def best(self) -> ValidationMetrics:
        """That of the best weights."""
        return ValidationMetrics(
            self.best_score, self.best_distinct, self.best_bad_endings
        )

    def keep(self, metrics: ValidationMetrics) -> None:
        """Makes `metrics` the best one."""
        self.best_score = metrics.score
        self.best_distinct = metrics.distinct
        self.best_bad_endings = metrics.bad_endings

    def begin_stage(self, stage: int) -> None:
        """Sets back what counts within a stage."""
        self.stage = stage
        self.stage_begun = False
        self.stage_done = False
        self.epoch = 0  # of the stage
        self.step = 0  # of the epoch
        self.sums: dict[str, float] = {}  # of the epoch's losses and metrics
        self.wait = 0  # validations since the last progress
        self.rollbacks = 0
        self.rate_scale = 1.0

    def end_step(self, values: Mapping[str, float]) -> None:
        """Counts a step and adds up its losses and metrics."""
        self.step += 1
        self.steps += 1
        for name, value in values.items():
            self.sums[name] = self.sums.get(name, 0.0) + value

    def end_epoch(self) -> None:
        """Counts an epoch."""
        self.epoch += 1
        self.step, self.sums = 0, {}

    def serialize(self) -> str:
        """To JSON."""
        return json.dumps(
            {key: value for key, value in vars(self).items() if key[0] != "_"}
        )

    def deserialize(self, serialized: bytes) -> None:
        """From JSON."""
        self.__dict__.update(json.loads(serialized))


class Checkpoints:
    """The checkpoints in one folder.

    `state` holds everything that the next step depends on; TensorFlow writes the new
    one beside the old one and then replaces the file that names the current one, so
    that a kill leaves one or the other. `best-<steps>` holds a captioner, and is not
    removed before a newer state names another.

    Args:
        folder: Of the run.
        captioner: Its weights and its random generators.
        progress: Filled in by `peek` and `restore`.
        writes: Whether this process is the one that writes to `folder`. The other
            workers of a group have to write theirs too: to a folder that goes with
            the process.
    """

    def __init__(
        self,
        folder: str,
        captioner: tf.keras.Model,
        progress: TrainerState,
        writes: bool = True,
    ):
        self._folder = os.path.join(folder, "checkpoints")
        self._captioner = captioner
        self._progress = progress
        self._target = self._folder if writes else _scratch_folder()
        self.begin_stage()

    def peek(self) -> bool:
        """Reads only how far the run has come; False when it has not started."""
        latest = tf.train.latest_checkpoint(self._folder)
        if latest is None:
            return False
        found = tf.train.Checkpoint(progress=self._progress)
        self._read(found, latest).expect_partial()
        return True

    def begin_stage(self, **parts: Any) -> None:
        """From now on the state also holds `parts`, as a stage's optimizer."""
        self._whole = tf.train.Checkpoint(
            captioner=self._captioner, progress=self._progress, **parts
        )
        self._states = tf.train.CheckpointManager(
            self._whole, self._target, max_to_keep=2, checkpoint_name="state"
        )

    def restore(self) -> None:
        """Restores the latest state, which must be one of this stage."""
        latest = tf.train.latest_checkpoint(self._folder)
        self._read(self._whole, latest).assert_existing_objects_matched()

    def save(self) -> None:
        """Writes the state, then removes best weights that it does not name."""
        with self._writing():
            self._states.save(checkpoint_number=self._number())
            for path in tf.io.gfile.glob(os.path.join(self._target, "best-*")):
                name, _, _ = os.path.basename(path).partition(".")
                if name != self._progress.best_name:
                    tf.io.gfile.remove(path)

    def save_best(self) -> None:
        """Writes the captioner as the best one; the next state will name it."""
        name = f"best-{self._progress.steps}"
        with self._writing():
            checkpoint = tf.train.Checkpoint(captioner=self._captioner)
            checkpoint.write(os.path.join(self._target, name))
        self._progress.best_name = name

    def restore_best(self) -> None:
        """Gives the captioner its best weights."""
        path = os.path.join(self._target, self._progress.best_name)
        if not tf.io.gfile.exists(f"{path}.index"):
            path = os.path.join(self._folder, self._progress.best_name)
        checkpoint = tf.train.Checkpoint(captioner=self._captioner)
        self._read(checkpoint, path).assert_existing_objects_matched()

    def _number(self) -> int:
        """Of the next state: one more than that of the latest one."""
        latest = self._states.latest_checkpoint
        return int(latest.rpartition("-")[2]) + 1 if latest else 1

    def _read(self, checkpoint: tf.train.Checkpoint, path: str) -> Any:
        try:
            return checkpoint.read(path)
        except (OSError, IndexError, RuntimeError, tf.errors.OpError) as error:
            raise CheckpointError(
                f"the checkpoint {path} cannot be read; remove "
                f"{os.path.dirname(self._folder)} to start anew."
            ) from error

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except (OSError, tf.errors.OpError) as error:
            raise CheckpointError(
                f"cannot write a checkpoint to {self._folder} ({_reason(error)}); make "
                "room or name another folder: a run that is started again goes on "
                "where it was."
            ) from error


def open_run(workdir: str, identity: Mapping[str, Any]) -> str:
    """The folder within `workdir` of the run with this identity.

    Its name is a digest of the identity, which is also written there as `run.json`.

    Raises:
        CheckpointError: It cannot be written to.
    """
    text = json.dumps(identity, indent=2, sort_keys=True)
    folder = os.path.join(workdir, hashlib.sha256(text.encode()).hexdigest()[:16])
    try:
        tf.io.gfile.makedirs(os.path.join(folder, "checkpoints"))
        storage.write(os.path.join(folder, "run.json"), text)
    except (OSError, tf.errors.OpError) as error:
        raise CheckpointError(
            f"cannot write to {folder} ({_reason(error)}); name another folder."
        ) from error
    return folder


def difference_from_latest(folder: str) -> str:
    """In what a run differs from the latest other one beside it, '' if it is alone."""
    workdir, name = os.path.split(folder)
    others = {}
    for other in storage.names_in(workdir):
        path = os.path.join(workdir, other, "run.json")
        if other != name and tf.io.gfile.exists(path):
            others[tf.io.gfile.stat(path).mtime_nsec] = path
    if not others:
        return ""
    ours, theirs = (
        _read_json(path)
        for path in (os.path.join(folder, "run.json"), others[max(others)])
    )
    return first_difference(ours, theirs)


def _read_json(path: str) -> Any:
    with tf.io.gfile.GFile(path) as file:
        return json.load(file)


def _scratch_folder() -> str:
    folder = tempfile.mkdtemp(prefix="kinescribe-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    text = str(error)
    for known in (
        "No space left on device",
        "Permission denied",
        "Read-only file system",
    ):
        if known in text:
            return known
    return text.splitlines()[0] if text else type(error).__name__

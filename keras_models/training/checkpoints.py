"""The folder of a run: checkpoints to resume from after a kill at any moment."""

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

from transform.common import storage
from transform.common.config import first_difference
from transform.common.errors import KinescribeError


class CheckpointError(KinescribeError):
    """A checkpoint cannot be written or read."""


class TrainerState(tf.train.experimental.PythonState):
    """The progress of a run, which every checkpoint holds as JSON."""

    def __init__(self) -> None:
        self.steps = 0  # of the run
        self.epochs = 0  # of the run
        self.best_name = ""  # of the checkpoint with the best weights
        self.best_metrics: dict[str, float] = {}  # empty before a model's first ones
        self.problem = ""  # the last one that a guard found
        self.logs: list[dict[str, Any]] = []  # of all epochs
        self.begin_stage(0)

    def begin_stage(self, stage: int) -> None:
        """Resets everything that is counted within a stage."""
        self.stage = stage
        self.stage_begun = False
        self.stage_done = False
        self.epoch = 0  # of the stage
        self.step = 0  # of the epoch
        self.sums: dict[str, float] = {}  # of the epoch's losses and metrics
        self.wait = 0  # validations since the last improvement
        self.improved = False  # whether the best weights are of this stage
        self.warned = False  # whether a guard did so
        self.rollbacks = 0
        self.rate_scale = 1.0

    def end_step(self, values: Mapping[str, float]) -> None:
        """Counts a step and adds up its losses and metrics."""
        self.step += 1
        self.steps += 1
        for name, value in values.items():
            self.sums[name] = self.sums.get(name, 0.0) + value

    def mean_values(self) -> dict[str, float]:
        """Returns the means of the losses and metrics over the epoch's steps so far."""
        return {name: total / self.step for name, total in self.sums.items()}

    def end_epoch(self) -> None:
        """Counts an epoch and resets what is counted within it."""
        self.epoch += 1
        self.epochs += 1
        self.step, self.sums = 0, {}

    def serialize(self) -> str:
        """Returns the state as JSON."""
        return json.dumps(
            {key: value for key, value in vars(self).items() if key[0] != "_"}
        )

    def deserialize(self, serialized: bytes) -> None:
        """Restores the state from JSON."""
        self.__dict__.update(json.loads(serialized))


class Checkpoints:
    """Writes and reads the checkpoints of a run.

    `state-<number>` holds everything that the next step depends on. TensorFlow writes
    a new one beside the old one and then replaces the file that names the current one,
    so that a kill leaves one or the other. `best-<steps>` holds the best weights and is
    not removed before a newer state names another.

    Args:
        folder: The run's folder.
        model: The model whose weights and random generators are stored.
        state: The trainer's state, which `peek` and `restore` fill in.
        writes: Whether this process writes to `folder`. The other workers of a group
            have to write checkpoints too; theirs go to a temporary folder.
    """

    def __init__(
        self,
        folder: str,
        model: tf.keras.Model,
        state: TrainerState,
        writes: bool = True,
    ):
        self._folder = os.path.join(folder, "checkpoints")
        self._model = model
        self._state = state
        self._target = self._folder if writes else _scratch_folder()
        self.begin_stage()

    def peek(self) -> bool:
        """Reads the trainer's state alone; returns False when the run is new."""
        latest = tf.train.latest_checkpoint(self._folder)
        if latest is None:
            return False
        checkpoint = tf.train.Checkpoint(trainer_state=self._state)
        self._read(checkpoint, latest).expect_partial()
        return True

    def begin_stage(self, **parts: Any) -> None:
        """Adds the parts of a stage, such as its optimizer, to the checkpoints."""
        self._checkpoint = tf.train.Checkpoint(
            model=self._model, trainer_state=self._state, **parts
        )
        self._manager = tf.train.CheckpointManager(
            self._checkpoint, self._target, max_to_keep=2, checkpoint_name="state"
        )

    def restore(self) -> None:
        """Restores the latest checkpoint, which must be one of this stage."""
        latest = tf.train.latest_checkpoint(self._folder)
        self._read(self._checkpoint, latest).assert_existing_objects_matched()

    def save(self) -> None:
        """Writes a checkpoint, then removes best weights that it does not name."""
        with self._writing():
            self._manager.save(checkpoint_number=self._next_number())
            for path in tf.io.gfile.glob(os.path.join(self._target, "best-*")):
                name, _, _ = os.path.basename(path).partition(".")
                if name != self._state.best_name:
                    tf.io.gfile.remove(path)

    def save_best(self) -> None:
        """Writes the current weights as the best ones, as the next state will say."""
        name = f"best-{self._state.steps}"
        with self._writing():
            checkpoint = tf.train.Checkpoint(model=self._model)
            checkpoint.write(os.path.join(self._target, name))
        self._state.best_name = name

    def restore_best(self) -> None:
        """Gives the model its best weights."""
        path = os.path.join(self._target, self._state.best_name)
        if not tf.io.gfile.exists(f"{path}.index"):
            path = os.path.join(self._folder, self._state.best_name)
        checkpoint = tf.train.Checkpoint(model=self._model)
        self._read(checkpoint, path).assert_existing_objects_matched()

    def _next_number(self) -> int:
        """Returns the next checkpoint's number, one more than the latest one's."""
        latest = self._manager.latest_checkpoint
        return int(latest.rpartition("-")[2]) + 1 if latest else 1

    def _read(self, checkpoint: tf.train.Checkpoint, path: str) -> Any:
        try:
            return checkpoint.read(path)
        except storage.DAMAGED as error:
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
    """Creates or finds the folder within `workdir` of the run with this identity.

    The folder's name is a digest of the identity, which is also written there as
    `run.json`.

    Raises:
        CheckpointError: The folder cannot be written to.
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
    """Returns the first difference from the latest other run, '' if there is none."""
    workdir, name = os.path.split(folder)
    runs = {}
    for other in storage.names_in(workdir):
        path = os.path.join(workdir, other, "run.json")
        if other != name and tf.io.gfile.exists(path):
            runs[tf.io.gfile.stat(path).mtime_nsec] = path
    if not runs:
        return ""
    ours, theirs = (
        _read_json(path) for path in (os.path.join(folder, "run.json"), runs[max(runs)])
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

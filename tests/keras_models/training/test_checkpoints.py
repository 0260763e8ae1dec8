import os
import pathlib
import subprocess
from collections.abc import Iterator

import pytest
import tensorflow as tf

from keras_models.training.checkpoints import (
    CheckpointError,
    Checkpoints,
    TrainerState,
    open_run,
)


class Model(tf.Module):
    def __init__(self, value: float = 0.0):
        super().__init__()
        self.weight = tf.Variable(value)


@pytest.fixture
def folder(tmp_path: pathlib.Path) -> str:
    return open_run(str(tmp_path), {"seed": 1})


def best_names(folder: str) -> set[str]:
    names = os.listdir(f"{folder}/checkpoints")
    return {name.partition(".")[0] for name in names if name.startswith("best-")}


def test_a_run_is_found_again_by_its_identity(tmp_path):
    first = open_run(str(tmp_path), {"seed": 1, "rate": 2})
    assert open_run(str(tmp_path), {"rate": 2, "seed": 1}) == first
    assert open_run(str(tmp_path), {"rate": 2, "seed": 3}) != first


def test_progress_and_weights_come_back(folder):
    model, state = Model(3.0), TrainerState()
    state.best_metrics, state.logs = {"CIDEr-D": 1.5}, [{"loss": 2.0}]
    state.end_step({"loss": 0.25})
    writer = Checkpoints(folder, model, state)
    writer.save_best()
    writer.save()
    other, found = Model(), TrainerState()
    reader = Checkpoints(folder, other, found)
    assert reader.peek()
    assert (found.steps, found.step) == (1, 1)
    assert found.best_metrics == {"CIDEr-D": 1.5}
    assert found.logs == [{"loss": 2.0}]
    assert found.sums == {"loss": 0.25}
    assert float(other.weight) == 0  # peeking leaves the weights alone
    reader.restore()
    assert float(other.weight) == 3


def test_a_run_that_has_not_started_has_nothing_to_peek_at(folder):
    assert not Checkpoints(folder, Model(), TrainerState()).peek()


def test_best_weights_stay_until_a_state_names_newer_ones(folder):
    model, state = Model(1.0), TrainerState()
    checkpoints = Checkpoints(folder, model, state)
    checkpoints.save_best()
    checkpoints.save()
    model.weight.assign(2.0)
    state.steps = 7
    checkpoints.save_best()
    # A kill here leaves the former state, which names the former weights.
    assert best_names(folder) == {"best-0", "best-7"}
    found, other = TrainerState(), Model()
    reader = Checkpoints(folder, other, found)
    reader.peek()
    reader.restore_best()
    assert float(other.weight) == 1
    checkpoints.save()
    assert best_names(folder) == {"best-7"}


def test_a_torn_new_state_leaves_the_former_one(folder):
    model, state = Model(1.0), TrainerState()
    checkpoints = Checkpoints(folder, model, state)
    checkpoints.save_best()
    checkpoints.save()
    torn = pathlib.Path(folder, "checkpoints", "state-2.data-00000-of-00001")
    torn.write_bytes(b"half")  # written, but not yet named as the current one
    found, other = TrainerState(), Model()
    reader = Checkpoints(folder, other, found)
    assert reader.peek()
    reader.restore()
    assert float(other.weight) == 1
    reader.save()
    assert tf.train.latest_checkpoint(f"{folder}/checkpoints").endswith("state-2")


@pytest.fixture
def small_disk(tmp_path: pathlib.Path) -> Iterator[str]:
    """A run's folder on a file system of 256 KiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(disk)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("a file system of a given size can only be mounted by root")
    try:
        yield open_run(str(disk), {"seed": 1})
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_full_disk_is_one_sentence_and_the_last_checkpoint_stays(small_disk):
    model, state = Model(1.0), TrainerState()
    checkpoints = Checkpoints(small_disk, model, state)
    checkpoints.save_best()
    checkpoints.save()
    disk = pathlib.Path(small_disk).parent
    with pytest.raises(OSError, match="No space left"):
        (disk / "somebody else's").write_bytes(bytes(1 << 20))
    model.weight.assign(2.0)
    state.steps = 7
    for write in (checkpoints.save_best, checkpoints.save):
        with pytest.raises(
            CheckpointError,
            match=rf"^cannot write a checkpoint to {small_disk}/checkpoints \(No space "
            r"left on device\); make room or name another folder: a run that is "
            r"started again goes on where it was\.$",
        ):
            write()
    found, other = TrainerState(), Model()
    reader = Checkpoints(small_disk, other, found)
    assert reader.peek()
    assert found.steps == 0
    reader.restore()
    assert float(other.weight) == 1
    other.weight.assign(3.0)
    reader.restore_best()
    assert float(other.weight) == 1
    (disk / "somebody else's").unlink()
    checkpoints.save_best()
    checkpoints.save()
    assert best_names(small_disk) == {"best-7"}


def test_a_disk_that_becomes_read_only_is_one_sentence(small_disk):
    model = Model(1.0)
    checkpoints = Checkpoints(small_disk, model, TrainerState())
    checkpoints.save_best()
    checkpoints.save()
    disk = str(pathlib.Path(small_disk).parent)
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    model.weight.assign(2.0)
    with pytest.raises(CheckpointError, match="Read-only file system"):
        checkpoints.save()
    with pytest.raises(CheckpointError, match=r"Read-only file system.*name another"):
        open_run(disk, {"seed": 2})
    checkpoints.restore()
    assert float(model.weight) == 1


def test_a_write_that_finds_no_room_is_one_sentence(folder, monkeypatch):
    def full(*_, **__):
        raise tf.errors.UnknownError(None, None, "…/state-1; No space left on device")

    checkpoints = Checkpoints(folder, model := Model(1.0), TrainerState())
    checkpoints.save_best()
    checkpoints.save()
    monkeypatch.setattr(tf.train.CheckpointManager, "save", full)
    model.weight.assign(2.0)
    with pytest.raises(
        CheckpointError, match=r"\(No space left on device\); make room"
    ):
        checkpoints.save()
    checkpoints.restore()
    assert float(model.weight) == 1


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("where a folder should be")
    with pytest.raises(CheckpointError, match=r"^cannot write to .*; name another"):
        open_run(str(tmp_path / "file"), {"seed": 1})


def test_an_unreadable_state_is_one_sentence(folder):
    checkpoints = Checkpoints(folder, Model(), TrainerState())
    checkpoints.save_best()
    checkpoints.save()
    for path in pathlib.Path(folder, "checkpoints").glob("state-1.data*"):
        path.write_bytes(b"")
    with pytest.raises(
        CheckpointError, match=r"cannot be read; remove .* to start anew"
    ):
        checkpoints.restore()


def test_workers_besides_the_chief_leave_the_folder_alone(folder):
    checkpoints = Checkpoints(folder, Model(), TrainerState(), writes=False)
    checkpoints.save_best()
    checkpoints.save()
    checkpoints.restore_best()
    assert os.listdir(f"{folder}/checkpoints") == []

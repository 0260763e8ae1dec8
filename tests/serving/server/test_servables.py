from __future__ import annotations

import shutil
import threading

import numpy as np
import pytest
import tensorflow as tf

from serving.export import warmup
from serving.server.config import BatchingConfig
from serving.server.servables import Servable, ServableManager, State, load_version

BATCHING = BatchingConfig(max_wait_seconds=0)


class FakeServable:
    """Stands in for a loaded version."""

    def __init__(self, version: int):
        self.version = version
        self.closed = False

    def close(self) -> None:
        assert not self.closed
        self.closed = True


class FakeLoader:
    """Counts loads; fails for the versions in `broken`."""

    def __init__(self):
        self.broken = set()
        self.attempts = []
        self.loaded = {}

    def __call__(self, version: int, folder: str) -> FakeServable:
        self.attempts.append(version)
        if version in self.broken:
            raise OSError(f"{folder} is damaged")
        self.loaded[version] = FakeServable(version)
        return self.loaded[version]


@pytest.fixture
def load():
    return FakeLoader()


@pytest.fixture
def manager(load, tmp_path):
    manager = ServableManager(str(tmp_path / "base"), load)
    yield manager
    manager.close()
    assert all(servable.closed for servable in load.loaded.values())


@pytest.fixture
def push_stub(tmp_path):
    """Pushes what passes for a version as long as nobody reads it."""

    def push_stub(version: int):
        folder = tmp_path / "base" / str(version)
        (folder / "variables").mkdir(parents=True)
        for name in ("variables.index", "variables.data-00000-of-00001"):
            (folder / "variables" / name).touch()
        (folder / "saved_model.pb").touch()
        return folder

    return push_stub


def test_the_newest_complete_version_is_loaded_once(manager, load, push_stub):
    manager.poll()
    assert manager.version is None
    push_stub(1)
    (push_stub(3) / "saved_model.pb").unlink()
    push_stub(2)
    manager.poll()
    manager.poll()
    assert manager.version == 2
    assert load.attempts == [2]


def test_a_version_in_use_closes_when_its_last_user_is_done(manager, load, push_stub):
    push_stub(1)
    manager.poll()
    with manager.use() as first:
        with manager.use() as second:
            push_stub(2)
            manager.poll()
            assert first is second is load.loaded[1]
            assert manager.version == 2
            assert manager.statuses()[1].state is State.UNLOADING
            with manager.use() as third:
                assert third.version == 2
        assert not first.closed
    assert first.closed
    assert manager.statuses()[1].state is State.END
    assert not load.loaded[2].closed


def test_a_failed_load_keeps_the_old_and_waits_for_a_change(manager, load, push_stub):
    push_stub(1)
    manager.poll()
    load.broken.add(2)
    folder = push_stub(2)
    for _ in range(3):
        manager.poll()
    assert load.attempts == [1, 2]
    assert manager.version == 1
    assert manager.statuses()[2] == (State.END, f"{folder} is damaged.")
    load.broken.clear()
    (folder / "saved_model.pb").write_bytes(b"mended")
    manager.poll()
    assert load.attempts == [1, 2, 2]
    assert manager.version == 2
    assert manager.statuses()[2] == (State.AVAILABLE, "")


def test_at_the_start_an_older_version_stands_in_for_a_broken_one(
    manager, load, push_stub
):
    for version in (1, 2, 3):
        push_stub(version)
    load.broken.add(3)
    manager.poll()
    assert load.attempts == [3, 2]
    assert manager.version == 2


def test_deleting_the_newest_version_rolls_back(manager, load, push_stub):
    push_stub(1)
    newest = push_stub(2)
    manager.poll()
    shutil.rmtree(newest)
    manager.poll()
    assert manager.version == 1
    shutil.rmtree(newest.parent)
    manager.poll()
    assert manager.version == 1  # better an old model than none


def test_pinning_goes_back_and_forth(manager, load, push_stub):
    for version in (1, 2):
        push_stub(version)
    manager.poll()
    manager.pin(1)
    assert manager.version == 1
    push_stub(3)
    manager.poll()
    assert manager.version == 1
    manager.pin(9)
    assert manager.version == 1
    manager.pin(None)
    assert manager.version == 3
    assert manager.statuses()[1].state is State.END


def test_swapping_under_load_never_lends_a_closed_servable(manager, push_stub):
    push_stub(0)
    manager.poll()
    done = threading.Event()
    faults = []

    def use_all_the_time():
        while not done.is_set():
            with manager.use() as servable:
                if servable.closed:
                    faults.append(servable.version)

    users = [threading.Thread(target=use_all_the_time) for _ in range(4)]
    for user in users:
        user.start()
    for version in range(1, 40):
        push_stub(version)
        manager.poll()
    done.set()
    for user in users:
        user.join()
    assert faults == []
    assert manager.version == 39


def test_polling_survives_a_folder_that_cannot_be_listed(
    manager, push_stub, eventually, monkeypatch, caplog
):
    listing = tf.io.gfile.listdir

    def fail(path):
        raise tf.errors.UnavailableError(None, None, "no network")

    manager.start(poll_seconds=0.01)
    monkeypatch.setattr(tf.io.gfile, "listdir", fail)
    push_stub(1)
    eventually(lambda: "trying again" in caplog.text)
    monkeypatch.setattr(tf.io.gfile, "listdir", listing)
    eventually(lambda: manager.version == 1)


def test_a_real_model_answers_in_batches(doubling_model):
    sizes = []
    patient = BatchingConfig(max_rows=2, max_wait_seconds=10)
    servable = Servable(1, str(doubling_model), patient, sizes.append)
    answers = [
        servable.submit("serving_default", {"x": np.full((1, 2), x, np.float32)})
        for x in (1, 2)
    ]
    assert [answer.result(10)["y"].tolist() for answer in answers] == [
        [[2, 2]],
        [[4, 4]],
    ]
    assert sizes == [2]
    assert list(servable.signature_defs) == ["serving_default"]
    servable.close()


def test_a_version_whose_warm_up_fails_does_not_load(doubling_model, push):
    folder = push(doubling_model, 1)
    load = load_version(BATCHING, lambda rows: None)
    request = warmup.request(
        "any", "serving_default", {"x": np.ones((1, 2), np.float32)}
    )
    warmup.write(str(folder), [request])
    load(1, str(folder)).close()
    negative = warmup.request(
        "any", "serving_default", {"x": -np.ones((1, 2), np.float32)}
    )
    warmup.write(str(folder), [negative])
    with pytest.raises(Exception, match=r"warm-up requests fail: .*negative"):
        load(1, str(folder))

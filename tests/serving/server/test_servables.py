from __future__ import annotations

import shutil
import threading

import numpy as np
import pytest

from serving.common.errors import ServingError
from serving.export import warmup
from serving.server.config import BatchingConfig, ServerConfig
from serving.server.model_configs import (
    AllVersions,
    LatestVersions,
    SpecificVersions,
)
from serving.server.refusals import Code
from serving.server.servable import Servable, load_version
from serving.server.servables import (
    ServableManager,
    State,
    VersionsUnavailableError,
)
from transform.common.errors import KinescribeError

ANY_MODEL = ServerConfig(model_base="base", models="any")


class FakeServable:
    """Stands in for a loaded version."""

    def __init__(self, version: int):
        self.version = version
        self.closed = False

    def close(self, timeout: float | None = None) -> bool:
        assert not self.closed
        self.closed = True
        return True


class FakeLoader:
    """Counts loads; fails for the versions in `broken`."""

    def __init__(self):
        self.broken = set()
        self.error = OSError
        self.attempts = []
        self.loaded = {}

    def __call__(self, version: int, folder: str) -> FakeServable:
        self.attempts.append(version)
        if version in self.broken:
            raise self.error(f"{folder} is damaged")
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


def test_a_version_in_use_closes_when_its_last_user_is_done(
    manager, load, push_stub, eventually
):
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
    eventually(lambda: first.closed)
    eventually(lambda: manager.statuses()[1].state is State.END)
    assert not load.loaded[2].closed


def test_a_version_is_rejected_until_it_loads_goes_or_a_newer_one_is_live(
    manager, load, push_stub
):
    load.broken |= {2, 3}
    push_stub(1)
    manager.poll()
    assert manager.rejected is None
    folder = push_stub(2)
    for _ in range(2):
        manager.poll()
        assert (manager.version, manager.rejected) == (1, 2)
    removed = push_stub(3)
    manager.poll()
    assert manager.rejected == 3
    shutil.rmtree(removed)
    manager.poll()
    assert manager.rejected == 2
    load.broken.clear()
    (folder / "saved_model.pb").write_bytes(b"mended")
    manager.poll()
    assert (manager.version, manager.rejected) == (2, None)
    load.broken.add(4)
    push_stub(4)
    manager.poll()
    push_stub(5)
    manager.poll()
    assert (manager.version, manager.rejected) == (5, None)


def test_what_the_server_lacks_rejects_no_version(manager, load, push_stub):
    load.error = MemoryError
    load.broken.add(2)
    push_stub(2)
    manager.poll()
    assert manager.statuses()[2].state is State.END
    assert manager.rejected is None


def test_a_failed_load_keeps_the_old_and_waits_for_a_change(manager, load, push_stub):
    push_stub(1)
    manager.poll()
    load.broken.add(2)
    folder = push_stub(2)
    for _ in range(3):
        manager.poll()
    assert load.attempts == [1, 2]
    assert manager.version == 1
    damaged = (State.END, f"{folder} is damaged.", Code.NOT_FOUND)
    assert manager.statuses()[2] == damaged
    load.broken.clear()
    (folder / "saved_model.pb").write_bytes(b"mended")
    manager.poll()
    assert load.attempts == [1, 2, 2]
    assert manager.version == 2
    assert manager.statuses()[2] == (State.AVAILABLE, "", Code.OK)


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
    manager.change_policy(SpecificVersions(versions=(1,)))
    assert manager.versions == [1]
    push_stub(3)
    manager.poll()
    assert manager.versions == [1]
    manager.change_policy(LatestVersions())
    assert manager.versions == [3]
    assert manager.statuses()[1].state is State.END


def test_a_refused_pin_changes_nothing(manager, load, push_stub):
    for version in (1, 2):
        push_stub(version)
    manager.poll()
    with pytest.raises(VersionsUnavailableError, match=r"version 9 .*; 2 stays live"):
        manager.change_policy(SpecificVersions(versions=(1, 9)))
    assert manager.versions == [2]
    assert load.loaded[1].closed
    push_stub(3)
    manager.poll()
    assert manager.versions == [3]


def test_several_versions_are_live_at_once(manager, load, push_stub):
    for version in (1, 2, 3):
        push_stub(version)
    manager.change_policy(LatestVersions(count=2))
    assert manager.versions == [2, 3]
    push_stub(4)
    manager.poll()
    assert manager.versions == [3, 4]
    with manager.use() as newest, manager.use(3) as older, manager.use(1) as gone:
        assert (newest.version, older.version, gone) == (4, 3, None)
    manager.change_policy(AllVersions())
    assert manager.versions == [1, 2, 3, 4]
    manager.change_policy(SpecificVersions(versions=(2, 4)))
    assert manager.versions == [2, 4]


def test_a_broken_version_gives_its_place_to_the_next(manager, load, push_stub):
    for version in (1, 2, 3):
        push_stub(version)
    load.broken.add(3)
    manager.change_policy(LatestVersions(count=2))
    assert manager.versions == [1, 2]


@pytest.mark.parametrize(
    "name",
    ["20261128051500123456", "٧", "-5", "1e3", "+4", " 6", "9223372036854775808"],
)
def test_folders_that_are_no_numbers_of_the_protocol_are_skipped(
    manager, load, push_stub, name
):
    push_stub(1)
    push_stub(2).rename(push_stub(3).with_name(name))
    shutil.rmtree(manager.base + "/3")
    manager.poll()
    assert manager.versions == [1]
    assert list(manager.statuses()) == [1]


def test_swapping_under_load_never_lends_a_closed_servable(
    manager, push_stub, eventually
):
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
    live = {39}
    eventually(
        lambda: (
            {v for v, s in manager.statuses().items() if s.state is State.AVAILABLE}
            == live
        )
    )
    eventually(
        lambda: not any(s.state is State.UNLOADING for s in manager.statuses().values())
    )


def test_a_real_model_answers_in_batches(doubling_model):
    sizes = []
    patient = BatchingConfig(max_rows=2, max_wait_seconds=10)
    servable = Servable(1, str(doubling_model), patient, sizes.append)
    answers = [
        servable.submit("serving_default", {"x": np.full((1, 2), x, np.float32)})
        for x in (1, 2)
    ]
    assert [answer.result(10).outputs["y"].tolist() for answer in answers] == [
        [[2, 2]],
        [[4, 4]],
    ]
    assert sizes == [2]
    assert list(servable.signature_defs) == ["serving_default"]
    servable.close()


def test_a_version_whose_warm_up_fails_does_not_load(doubling_model, push):
    folder = push(doubling_model, 1)
    load = load_version(ANY_MODEL)
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


def test_a_version_whose_folder_is_taken_for_a_pattern_is_told_so(tmp_path):
    with pytest.raises(KinescribeError, match="for a pattern of names"):
        load_version(ANY_MODEL)(1, str(tmp_path / "runs [1]" / "1"))


def test_what_is_no_captioner_does_not_go_live(doubling_model, push):
    folder = push(doubling_model, 1)
    load = load_version(ServerConfig(model_base=str(folder.parent)))
    with pytest.raises(ServingError, match=r"no captioner.*caption_examples"):
        load(1, str(folder))


def test_the_default_signature_is_warm_too(exported, monkeypatch):
    called = []
    runner = Servable._runner
    monkeypatch.setattr(
        Servable,
        "_runner",
        lambda self, name: called.append(name) or runner(self, name),
    )
    servable = Servable(1, str(exported), BatchingConfig())
    called.clear()
    servable.warm_up(str(exported))
    assert {"serving_default", "caption", "caption_examples", "feature_spec"} == {
        *called
    }
    servable.close()

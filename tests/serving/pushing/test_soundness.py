import pathlib
import shutil

import pytest

from serving.common.weights_digest import weights_digest
from serving.pushing import destination as destinations
from serving.pushing import ledger, rollback, soundness
from serving.pushing.baseline import baseline_version, choose_baseline
from serving.pushing.push import push
from tests.support.pushing import RECORD, write_model


def pushed(folder, content):
    """Pushes as the Pusher does, with an event."""
    model = write_model(folder / content, content)
    place = str(folder / "pushed")
    record = RECORD.replace(weights_digest=weights_digest(model), config_digest=content)
    version = push(str(model), place, record)
    ledger.record(
        place,
        "pushed",
        version=version.version,
        weights_digest=record.weights_digest,
        origin_digest=f"origin of {content}",
    )
    return version


def truncate_variables(folder):
    [path] = (folder / "variables").glob("*.data-*")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def garble_graph(folder):
    (folder / "saved_model.pb").write_bytes(b"\xff graph")


def empty_graph(folder):
    (folder / "saved_model.pb").write_bytes(b"")


def other_graph(folder):
    (folder / "saved_model.pb").write_bytes(b"\x08\x01\x12\x00\x12\x00")


def empty_folder(folder):
    shutil.rmtree(folder)
    folder.mkdir()


DAMAGES = [
    (truncate_variables, "cannot be read"),
    (garble_graph, "saved_model.pb is damaged"),
    (empty_graph, "it has no graph"),
    (other_graph, "its graph is not the one that was pushed"),
    (empty_folder, "is not complete"),
    (shutil.rmtree, "was removed by hand"),
]


@pytest.mark.parametrize(("damage", "said"), DAMAGES)
def test_a_lost_newest_version_is_passed_over_said_and_pushed_above(
    tmp_path, damage, said, caplog
):
    place = str(tmp_path / "pushed")
    first, second = pushed(tmp_path, "first"), pushed(tmp_path, "second")
    damage(pathlib.Path(second.folder))
    chosen = choose_baseline(str(tmp_path / "second"), place)
    assert (chosen.version, chosen.folder) == (first.version, first.folder)
    assert f"version {second.version}" in chosen.reason and said in chosen.reason
    assert said in caplog.text
    newest = soundness.newest_sound(place).pushed
    assert baseline_version(newest, "second", "d" * 16) == first.version
    third = pushed(tmp_path, "third")
    assert int(third.version) > int(second.version)
    assert soundness.newest_sound(place) == (third, ())


@pytest.mark.parametrize(("damage", "said"), DAMAGES)
def test_a_lost_model_is_known_until_it_is_forgiven(tmp_path, damage, said):
    place = str(tmp_path / "pushed")
    pushed(tmp_path, "first")
    second = pushed(tmp_path, "second")
    digest = weights_digest(tmp_path / "second")
    assert soundness.lost(place, digest) is None
    damage(pathlib.Path(second.folder))
    assert soundness.lost(place, digest).version == second.version
    rollback.forgive(place, second.version, "the disk was bad")
    assert soundness.lost(place, digest) is None
    event = ledger.events(place)[-1]
    assert (event.event, event.origin_digest) == ("forgiven", "origin of second")
    whole = pushed(tmp_path, "second")
    assert int(whole.version) > int(second.version)
    assert soundness.newest_sound(place).pushed == whole


def test_a_model_is_not_lost_where_nothing_else_is_served(tmp_path):
    only = pushed(tmp_path, "first")
    shutil.rmtree(only.folder)
    place = str(tmp_path / "pushed")
    assert soundness.newest_sound(place).pushed is None
    assert soundness.lost(place, weights_digest(tmp_path / "first")) is None


def test_a_version_that_was_cleaned_is_neither_said_nor_lost(tmp_path):
    place = str(tmp_path / "pushed")
    first, second = pushed(tmp_path, "first"), pushed(tmp_path, "second")
    shutil.rmtree(second.folder)
    ledger.record(place, "cleaned", version=second.version)
    assert soundness.newest_sound(place) == (first, ())
    assert soundness.lost(place, weights_digest(tmp_path / "second")) is None


def test_a_damaged_version_is_listed_as_such_and_rolled_back_from(tmp_path):
    place = str(tmp_path / "pushed")
    first, second = pushed(tmp_path, "first"), pushed(tmp_path, "second")
    garble_graph(pathlib.Path(second.folder))
    assert [s.state for s in rollback.states(place)] == ["damaged", "live"]
    again, source = rollback.roll_back(place, "the disk was bad")
    assert source == first.version
    assert destinations.latest(place) == again
    assert rollback.states(place)[0].state == "live"

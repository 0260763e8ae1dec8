import pathlib

import pytest
import tensorflow as tf

from serving.common.errors import ServingError
from serving.common.weights_digest import weights_digest
from serving.pushing import ledger, rejections, rollback, soundness
from serving.pushing.baseline import choose_baseline
from serving.pushing.origin import Origin
from serving.pushing.push import push
from tests.support.pushing import RECORD, write_model

BROKEN = ServingError("it lacks the signature caption_examples.")


@pytest.fixture
def place(tmp_path):
    """A destination with two pushed versions."""
    for content in ("first", "second"):
        model = write_model(tmp_path / content, content)
        Origin(clips={content: ("train", "a", "b")}, settings={}).write(str(model))
        record = RECORD.replace(weights_digest=weights_digest(model))
        push(str(model), str(tmp_path / "pushed"), record)
    return str(tmp_path / "pushed")


def versions(place):
    return [int(state.version) for state in rollback.states(place)]


def test_a_rejected_version_is_listed_and_the_baseline_is_the_one_before(place):
    newest, before = versions(place)
    rejections.note(place, newest, BROKEN)
    [event] = ledger.events(place)
    assert (event.event, event.version) == ("rejected", str(newest))
    assert event.origin_digest == Origin.read(f"{place}/{newest}").fingerprint
    assert [s.state for s in rollback.states(place)] == ["rejected", "live"]
    chosen = choose_baseline(f"{place}/{newest}", place)
    assert chosen.version == str(before)
    assert f"version {newest} was rejected" in chosen.reason
    assert "it lacks the signature" in chosen.reason
    assert event.weights_digest in ledger.withdrawn(place)


def test_a_version_and_content_is_noted_once_until_it_is_forgiven(place):
    newest, _ = versions(place)
    for _ in range(2):
        rejections.note(place, newest, BROKEN)
    assert len(ledger.events(place)) == 1
    rollback.forgive(place, str(newest), "the server was too old")
    assert rollback.states(place)[0].state == "live"
    rejections.note(place, newest, BROKEN)
    assert [e.event for e in ledger.events(place)] == [
        *("rejected", "forgiven", "rejected")
    ]
    (pathlib.Path(place) / str(newest) / "saved_model.pb").write_bytes(b"other")
    rejections.note(place, newest, BROKEN)
    assert len(ledger.events(place)) == 4


def test_a_damaged_copy_that_is_rejected_withdraws_no_other_version(place):
    again = int(rollback.roll_back(place, "worse")[0].version)
    (pathlib.Path(place) / str(again) / "saved_model.pb").write_bytes(b"\xff")
    rejections.note(place, again, BROKEN)
    states = [state.state for state in rollback.states(place)]
    assert states == ["rejected", "rolled back", "live"]
    assert int(soundness.newest_sound(place).pushed.version) == versions(place)[2]


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        OSError(28, "No space left on device"),
        tf.errors.UnavailableError(None, None, "no network"),
        tf.errors.ResourceExhaustedError(None, None, "out of memory"),
    ],
)
def test_what_a_server_lacks_rejects_no_version(place, error):
    newest, _ = versions(place)
    rejections.note(place, newest, error)
    wrapped = ServingError("its warm-up requests fail.")
    wrapped.__cause__ = error
    rejections.note(place, newest, wrapped)
    assert ledger.events(place) == []


def test_versions_from_elsewhere_are_passed_over(tmp_path):
    write_model(tmp_path / "models" / "3")
    for version in (3, 4):
        rejections.note(str(tmp_path / "models"), version, BROKEN)
    assert ledger.events(str(tmp_path / "models")) == []


def test_a_folder_that_cannot_be_written_is_a_line_of_the_log(
    place, monkeypatch, caplog
):
    def refused(*arguments, **options):
        raise tf.errors.PermissionDeniedError(None, None, "read-only file system")

    newest, _ = versions(place)
    monkeypatch.setattr(tf.io.gfile, "makedirs", refused)
    rejections.note(place, newest, BROKEN)
    assert "read-only file system" in caplog.text
    assert ledger.events(place) == []

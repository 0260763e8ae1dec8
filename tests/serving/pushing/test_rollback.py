import os

import pytest

from serving.common.errors import ServingError
from serving.common.weights_digest import weights_digest
from serving.pushing import destination as destinations
from serving.pushing import ledger, rollback
from serving.pushing import push as pushing
from serving.pushing.origin import Origin
from tests.support.pushing import RECORD, files_of, write_model


def push(folder, content, destination):
    model = write_model(folder / content, content)
    Origin(clips={content: ("train", "a", "b")}, settings={}).write(str(model))
    digest = weights_digest(str(model))
    record = RECORD.replace(weights_digest=digest)
    return pushing.push(str(model), str(destination), record)


@pytest.fixture
def pushed(tmp_path):
    """A destination with three versions: good, better and bad."""
    for content in ("good", "better", "bad"):
        push(tmp_path, content, tmp_path / "pushed")
    return str(tmp_path / "pushed")


def contents(destination):
    return [files_of(v.folder) for v in destinations.versions(destination)]


def states(destination):
    return [state.state for state in rollback.states(destination)]


def test_rollback_serves_the_version_before_again_and_deletes_nothing(pushed):
    before = contents(pushed)
    version, source = rollback.roll_back(pushed, "captions repeat", by="me")
    assert destinations.latest(pushed) == version
    assert contents(pushed) == [*before, before[1]]
    assert source == destinations.versions(pushed)[1].version
    assert states(pushed) == ["live", "rolled back", "earlier", "earlier"]


def test_ledger_says_who_did_it_and_why(pushed):
    bad = destinations.latest(pushed)
    rollback.roll_back(pushed, "captions repeat", by="me")
    [event] = ledger.events(pushed)
    assert (event.version, event.by) == (bad.version, "me")
    assert event.origin_digest == Origin.read(bad.folder).fingerprint
    words = event.in_words()
    assert words.startswith(f"version {bad.version} was rolled back at 20")
    assert words.endswith("by me: captions repeat.")


def test_second_rollback_goes_one_further(pushed):
    rollback.roll_back(pushed, "bad")
    rollback.roll_back(pushed, "worse than it seemed")
    assert contents(pushed)[-1] == contents(pushed)[0]
    with pytest.raises(ServingError, match="not an earlier version with another model"):
        rollback.roll_back(pushed, "nothing is left")


def test_a_version_can_be_chosen(pushed):
    first = destinations.versions(pushed)[0]
    _, source = rollback.roll_back(pushed, "both are bad", to=first.version)
    assert source == first.version
    assert contents(pushed)[-1] == contents(pushed)[0]


def test_unknown_version_and_empty_destination_are_one_sentence(pushed, tmp_path):
    with pytest.raises(ServingError, match="has not version 7: its versions are"):
        rollback.roll_back(pushed, "x", to="7")
    with pytest.raises(ServingError, match="no version to roll back from"):
        rollback.roll_back(str(tmp_path / "empty"), "x")
    with pytest.raises(ServingError, match="is the one that is served now"):
        rollback.roll_back(pushed, "x", to=destinations.latest(pushed).version)


def test_rollback_that_was_killed_before_its_push_is_finished(pushed, monkeypatch):
    def killed(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(rollback, "push", killed)
        with pytest.raises(KeyboardInterrupt):
            rollback.roll_back(pushed, "bad")
    before = contents(pushed)
    rollback.roll_back(pushed, "bad")
    assert contents(pushed) == [*before, before[1]]
    assert states(pushed) == ["live", "rolled back", "earlier", "earlier"]
    assert len(ledger.events(pushed)) == 1


def test_forgiven_model_is_one_like_any_other(pushed):
    bad = destinations.latest(pushed)
    with pytest.raises(ServingError, match="that was withdrawn"):
        rollback.forgive(pushed, bad.version, "x")
    rollback.roll_back(pushed, "bad")
    assert list(ledger.withdrawn(pushed)) == [bad.record().weights_digest]
    rollback.forgive(pushed, bad.version, "the clips were wrong, not the model")
    assert ledger.withdrawn(pushed) == {}
    assert "rolled back" not in states(pushed)


def test_servers_pass_over_the_ledger(pushed):
    rollback.roll_back(pushed, "bad")
    assert ledger.FOLDER in os.listdir(pushed)
    assert len(destinations.versions(pushed)) == 4


def test_lost_ledger_leaves_the_versions(pushed, tmp_path):
    rollback.roll_back(pushed, "bad")
    for name in os.listdir(os.path.join(pushed, ledger.FOLDER)):
        os.unlink(os.path.join(pushed, ledger.FOLDER, name))
    assert states(pushed) == ["live", "earlier", "earlier", "earlier"]

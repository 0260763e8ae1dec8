from serving.common.weights_digest import weights_digest
from serving.pushing import ledger
from serving.pushing.origin import Origin
from serving.pushing.push import push
from serving.retraining.earlier_models import attempts, served_version
from tests.support.pushing import RECORD, write_model

ORIGIN = Origin(clips={"a": ("train", "b", "c")}, settings={})


def test_nothing_is_served_where_nothing_was_pushed(tmp_path):
    assert served_version(str(tmp_path / "pushed")) is None
    assert attempts(str(tmp_path / "pushed")) == {}


def test_the_served_version_says_what_it_was_made_from_and_when(tmp_path):
    model = write_model(tmp_path / "a", "a")
    ORIGIN.write(str(model))
    record = RECORD.replace(weights_digest=weights_digest(model))
    pushed = push(str(model), str(tmp_path / "pushed"), record)
    served = served_version(str(tmp_path / "pushed"))
    assert (served.version, served.origin) == (pushed.version, ORIGIN)
    assert served.pushed == int(pushed.version)


def test_what_became_of_models_is_known_by_their_origins_until_forgiven(tmp_path):
    place = str(tmp_path)
    ledger.record(place, "pushed", version="7", origin_digest="a")
    ledger.record(place, "rolled-back", version="7", origin_digest="a", reason="bad.")
    ledger.record(place, "refused", origin_digest="b", reason="CIDEr-D fell.")
    ledger.record(place, "equal", origin_digest="c")
    ledger.record(place, "refused", reason="a run by hand, which has no origin")
    assert attempts(place) == {
        "a": "rolled back: bad",
        "b": "refused: CIDEr-D fell",
        "c": "found to be equal to the one that is served",
    }
    ledger.record(place, "forgiven", version="7", origin_digest="a")
    assert attempts(place).keys() == {"b", "c"}

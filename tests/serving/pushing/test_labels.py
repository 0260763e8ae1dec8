import pytest

from serving.common.errors import ServingError
from serving.common.weights_digest import weights_digest
from serving.pushing import labels, ledger, rollback
from serving.pushing.push import push
from serving.server import model_configs
from tests.support.pushing import RECORD, write_model


@pytest.fixture
def place(tmp_path):
    for name in "abc":
        model = write_model(tmp_path / name, name)
        record = RECORD.replace(weights_digest=weights_digest(model))
        push(str(model), str(tmp_path / "pushed"), record)
    return str(tmp_path / "pushed")


@pytest.fixture
def versions(place):
    return [state.version for state in reversed(rollback.states(place))]


def read(tmp_path, place):
    path = tmp_path / "models.config"
    path.write_text(labels.model_config(place, "k", "/models"))
    [config] = model_configs.read_file(str(path))
    return config


def test_both_servers_file_has_the_live_version_and_the_labelled_ones(
    place, versions, tmp_path
):
    labels.assign(place, "stable", versions[0])
    labels.assign(place, "canary", versions[2])
    config = read(tmp_path, place)
    assert (config.name, config.base_path) == ("k", "/models")
    assert config.labels == {"stable": int(versions[0]), "canary": int(versions[2])}
    assert sorted(config.policy.versions) == [int(versions[0]), int(versions[2])]


def test_a_label_moves_and_can_be_taken_away(place, versions, tmp_path):
    labels.assign(place, "stable", versions[0])
    labels.assign(place, "stable", versions[1])
    assert ledger.labels(place) == {"stable": versions[1]}
    labels.remove(place, "stable")
    assert read(tmp_path, place).labels == {}
    with pytest.raises(ServingError, match="is stable"):
        labels.remove(place, "stable")


def test_a_version_that_was_rolled_back_loses_its_label_and_takes_none(
    place, versions, tmp_path
):
    labels.assign(place, "canary", versions[2])
    rollback.roll_back(place, "it is worse")
    assert read(tmp_path, place).labels == {}
    with pytest.raises(ServingError, match=r"it is worse\. It takes no label"):
        labels.assign(place, "canary", versions[2])


@pytest.mark.parametrize(
    ("label", "version", "sentence"),
    [("Canary!", "", "is no label"), ("canary", "7", "has no version 7")],
)
def test_wrong_names_are_one_sentence(place, versions, label, version, sentence):
    with pytest.raises(ServingError, match=sentence):
        labels.assign(place, label, version or versions[0])

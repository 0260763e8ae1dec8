from __future__ import annotations

import pytest
import tensorflow as tf

from serving.server import model_configs
from serving.server.catalogue import Catalogue
from serving.server.model_configs import (
    AllVersions,
    LatestVersions,
    ModelConfig,
    SpecificVersions,
)
from serving.server.refusals import Code, RefusalError
from tests.serving.server.test_servables import FakeLoader, FakeServable


@pytest.fixture
def loaders():
    return {}


@pytest.fixture
def catalogue(loaders, tmp_path):
    catalogue = Catalogue(
        lambda name: loaders.setdefault(name, FakeLoader()),
        model_config_file=str(tmp_path / "models.config"),
    )
    yield catalogue
    catalogue.close()
    loaded: list[FakeServable] = [
        servable for loader in loaders.values() for servable in loader.loaded.values()
    ]
    assert all(servable.closed for servable in loaded)


@pytest.fixture
def push_stub(tmp_path):
    """Pushes what passes for a version of a model, as long as nobody reads it."""

    def push_stub(model: str, *versions: int) -> str:
        for version in versions:
            variables = tmp_path / model / str(version) / "variables"
            variables.mkdir(parents=True)
            for name in ("variables.index", "variables.data-00000-of-00001"):
                (variables / name).touch()
            (variables.parent / "saved_model.pb").touch()
        return str(tmp_path / model)

    return push_stub


def config(base: str, name: str = "a", **settings) -> ModelConfig:
    return ModelConfig(name=name, base_path=base, **settings)


def live(catalogue: Catalogue) -> dict[str, list[int]]:
    return {name: m.versions.versions for name, m in catalogue.models.items()}


def test_models_come_and_go(catalogue, push_stub, loaders):
    a, b = push_stub("a", 1, 2), push_stub("b", 5)
    catalogue.configure([config(a)])
    assert catalogue.is_ready()
    catalogue.reconfigure([config(a, policy=AllVersions()), config(b, "b")])
    assert live(catalogue) == {"a": [1, 2], "b": [5]}
    catalogue.reconfigure([config(b, "b")])
    assert live(catalogue) == {"b": [5]}
    assert all(servable.closed for servable in loaders["a"].loaded.values())


def test_a_call_is_taken_whole_or_not_at_all(catalogue, push_stub, loaders):
    a, b = push_stub("a", 1, 2), push_stub("b", 5)
    catalogue.configure([config(a)])
    with pytest.raises(RefusalError) as caught:
        catalogue.reconfigure(
            [
                config(a, policy=SpecificVersions(versions=(1,))),
                config(b, "b", policy=SpecificVersions(versions=(6,))),
            ]
        )
    assert caught.value.code is Code.FAILED_PRECONDITION
    assert live(catalogue) == {"a": [2]}
    push_stub("a", 3)
    catalogue.poll()
    assert live(catalogue) == {"a": [3]}


def test_labels_are_of_live_versions(catalogue, push_stub):
    a = push_stub("a", 1, 2)
    catalogue.configure([config(a)])
    with pytest.raises(RefusalError, match="label to version 1 of model a"):
        catalogue.reconfigure([config(a, labels={"stable": 1})])
    two = LatestVersions(count=2)
    catalogue.reconfigure([config(a, policy=two, labels={"stable": 1, "canary": 2})])
    assert catalogue.find("a").config.labels == {"stable": 1, "canary": 2}


def test_calls_do_not_leave_the_operators_folders(catalogue, push_stub, tmp_path):
    a, b = push_stub("deep/a", 1), push_stub("b", 1)
    catalogue.configure([config(a)])
    for base in (b, "/etc", "", f"{a}/../../b"):
        with pytest.raises(RefusalError, match="beside none") as caught:
            catalogue.reconfigure([config(base, "b")])
        assert caught.value.code is Code.INVALID_ARGUMENT
    catalogue.reconfigure([config("", "a"), config(push_stub("deep/c", 4), "c")])
    assert live(catalogue) == {"a": [1], "c": [4]}


def test_a_folder_may_be_said_in_another_way(
    catalogue, push_stub, monkeypatch, tmp_path
):
    push_stub("a", 1)
    monkeypatch.chdir(tmp_path)
    catalogue.configure([config("a")])
    catalogue.reconfigure([config(f"{tmp_path}/a/")])
    assert live(catalogue) == {"a": [1]}


def test_the_file_is_read_again_when_it_changes(
    catalogue, push_stub, tmp_path, caplog, eventually
):
    a = push_stub("a", 1, 2)
    file = tmp_path / "models.config"
    text = f'model_config_list {{ config {{ name: "a" base_path: "{a}" POLICY }} }}'
    file.write_text(text.replace("POLICY", ""))
    catalogue.read_file()
    catalogue.start(poll_seconds=0.01)
    assert live(catalogue) == {"a": [2]}
    file.write_text(text.replace("POLICY", "model_version_policy { all {} }"))
    eventually(lambda: live(catalogue) == {"a": [1, 2]})
    file.write_text("no such thing")
    eventually(lambda: "models stay as they are" in caplog.text)
    assert live(catalogue) == {"a": [1, 2]}
    waiting = "model_version_policy { specific { versions: 7 } }"
    file.write_text(text.replace("POLICY", waiting))
    eventually(lambda: "version 7" in caplog.text)
    push_stub("a", 7)
    eventually(lambda: live(catalogue) == {"a": [7]})


def test_the_text_that_was_compared_is_the_one_that_is_read(
    catalogue, push_stub, tmp_path, monkeypatch
):
    a = push_stub("a", 1)
    (tmp_path / "models.config").write_text("half wri")  # since it was read
    text = f'model_config_list {{ config {{ name: "a" base_path: "{a}" }} }}'
    monkeypatch.setattr(model_configs, "text_of", lambda path: text)
    catalogue.read_file()
    assert live(catalogue) == {"a": [1]}


def test_looking_survives_a_folder_that_cannot_be_listed(
    catalogue, push_stub, monkeypatch, caplog, eventually
):
    a = push_stub("a", 1)
    catalogue.configure([config(a)])
    catalogue.start(poll_seconds=0.01)
    listing = tf.io.gfile.listdir

    def fail(path: str) -> list[str]:
        raise tf.errors.UnavailableError(None, None, "no network")

    monkeypatch.setattr(tf.io.gfile, "listdir", fail)
    eventually(lambda: "trying again" in caplog.text)
    monkeypatch.setattr(tf.io.gfile, "listdir", listing)
    push_stub("a", 2)
    eventually(lambda: live(catalogue) == {"a": [2]})


def test_a_version_that_does_not_load_is_told_with_its_folder_and_error(
    push_stub, loaders
):
    told = []
    a, loader = push_stub("a", 1, 2), FakeLoader()
    loader.broken.add(2)
    catalogue = Catalogue(
        lambda name: loader, on_failure=lambda *said: told.append(said)
    )
    catalogue.configure([config(a)])
    [(model, version, error)] = told
    assert (model.base_path, version) == (a, 2)
    assert "is damaged" in str(error)
    catalogue.close()

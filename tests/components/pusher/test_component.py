import os
import pathlib
import shutil
import signal
import threading

from tfx.types import standard_artifacts

from components.baseline_model.component import VERSION
from components.pusher import component
from serving import push_destination
from serving.push_destination import PushRecord
from tests.support.pushing import SPEC, write_model

RECORD = PushRecord(
    version="",
    model_digest="m" * 16,
    config_digest="c" * 16,
    data_digest="d" * 16,
    spec_hash=SPEC.content_hash,
    baseline_version="",
)


def push(model, destination, digest=None):
    digest = digest or push_destination.model_digest(str(model))
    record = RECORD.replace(model_digest=digest)
    return component.push(str(model), str(destination), record)


def files_of(folder):
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in pathlib.Path(folder).rglob("*")
        if path.is_file() and path.name != "push.json"
    }


def test_push_gives_each_model_a_higher_number(tmp_path):
    first = push(write_model(tmp_path / "a", "a"), tmp_path / "pushed")
    second = push(write_model(tmp_path / "b", "b"), tmp_path / "pushed")
    assert int(second.version) > int(first.version)
    assert push_destination.versions(str(tmp_path / "pushed")) == [first, second]
    assert files_of(first.folder) == files_of(tmp_path / "a")
    assert files_of(second.folder) == files_of(tmp_path / "b")


def test_pushing_the_latest_model_again_copies_nothing(tmp_path):
    model = write_model(tmp_path / "a")
    first = push(model, tmp_path / "pushed")
    assert push(model, tmp_path / "pushed") == first
    assert push_destination.versions(str(tmp_path / "pushed")) == [first]


def test_going_back_to_an_earlier_model_makes_it_the_latest(tmp_path):
    model = write_model(tmp_path / "a", "a")
    first = push(model, tmp_path / "pushed")
    second = push(write_model(tmp_path / "b", "b"), tmp_path / "pushed")
    third = push(model, tmp_path / "pushed")
    assert int(first.version) < int(second.version) < int(third.version)
    assert files_of(third.folder) == files_of(model)


def test_record_travels_inside_the_version(tmp_path):
    pushed = push(write_model(tmp_path / "a"), tmp_path / "pushed")
    record = pushed.record()
    assert record.version == pushed.version
    assert record.spec_hash == SPEC.content_hash
    assert record.model_digest == push_destination.model_digest(pushed.folder)


def slow_copy(copied: threading.Event, go_on: threading.Event):
    """`io_utils.copy_dir`, which stops after its first file."""

    def copy(source, target):
        names = sorted(p for p in pathlib.Path(source).rglob("*") if p.is_file())
        for index, path in enumerate(names):
            to = pathlib.Path(target, path.relative_to(source))
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, to)
            if index == 0:
                copied.set()
                go_on.wait()

    return copy


def test_reader_sees_nothing_before_the_whole_version(tmp_path, monkeypatch):
    copied, go_on = threading.Event(), threading.Event()
    monkeypatch.setattr(component.io_utils, "copy_dir", slow_copy(copied, go_on))
    model, destination = write_model(tmp_path / "a"), tmp_path / "pushed"
    pushing = threading.Thread(target=push, args=(model, destination))
    pushing.start()
    try:
        assert copied.wait(60)
        assert not [p for p in destination.iterdir() if p.name.isdecimal()]
        assert push_destination.latest(str(destination)) is None
    finally:
        go_on.set()
        pushing.join()
    assert files_of(push_destination.latest(str(destination)).folder) == files_of(model)


def test_push_killed_while_copying_leaves_no_version_and_the_next_one_works(
    tmp_path, monkeypatch
):
    model, destination = write_model(tmp_path / "a"), tmp_path / "pushed"
    started, told = os.pipe()
    child = os.fork()
    if child == 0:  # copies one file, says so and is killed
        copied, never = threading.Event(), threading.Event()
        copied.set = lambda: os.write(told, b"1")
        component.io_utils.copy_dir = slow_copy(copied, never)
        push(model, destination)
        os._exit(1)
    try:
        assert os.read(started, 1) == b"1"
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(started)
        os.close(told)
    assert [path.name[:9] for path in destination.iterdir()] == [".incoming"]
    pushed = push(model, destination)
    assert [path.name for path in destination.iterdir()] == [pushed.version]
    assert files_of(pushed.folder) == files_of(model)


def test_two_pushes_at_once_get_two_numbers(tmp_path):
    models = [write_model(tmp_path / name, name) for name in "abcd"]
    threads = [
        threading.Thread(target=push, args=(model, tmp_path / "pushed"))
        for model in models
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = push_destination.versions(str(tmp_path / "pushed"))
    contents = [files_of(pushed.folder) for pushed in found]
    assert sorted(map(str, contents)) == sorted(str(files_of(m)) for m in models)


def test_folder_without_a_model_or_a_number_is_no_version(tmp_path):
    (tmp_path / "17").mkdir()
    write_model(tmp_path / "newest")
    write_model(tmp_path / "5")
    write_model(tmp_path / "12")
    found = [pushed.version for pushed in push_destination.versions(str(tmp_path))]
    assert found == ["5", "12"]
    assert push_destination.latest(str(tmp_path)).record() is None


def test_repeated_run_finds_the_same_comparison_and_a_changed_one_does_not(tmp_path):
    destination = str(tmp_path / "pushed")
    ask = push_destination.compared_with
    assert ask(destination, "config a", "data") == ""
    record = RECORD.replace(config_digest="config a", data_digest="data")
    first = component.push(str(write_model(tmp_path / "a", "a")), destination, record)
    assert ask(destination, "config a", "data") == ""
    assert ask(destination, "config b", "data") == first.version
    assert ask(destination, "config a", "more data") == first.version
    record = record.replace(
        config_digest="config b",
        model_digest="b" * 16,
        baseline_version=first.version,
    )
    second = component.push(str(write_model(tmp_path / "b", "b")), destination, record)
    assert ask(destination, "config b", "data") == first.version
    assert ask(destination, "config a", "data") == second.version


def artifact(kind, folder, **properties):
    made = kind()
    made.uri = str(folder)
    for name, value in properties.items():
        if isinstance(value, int):
            made.set_int_custom_property(name, value)
        else:
            made.set_string_custom_property(name, value)
    return made


def run_component(folder, blessed):
    write_model(folder / "candidate" / "Format-Serving")
    pushed = artifact(standard_artifacts.PushedModel, folder / "artifact")
    (folder / "artifact").mkdir()
    component.Pusher.test_call(
        model=artifact(standard_artifacts.Model, folder / "candidate"),
        baseline=artifact(
            standard_artifacts.Model,
            folder / "baseline",
            **{VERSION: "7"},
        ),
        blessing=artifact(
            standard_artifacts.ModelBlessing, folder / "blessing", blessed=blessed
        ),
        pushed_model=pushed,
        destination=str(folder / "pushed"),
        config_digest="c" * 16,
        data_digest="d" * 16,
    )
    return pushed


def test_component_pushes_a_blessed_model_and_says_where_it_comes_from(tmp_path):
    pushed = run_component(tmp_path, blessed=1)
    latest = push_destination.latest(str(tmp_path / "pushed"))
    assert pushed.get_int_custom_property("pushed") == 1
    assert pushed.get_string_custom_property("pushed_version") == latest.version
    assert pushed.get_string_custom_property("pushed_destination") == latest.folder
    assert pushed.get_string_custom_property("spec_hash") == SPEC.content_hash
    assert latest.record().baseline_version == "7"
    assert latest.record().config_digest == "c" * 16
    assert files_of(pushed.uri) == files_of(latest.folder)


def test_component_pushes_nothing_without_a_blessing(tmp_path):
    pushed = run_component(tmp_path, blessed=0)
    assert pushed.get_int_custom_property("pushed") == 0
    assert not (tmp_path / "pushed").exists()

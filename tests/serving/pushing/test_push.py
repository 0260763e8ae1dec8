import gzip
import os
import pathlib
import shutil
import signal
import threading

import pytest
import tensorflow as tf

from serving.common.errors import ServingError
from serving.common.weights_digest import weights_digest
from serving.pushing import destination as destinations
from serving.pushing import push as pushing
from serving.pushing import rollback
from serving.pushing.destination import MANIFEST
from serving.pushing.run_folders import RunFolders
from tests.support.manifests import row
from tests.support.pushing import RECORD, SPEC, files_of, write_model
from transform.common import storage
from transform.records.manifest import Manifest


def push(model, destination, digest=None):
    digest = digest or weights_digest(model)
    record = RECORD.replace(weights_digest=digest)
    return pushing.push(str(model), str(destination), record)


def test_push_gives_each_model_a_higher_number(tmp_path):
    first = push(write_model(tmp_path / "a", "a"), tmp_path / "pushed")
    second = push(write_model(tmp_path / "b", "b"), tmp_path / "pushed")
    assert int(second.version) > int(first.version)
    assert destinations.versions(str(tmp_path / "pushed")) == [first, second]
    assert files_of(first.folder) == files_of(tmp_path / "a")
    assert files_of(second.folder) == files_of(tmp_path / "b")


def test_a_clock_that_went_backwards_gives_a_higher_number_all_the_same(tmp_path):
    first = push(write_model(tmp_path / "a", "a"), tmp_path / "pushed")
    future = tmp_path / "pushed" / "99999999999"
    pathlib.Path(first.folder).rename(future)
    second = push(write_model(tmp_path / "b", "b"), tmp_path / "pushed")
    assert second.version == "100000000000"


def test_pushing_the_latest_model_again_copies_nothing(tmp_path):
    model = write_model(tmp_path / "a")
    first = push(model, tmp_path / "pushed")
    assert push(model, tmp_path / "pushed") == first
    assert destinations.versions(str(tmp_path / "pushed")) == [first]


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
    assert record.weights_digest == weights_digest(pushed.folder)


def push_with_records(folder, destination):
    model = write_model(folder / "a")
    record = RECORD.replace(weights_digest=weights_digest(model))
    run = RunFolders(records=str(folder / "records"))
    return pushing.push(str(model), destination, record, run)


def test_manifest_is_kept_and_goes_with_a_version_that_is_served_again(tmp_path):
    destination = str(tmp_path / "pushed")
    Manifest([row("a", "train")]).write(str(tmp_path / "records"))
    first = push_with_records(tmp_path, destination)
    second = push(write_model(tmp_path / "b", "b"), destination)
    rollback.roll_back(destination, "it is worse")
    third = destinations.latest(destination)
    kept = []
    for version in (first, third):
        kept.append(pathlib.Path(version.folder, MANIFEST).read_bytes())
    assert kept[0] == kept[1]
    text = (tmp_path / "records" / Manifest.TEXT_FILE).read_bytes()
    assert gzip.decompress(kept[0]) == text
    assert not pathlib.Path(second.folder, MANIFEST).exists()


@pytest.mark.parametrize("store", ["", "ram:/"])  # in memory it is as in buckets
def test_a_push_that_cannot_keep_the_manifest_leaves_no_version(tmp_path, store):
    destination = f"{store}{tmp_path}/pushed"
    with pytest.raises(tf.errors.NotFoundError, match=Manifest.TEXT_FILE):
        push_with_records(tmp_path, destination)
    assert destinations.versions(destination) == []
    Manifest([row("a", "train")]).write(str(tmp_path / "records"))
    pushed = push_with_records(tmp_path, destination)
    assert destinations.versions(destination) == [pushed]


def slow_copy(copied: threading.Event, go_on: threading.Event):
    """`storage.copy_folder`, which stops after its first file."""

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
    monkeypatch.setattr(storage, "copy_folder", slow_copy(copied, go_on))
    model, destination = write_model(tmp_path / "a"), tmp_path / "pushed"
    pushing = threading.Thread(target=push, args=(model, destination))
    pushing.start()
    try:
        assert copied.wait(60)
        assert not [p for p in destination.iterdir() if p.name.isdecimal()]
        assert destinations.latest(str(destination)) is None
    finally:
        go_on.set()
        pushing.join()
    assert files_of(destinations.latest(str(destination)).folder) == files_of(model)


def test_push_killed_while_copying_leaves_no_version_and_the_next_one_works(
    tmp_path, monkeypatch
):
    model, destination = write_model(tmp_path / "a"), tmp_path / "pushed"
    started, told = os.pipe()
    child = os.fork()
    if child == 0:  # copies one file, says so and is killed
        copied, never = threading.Event(), threading.Event()
        copied.set = lambda: os.write(told, b"1")
        storage.copy_folder = slow_copy(copied, never)
        push(model, destination)
        os._exit(1)
    try:
        assert os.read(started, 1) == b"1"
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(started)
        os.close(told)
    assert sorted(p.name[:9] for p in destination.iterdir()) == [".incoming", ".lease"]
    pushed = push(model, destination)
    names = sorted(path.name for path in destination.iterdir())
    assert names == [".lease", pushed.version]
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
    found = destinations.versions(str(tmp_path / "pushed"))
    contents = [files_of(pushed.folder) for pushed in found]
    assert sorted(map(str, contents)) == sorted(str(files_of(m)) for m in models)


# What a push does to the disk, each of which it may be killed before.
WRITES = [
    (tf.io.gfile, "copy"),
    (tf.io.gfile, "makedirs"),
    (tf.io.gfile, "remove"),
    (tf.io.gfile, "rename"),
    (os, "fsync"),
    (os, "rename"),
]


def killed_before(number, model, destination):
    """Pushes in a process that kills itself before a write; says whether it did."""
    child = os.fork()
    if child == 0:
        left = [number]

        def counted(write):
            def call(*arguments, **options):
                left[0] -= 1
                if left[0] < 0:
                    os.kill(os.getpid(), signal.SIGKILL)
                return write(*arguments, **options)

            return call

        for module, name in WRITES:
            setattr(module, name, counted(getattr(module, name)))
        push(model, destination)
        os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


@pytest.mark.parametrize(
    "points",
    [
        pytest.param(range(0, 100, 6), id="some"),
        pytest.param(range(100), id="all", marks=pytest.mark.slow),
    ],
)
def test_a_push_killed_before_any_write_leaves_a_whole_model_served(tmp_path, points):
    old, new = write_model(tmp_path / "a", "a"), write_model(tmp_path / "b", "b")
    destination = tmp_path / "pushed"
    first = push(old, destination)
    served = old
    kills = 0
    for number in points:
        killed = killed_before(number, new, destination)
        kills += killed
        found = files_of(destinations.latest(str(destination)).folder)
        assert found in (files_of(served), files_of(new))
        if found == files_of(new) or not killed:
            break
    assert kills >= 3
    second = push(new, destination)
    assert files_of(second.folder) == files_of(new)
    assert destinations.versions(str(destination)) == [first, second]
    names = {path.name for path in destination.iterdir()}
    assert names == {".lease", first.version, second.version}


def test_after_the_last_number_there_is_none(tmp_path):
    first = push(write_model(tmp_path / "a", "a"), tmp_path / "pushed")
    pathlib.Path(first.folder).rename(tmp_path / "pushed" / str(2**63 - 1))
    with pytest.raises(ServingError, match=r"after which no number is left: rename it"):
        push(write_model(tmp_path / "b", "b"), tmp_path / "pushed")
    assert storage.names_in(str(tmp_path / "pushed")) == [".lease", str(2**63 - 1)]

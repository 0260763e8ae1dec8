import os
import time

import pytest
import tensorflow as tf

from transform.common import filesystems, storage
from transform.common.location import LocationError


def test_file_is_replaced_whole(tmp_path):
    path = str(tmp_path / "new" / "file")
    storage.write(path, b"first")
    storage.write(path, b"second")
    assert (tmp_path / "new" / "file").read_bytes() == b"second"
    assert storage.names_in(str(tmp_path / "new")) == ["file"]


def test_a_bare_name_lies_in_the_current_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    storage.write("a.json", b"{}")
    assert (tmp_path / "a.json").read_bytes() == b"{}"


def test_writer_that_fails_leaves_the_old_file_and_no_other(tmp_path):
    path = tmp_path / "file"
    storage.write(str(path), b"old")
    with pytest.raises(ZeroDivisionError), storage.replacing(str(path)) as temporary:
        with open(temporary, "w") as file:
            file.write("half")
        raise ZeroDivisionError
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]


def test_local_file_is_not_copied(tmp_path):
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"x")
    with storage.local_copy(str(path)) as copy:
        assert copy == str(path)


def test_remote_file_is_copied_for_the_time_of_the_block():
    uri = f"ram://test-storage-{os.getpid()}/clip.mp4"
    with tf.io.gfile.GFile(uri, "wb") as file:
        file.write(b"frames")
    with storage.local_copy(uri) as copy:
        assert os.path.basename(copy) == "clip.mp4"
        with open(copy, "rb") as file:
            assert file.read() == b"frames"
    assert not os.path.exists(copy)


@pytest.mark.parametrize("uri", ["/nowhere/clip.mp4", "ram://nowhere/clip.mp4"])
def test_missing_file_is_named(uri):
    with pytest.raises(FileNotFoundError, match=uri), storage.local_copy(uri):
        pass


def test_a_bucket_that_does_not_answer_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(filesystems, "ANSWER_SECONDS", 0.05)
    monkeypatch.setattr(tf.io.gfile, "stat", lambda place: time.sleep(1))
    with (
        pytest.raises(LocationError, match="has not answered"),
        storage.local_copy("ram://nowhere/clip.mp4"),
    ):
        pass


def test_what_is_not_there_is_empty_and_removed_already(tmp_path):
    assert storage.names_in(str(tmp_path / "absent")) == []
    storage.remove(str(tmp_path / "absent"))


@pytest.mark.parametrize("folder", ["minio://bucket/models", "{file}"])
def test_what_cannot_be_listed_is_not_taken_for_empty(tmp_path, folder):
    (tmp_path / "file").touch()
    with pytest.raises(LocationError, match="cannot read"):
        storage.names_in(folder.format(file=tmp_path / "file"))

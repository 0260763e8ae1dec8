import errno
import os

import pytest

from transform.common import outputs
from transform.common.errors import KinescribeError
from transform.common.failures import OutputError


def test_a_place_that_can_be_written_is_made_and_left_empty(tmp_path):
    assert outputs.require_folder(tmp_path / "a" / "b") == str(tmp_path / "a" / "b")
    assert outputs.require_file(tmp_path / "c" / "d.json").name == "d.json"
    assert sorted(os.listdir(tmp_path)) == ["a", "c"]
    assert os.listdir(tmp_path / "a" / "b") == os.listdir(tmp_path / "c") == []
    outputs.require_folder("ram://out/a")


def test_a_bare_name_lies_here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    outputs.require_file("a.json")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("place", "why"),
    [
        ("file", "another name"),
        ("file/x", "a file stands"),
        ("loop/x", "leads back"),
        ("x" * 300, "shorter"),
        ("a\0b", "null"),
        ("nosuch://bucket/x", "tensorflow-io"),
    ],
)
def test_a_place_that_cannot_is_told_with_the_reason(place, why, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(OutputError, match=why):
        outputs.require_folder(place)
    with pytest.raises(OutputError, match=why):
        outputs.require_file(f"{place}/scores.json")
    with pytest.raises(OutputError, match="is a folder"):
        outputs.require_file(tmp_path)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_a_disk_that_takes_nothing_is_told(number, tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("builtins.open", refuse)
    with pytest.raises(OutputError, match=f"{tmp_path}: {os.strerror(number)}"):
        outputs.require_folder(tmp_path)


def test_a_file_is_written_whole_with_any_name(tmp_path, monkeypatch):
    for name in ("caf\udce9 [1]", "x" * 255, "in/a"):
        outputs.write(tmp_path / name, "é")
        assert (tmp_path / name).read_bytes() == "é".encode()
    outputs.write("ram://written/a", b"x")
    monkeypatch.setattr("os.replace", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        outputs.write(tmp_path / "in" / "a", b"half")
    assert (tmp_path / "in" / "a").read_text() == "é"
    assert os.listdir(tmp_path / "in") == ["a"]


def test_what_cannot_be_written_is_one_sentence(tmp_path):
    for name, why in (("", "another name"), ("a\0", "null"), ("x" * 256, "shorter")):
        with pytest.raises(OutputError, match=f"cannot be written: .*{why}"):
            outputs.write(tmp_path / name, b"")
    with pytest.raises(OutputError, match="is not UTF-8"):
        outputs.write(tmp_path / "a", "\udce9")


def test_some_places_have_to_be_on_this_machine():
    assert outputs.require_here("file:///a") == "/a"
    with pytest.raises(KinescribeError, match="gs://b/x does not lie on this machine"):
        outputs.require_here("gs://b/x")


def test_what_tensorflow_takes_for_a_pattern_is_refused(tmp_path, monkeypatch):
    assert outputs.refuse_patterns("gs://b/root é (v2)") == "gs://b/root é (v2)"
    for place in ("runs [exp1]", "gs://b/x*", "a?"):
        with pytest.raises(KinescribeError, match="takes for a pattern"):
            outputs.refuse_patterns(place)
    (tmp_path / "x[1]").mkdir()
    monkeypatch.chdir(tmp_path / "x[1]")
    with pytest.raises(KinescribeError, match=r"has \[ in its name"):
        outputs.refuse_patterns("root")

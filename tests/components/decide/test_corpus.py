import os

import pytest

from components.decide import corpus
from components.decide.corpus import Stamps, read_clips
from transform.datasets import CsvTable
from transform.records.feature_store import clip_hash
from transform.schema import FeatureSpec, Flow, FrameSampling, Imported

SPEC = FeatureSpec(sampling=FrameSampling(frames=2, window=3), features=(Flow(size=8),))


@pytest.fixture
def source(tmp_path):
    for name in "ab":
        (tmp_path / f"{name}.mp4").write_bytes(name.encode())
    return annotate(tmp_path, "a,a.mp4,train,x y", "b,b.mp4,test,z", "c,c.mp4,val,z")


def annotate(folder, *lines):
    path = folder / "clips.csv"
    path.write_text("\n".join(["id,video,split,caption", *lines]))
    return CsvTable(file=str(path))


@pytest.fixture
def reads(monkeypatch):
    """The files that were read."""
    found = []

    def read(uri, start, end):
        found.append(os.path.basename(uri))
        return clip_hash(uri, start, end)

    monkeypatch.setattr(corpus, "_read", read)
    return found


def test_clips_are_known_by_split_content_and_captions(source, tmp_path):
    stamps = Stamps(str(tmp_path / "stamps.json"))
    clips = read_clips(source, SPEC, stamps)
    assert {name: split for name, (split, _, _) in clips.items()} == {
        "a": "train",
        "b": "test",
        "c": "val",
    }
    assert clips["a"][1] == clip_hash(str(tmp_path / "a.mp4"))
    assert clips["c"][1] == ""  # its file is missing
    assert clips["b"][2] == clips["c"][2] != clips["a"][2]


def test_unchanged_files_are_not_read_again(source, tmp_path, reads):
    path = tmp_path / "stamps.json"
    first = read_clips(source, SPEC, Stamps(str(path)))
    assert sorted(reads) == ["a.mp4", "b.mp4"]
    written = path.stat().st_mtime_ns
    assert read_clips(source, SPEC, Stamps(str(path))) == first
    assert sorted(reads) == ["a.mp4", "b.mp4"]
    assert path.stat().st_mtime_ns == written


def test_a_new_time_alone_is_no_change(source, tmp_path, reads):
    path = str(tmp_path / "stamps.json")
    first = read_clips(source, SPEC, Stamps(path))
    os.utime(tmp_path / "a.mp4", (1, 1))
    assert read_clips(source, SPEC, Stamps(path)) == first
    assert sorted(reads) == ["a.mp4", "a.mp4", "b.mp4"]
    (tmp_path / "a.mp4").write_bytes(b"c")
    assert read_clips(source, SPEC, Stamps(path)) != first


def test_imported_features_count_by_their_files(source, tmp_path):
    feature = Imported.from_dict(
        {
            "kind": "imported",
            "name": "image",
            "shape": [4],
            "max_steps": 4,
            "files": {"kind": "npy", "file": f"{tmp_path}/{{video_id}}.npy"},
        }
    )
    spec = SPEC.replace(features=(feature,))
    (tmp_path / "a.npy").write_bytes(b"1")
    stamps = Stamps(str(tmp_path / "stamps.json"))
    first = read_clips(source, spec, stamps)
    assert first["b"][1] == ""
    (tmp_path / "a.npy").write_bytes(b"23")
    assert read_clips(source, spec, stamps)["a"] != first["a"]

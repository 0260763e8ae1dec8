"""Annotations, lists of splits and clips may lie in buckets, beside paths."""

import json

import pytest
import tensorflow as tf

from tests.transform.datasets.test_any_input import OTHER, SOURCES, VALID, Source
from transform import datasets
from transform.datasets.video_files import VideoFiles


def write(path, text):
    with tf.io.gfile.GFile(path, "w") as file:
        file.write(text)


@pytest.mark.parametrize("kind", SOURCES)
def test_annotations_in_a_bucket_name_clips_in_it(kind):
    folder = f"ram://{kind.replace('_', '-')}/corpus [1]"
    write(f"{folder}/file", VALID.get(kind, VALID["msrvtt"]))
    write(f"{folder}/other", OTHER.get(kind, "x"))
    text = json.dumps({"kind": kind.split("_")[0], **SOURCES[kind]})
    text = text.replace("FILE", f"{folder}/file").replace("OTHER", f"{folder}/other")
    records = datasets.read(Source.from_dict({"it": json.loads(text)}).it)
    assert records
    assert all(record.uri.startswith(f"{folder}/") for record in records)


@pytest.mark.parametrize(
    ("kind", "row"),
    [
        ("csv", "id,video,split,caption\na,{},test,b\n"),
        ("jsonl", '{{"id": "a", "video": "{}", "split": "test", "captions": []}}'),
    ],
)
def test_clips_of_one_table_lie_wherever_they_say(kind, row, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", "/home/ann")
    for video, uri in {
        "gs://bucket//a.mp4": "gs://bucket//a.mp4",
        "file:///clips/a.mp4": "/clips/a.mp4",
        "~/a.mp4": "/home/ann/a.mp4",
        "b/a.mp4": f"{tmp_path}/b/a.mp4",
    }.items():
        (tmp_path / "table").write_text(row.format(video))
        source = {"it": {"kind": kind, "file": str(tmp_path / "table")}}
        [record] = datasets.read(Source.from_dict(source).it)
        assert record.uri == uri


def test_a_folder_of_videos_may_be_in_another_bucket(tmp_path, monkeypatch):
    monkeypatch.setattr(VideoFiles, "_names", frozenset())  # no network is asked
    (tmp_path / "train.json").write_text(VALID["vatex"])
    source = {
        "kind": "vatex",
        "files": {"train": str(tmp_path / "train.json")},
        "videos": "s3://clips/vatex",
    }
    [record] = datasets.read(Source.from_dict({"it": source}).it)
    assert record.uri == "s3://clips/vatex/ab-_000012_000022.mp4"

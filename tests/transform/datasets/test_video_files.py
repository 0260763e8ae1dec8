import json

import pytest
import tensorflow as tf

from transform.common.location import Location
from transform.datasets import Vatex
from transform.datasets.video_files import VideoFiles

CLIPS = {
    "-aaaaaaaaaa_000000_000010": ".mp4",
    "bbbbbbbbbbb_000000_000010": ".MP4",
    "ccccccccccc_000000_000010": ".mkv",
    "ddddddddddd_000000_000010": ".webm",
}


@pytest.mark.parametrize("folder", ["FOLDER/videos [1]", "ram://corpus/videos [1]"])
def test_downloads_of_several_endings_are_found(folder, tmp_path):
    folder = folder.replace("FOLDER", str(tmp_path))
    tf.io.gfile.makedirs(folder)
    for stem, ending in CLIPS.items():
        for name in (stem + ending, f"{stem}.json", f"{stem}{ending}.part"):
            with tf.io.gfile.GFile(f"{folder}/{name}", "w") as file:
                file.write("x")
    files = VideoFiles(Location(folder), ".mp4")
    found = {stem: files.find(stem) for stem in CLIPS}
    assert found == {s: f"{folder}/{s}{ending}" for s, ending in CLIPS.items()}


def test_the_usual_ending_comes_first_and_stands_for_what_is_not_there(tmp_path):
    for name in ("a.webm", "a.avi", "b.webm", "b.mkv"):
        (tmp_path / name).touch()
    files = VideoFiles(Location(tmp_path), ".avi")
    assert files.find("a") == f"{tmp_path}/a.avi"
    assert files.find("b") == f"{tmp_path}/b.mkv"
    assert files.find("c") == f"{tmp_path}/c.avi"
    assert VideoFiles(Location("absent"), ".avi").find("c") == "absent/c.avi"


def test_a_dataset_finds_them(tmp_path):
    (tmp_path / "videos").mkdir()
    for stem, ending in CLIPS.items():
        (tmp_path / "videos" / (stem + ending)).touch()
    entries = [{"videoID": stem, "enCap": ["a cat"]} for stem in CLIPS]
    (tmp_path / "train.json").write_text(json.dumps(entries))
    records = Vatex(files={"train": str(tmp_path / "train.json")}).read()
    assert all(tf.io.gfile.exists(record.uri) for record in records)

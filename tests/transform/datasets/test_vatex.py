import json
import pathlib

import pytest

from transform import datasets
from transform.datasets import AnnotationError, Vatex

ID = "Ptf_2VRj-V0_000122_000132"
ENTRY = {"videoID": ID, "enCap": ["A man is running.", "He runs."], "chCap": ["跑"]}


def _source(folder: pathlib.Path, **splits) -> Vatex:
    files = {}
    for split, entries in splits.items():
        path = folder / f"{split}.json"
        path.write_text(json.dumps(entries))
        files[split] = str(path)
    return Vatex(files=files)


def test_english_captions_of_every_split_are_read(tmp_path) -> None:
    other = "-abc_def_00_000000_000010"
    source = _source(tmp_path, train=[ENTRY], test=[{"videoID": other}])
    first, second = datasets.read(source)
    assert first == datasets.VideoRecord(
        ID,
        str(tmp_path / "videos" / f"{ID}.mp4"),
        "train",
        ("A man is running.", "He runs."),
        "",
        None,  # the clip is cut as its name says
        None,
    )
    assert (second.video_id, second.split, second.captions) == (other, "test", ())


def test_whole_videos_are_cut_as_the_clips_are_called(tmp_path) -> None:
    source = _source(tmp_path, train=[ENTRY, {**ENTRY, "videoID": "a_b_000000_000009"}])
    first, second = source.override({"layout": {"kind": "whole"}}).read()
    assert first.video_id == ID
    assert first.uri == str(tmp_path / "videos" / "Ptf_2VRj-V0.mp4")
    assert (first.start, first.end) == (122.0, 132.0)
    assert (second.start, second.end) == (0.0, 9.0)
    assert second.uri.endswith("/a_b.mp4")


@pytest.mark.parametrize(
    ("splits", "sentence"),
    [
        ({"train": {}}, r"train\.json must hold a list of videos"),
        ({"train": []}, r"no video is listed in .*train\.json"),
        (
            {"train": [ENTRY], "val": [ENTRY]},
            r"val\.json, entry 0: video .* is there twice; the first is at .*train\.js",
        ),
        (
            {"train": [{**ENTRY, "videoID": "Ptf_122_132"}]},
            r"entry 0: videoID 'Ptf_122_132' is not of the form",
        ),
        ({"train": [{"videoID": ID}]}, r"entry 0: key 'enCap' is missing"),
        ({"val": [{"videoID": ID, "enCap": [3]}]}, r"'enCap' must hold strings, not 3"),
        ({"val": [{"videoID": ID, "enCap": []}]}, r"the val split has no caption"),
    ],
)
def test_mistakes_are_one_sentence_with_their_place(tmp_path, splits, sentence) -> None:
    with pytest.raises(AnnotationError, match=sentence):
        _source(tmp_path, **splits).read()

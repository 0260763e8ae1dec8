import json
import pathlib

import pytest

from transform import datasets
from transform.datasets import ActivityNet, AnnotationError

VIDEO = {
    "duration": 82.73,
    "timestamps": [[0.83, 19.86], [17.37, 60.81]],
    "sentences": [" A woman talks. ", "She goes on."],
}


def _source(folder: pathlib.Path, settings=None, **splits) -> ActivityNet:
    files: dict = {}
    for split, contents in splits.items():
        files[split] = []
        for number, content in enumerate(contents):
            path = folder / f"{split}_{number + 1}.json"
            path.write_text(json.dumps(content))
            files[split].append(str(path))
    return ActivityNet.from_dict({"files": files, **(settings or {})})


def test_each_segment_is_a_clip(tmp_path) -> None:
    source = _source(tmp_path, train=[{"v_abc": VIDEO}])
    first, second = datasets.read(source)
    assert first == datasets.VideoRecord(
        "v_abc_0.83_19.86",
        str(tmp_path / "videos" / "v_abc.mp4"),
        "train",
        ("A woman talks.",),
        "",
        0.83,
        19.86,
    )
    assert (second.uri, second.start, second.end) == (first.uri, 17.37, 60.81)


def test_validation_files_are_merged_where_segments_are_the_same(tmp_path) -> None:
    other = {
        "duration": 82.73,
        "timestamps": [[0.8301, 19.8599], [30, 99]],
        "sentences": ["Somebody speaks.", "The end."],
    }
    source = _source(tmp_path, val=[{"v_abc": VIDEO}, {"v_abc": other}])
    first, second, third = source.read()
    assert first.captions == ("A woman talks.", "Somebody speaks.")
    assert second.captions == ("She goes on.",)
    assert (third.start, third.end) == (30, 82.73)  # not beyond the video


def test_backward_segments_are_left_out_where_that_is_said(tmp_path) -> None:
    video = {**VIDEO, "timestamps": [[19.86, 0.83], [17.37, 60.81]]}
    settings = {"backwards": {"kind": "leave_out"}}
    [record] = _source(tmp_path, settings, test=[{"v_abc": video}]).read()
    assert record.captions == ("She goes on.",)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ([], r"train_1\.json must hold an object with a key for each video"),
        ({}, r"no video is listed in .*train_1\.json"),
        ({"": VIDEO}, r"the video's id is empty"),
        ({"v": []}, r"v: an object with the key 'duration' is expected, not \[\]"),
        ({"v": {**VIDEO, "duration": "1"}}, r"v: '1' is no number of seconds"),
        ({"v": {**VIDEO, "sentences": ["x"]}}, r"2 timestamps do not go with 1 sent"),
        ({"v": {**VIDEO, "sentences": ["x", 3]}}, r"segment 1: 3 is no sentence"),
        ({"v": {**VIDEO, "sentences": ["x", " "]}}, r"'v_17\.37_60\.81' of the train"),
        (
            {"v": {**VIDEO, "timestamps": [[1, 2], [3]]}},
            r"v, segment 1: its timestamps must be \[start, end\], not \[3\]",
        ),
        (
            {"v": {**VIDEO, "timestamps": [[1, 2], [3, None]]}},
            r"segment 1: None is no number of seconds",
        ),
        (
            {"v": {**VIDEO, "timestamps": [[1, 2], [5, 3]]}},
            r"segment 1: the segment from 5 to 3 s does not end after it begins; `ba",
        ),
        (
            {"v": {**VIDEO, "timestamps": [[1, 2], [90, 99]]}},
            r"segment 1: the segment from 82\.73 to 82\.73 s does not end after",
        ),
    ],
)
def test_mistakes_are_one_sentence_with_their_place(
    tmp_path, content, sentence
) -> None:
    with pytest.raises(AnnotationError, match=sentence):
        _source(tmp_path, train=[content]).read()


def test_a_segment_in_two_splits_is_refused(tmp_path) -> None:
    source = _source(tmp_path, train=[{"v": VIDEO}], val=[{"v": VIDEO}])
    with pytest.raises(AnnotationError, match=r"video 'v_0\.83_19\.86' is there twice"):
        source.read()

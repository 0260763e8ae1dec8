import json
import pathlib

import pytest

from tests.support.paths import SHARED
from transform import datasets
from transform.datasets import AnnotationError, Msrvtt

REAL = SHARED / "captions"


def _video(number: int, split: str = "train", **changes) -> dict:
    return {
        "video_id": f"video{number}",
        "category": 3,
        "split": split,
        "start time": 12.0,
        "end time": 20.0,
        "url": "https://example.org/watch",
        "id": number,
        **changes,
    }


def _sentence(number: int, caption: str) -> dict:
    return {"video_id": f"video{number}", "caption": caption, "sen_id": 0}


def _source(folder: pathlib.Path, *, name: str = "a.json", **data) -> Msrvtt:
    (folder / name).write_text(json.dumps(data))
    return Msrvtt(files=(str(folder / name),))


def test_clips_sentences_splits_and_categories_are_joined(tmp_path) -> None:
    source = _source(
        tmp_path,
        videos=[_video(0), _video(7, "validate", category=0), _video(2, "test")],
        sentences=[
            _sentence(7, "a man sings"),
            _sentence(0, " a ball\n rolls "),
            _sentence(7, "  "),
            _sentence(0, "a ball moves"),
        ],
    )
    first, second, third = datasets.read(source)
    assert first == datasets.VideoRecord(
        video_id="video0",
        uri=str(tmp_path / "videos" / "video0.mp4"),
        split="train",
        captions=("a ball rolls", "a ball moves"),
        category="sports/actions",
        start=None,  # the clip is distributed cut
        end=None,
    )
    assert (second.split, second.category, second.captions) == (
        "val",
        "music",
        ("a man sings",),
    )
    assert (third.split, third.captions) == ("test", ())


def test_the_official_train_val_and_test_files_are_read_together(tmp_path) -> None:
    first = _source(tmp_path, videos=[_video(0)], sentences=[_sentence(0, "a dog")])
    second = _source(
        tmp_path,
        name="b.json",
        videos=[_video(1, "test", category="animals")],
        sentences=[_sentence(1, "a cat")],
    )
    both = Msrvtt(files=first.files + second.files, videos="../clips", extension=".avi")
    records = both.read()
    assert [record.video_id for record in records] == ["video0", "video1"]
    assert records[1].uri == str(tmp_path / ".." / "clips" / "video1.avi")
    assert records[1].category == "animals"


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ({"videos": []}, r"a\.json: key 'sentences' is missing\.$"),
        ({"sentences": []}, r"a\.json: key 'videos' is missing\.$"),
        (
            {"videos": [_video(0, "holdout")], "sentences": []},
            r"videos\[0\]: split 'holdout' is unknown; it must be train, val or test",
        ),
        (
            {"videos": [_video(0), _video(0)], "sentences": []},
            r"videos\[1\]: video 'video0' is there twice; the first is at .*videos\[0",
        ),
        (
            {"videos": [_video(0)], "sentences": [_sentence(4, "x")]},
            r"sentences\[0\]: the caption belongs to video 'video4', which is not",
        ),
        (
            {"videos": [_video(0)], "sentences": []},
            r"videos\[0\]: video 'video0' of the train split has no caption",
        ),
        (
            {"videos": [_video(0, category=20)], "sentences": []},
            r"videos\[0\]: category 20 is not one of the 20 categories",
        ),
        (
            {"videos": [{"split": "train"}], "sentences": []},
            r"videos\[0\]: key 'video_id' is missing",
        ),
        (
            {"videos": [_video(0, video_id=5)], "sentences": []},
            r"videos\[0\]: 'video_id' must be a string, not 5",
        ),
        (
            {"videos": ["video0"], "sentences": []},
            r"videos\[0\]: an object with the key 'video_id' is expected, not 'video0'",
        ),
        ({"videos": [], "sentences": []}, r"no video is listed in .*a\.json\.$"),
    ],
)
def test_mistakes_are_one_sentence_with_their_place(tmp_path, data, sentence) -> None:
    with pytest.raises(AnnotationError, match=sentence):
        _source(tmp_path, **data).read()


def test_broken_json_is_located(tmp_path) -> None:
    path = tmp_path / "a.json"
    path.write_text('{"videos": [\n  {"video_id": }\n]}')
    with pytest.raises(AnnotationError, match=r"a\.json, line 2, column 16: not valid"):
        Msrvtt(files=(str(path),)).read()


def test_unreadable_files_are_named(tmp_path) -> None:
    with pytest.raises(AnnotationError, match=r"cannot read .*a\.json: No such file"):
        Msrvtt(files=(str(tmp_path / "a.json"),)).read()
    (tmp_path / "b.json").write_bytes(b'{"a": "\xff"}')
    with pytest.raises(AnnotationError, match=r"b\.json: it is not UTF-8 text: byte 7"):
        Msrvtt(files=(str(tmp_path / "b.json"),)).read()
    with pytest.raises(AnnotationError, match="which name no file"):
        Msrvtt(files=()).read()


def test_a_byte_order_mark_is_no_mistake(tmp_path) -> None:
    source = _source(tmp_path, videos=[_video(0)], sentences=[_sentence(0, "a dog")])
    path = pathlib.Path(source.files[0])
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert len(source.read()) == 1


@pytest.mark.skipif(
    not REAL.is_dir(), reason="real annotations (../shared/data/captions) are absent"
)
def test_a_real_file_is_read_whole() -> None:
    records = Msrvtt(files=(str(REAL / "msvd_val_in_msrvtt_format.json"),)).read()
    assert len(records) == 100
    assert {record.split for record in records} == {"val"}
    assert sum(len(record.captions) for record in records) == 3200
    assert records[0].captions[0] == "a man is filling up a bag with meat"

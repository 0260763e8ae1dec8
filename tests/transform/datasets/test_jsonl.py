import json
import pathlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from transform import datasets
from transform.common.config import Config, ConfigError
from transform.datasets import AnnotationError, Jsonl

CHARACTERS = st.characters(codec="utf-8", exclude_characters="\0")
ROW = {"id": "a", "video": "a.mp4", "split": "train", "captions": ["a dog runs"]}


def _source(folder: pathlib.Path, *rows: dict | str) -> Jsonl:
    path = folder / "clips.jsonl"
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    path.write_text("\n".join(lines), encoding="utf-8")
    return Jsonl(file=str(path))


def test_rows_become_records(tmp_path) -> None:
    source = _source(
        tmp_path,
        {**ROW, "category": "animals", "start": 1, "end": 2.5},
        "",
        {**ROW, "id": "b", "video": "/data/b.mp4", "split": "test", "captions": []},
    )
    first, second = datasets.read(source)
    assert first == datasets.VideoRecord(
        "a", str(tmp_path / "a.mp4"), "train", ("a dog runs",), "animals", 1.0, 2.5
    )
    assert second == datasets.VideoRecord(
        "b", "/data/b.mp4", "test", (), "", None, None
    )


def test_further_keys_become_labels_where_they_are_named(tmp_path) -> None:
    source = _source(
        tmp_path,
        {**ROW, "source": " phone ", "tags": ["indoor", "night"], "year": 2020},
        {**ROW, "id": "b", "source": None, "tags": []},
    )
    first, second = source.replace(labels=("source", "tags", "year")).read()
    assert first.labels == ("source=phone", "tags=indoor", "tags=night", "year=2020")
    assert second.labels == ()
    with pytest.raises(AnnotationError, match="unknown key year"):
        source.replace(labels=("source", "tags")).read()
    nested = _source(tmp_path, {**ROW, "source": {"device": "phone"}})
    with pytest.raises(AnnotationError, match="line 1: label 'source' must be text"):
        nested.replace(labels=("source",)).read()


@pytest.mark.parametrize(
    ("labels", "sentence"),
    [
        (["category"], "'category' has a meaning of its own"),
        (["a=b"], "'a=b' cannot be the name of a label"),
        (["source", "source"], "labels must differ"),
    ],
)
def test_labels_have_names_of_their_own(labels, sentence) -> None:
    with pytest.raises(ConfigError, match=sentence):
        Jsonl.from_dict({"kind": "jsonl", "file": "clips.jsonl", "labels": labels})


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ("{", r"line 2, column 2: not valid JSON"),
        ("[3]", r"line 2: a JSON object is expected, not \[3\]\."),
        ({**ROW, "split": "dev"}, r"line 2: split 'dev' is unknown"),
        (ROW, r"line 2: video 'a' is there twice; the first is at .*line 1"),
        ({**ROW, "id": ""}, r"line 2: the video's id is empty"),
        ({**ROW, "id": 3}, r"line 2: id = 3 is wrong: str type expected"),
        ({**ROW, "id": "b", "captions": []}, r"line 2: video 'b' of the train split"),
        ({**ROW, "id": "b", "captions": ["", " "]}, r"line 2: video 'b' of the train"),
        ({**ROW, "captions": "a dog"}, r"line 2: captions = 'a dog' is wrong"),
        ({**ROW, "capions": []}, r"unknown key capions \(did you mean captions\?\)"),
        ({"id": "b"}, r"line 2: keys split, captions are missing"),
        ({**ROW, "start": -1}, r"line 2: start = -1 is wrong"),
        (
            {**ROW, "id": "b", "start": 5, "end": 5},
            r"line 2: video 'b' ends at 5 s, before it begins",
        ),
    ],
)
def test_mistakes_are_one_sentence_with_their_line(tmp_path, row, sentence) -> None:
    with pytest.raises(AnnotationError, match=sentence) as caught:
        _source(tmp_path, ROW, row).read()
    assert str(tmp_path / "clips.jsonl") in str(caught.value)


def test_an_empty_file_lists_no_video(tmp_path) -> None:
    with pytest.raises(AnnotationError, match=r"no video is listed in .*clips\.jsonl"):
        _source(tmp_path).read()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(
    captions=st.dictionaries(
        st.text(CHARACTERS, min_size=1),
        st.lists(st.text(CHARACTERS), max_size=3),
        min_size=1,
        max_size=4,
    )
)
def test_any_text_survives_but_for_its_spacing(tmp_path, captions) -> None:
    rows = [
        json.dumps(
            {"id": key, "video": "v.mp4", "split": "test", "captions": values},
            ensure_ascii=False,
        )
        for key, values in captions.items()
    ]
    records = _source(tmp_path, *rows).read()
    assert {record.video_id: record.captions for record in records} == {
        key: tuple(" ".join(value.split()) for value in values if value.split())
        for key, values in captions.items()
    }


class _Settings(Config):
    source: datasets.AnnotationSource


def test_kind_chooses_the_format() -> None:
    chosen = _Settings.from_dict({"source": {"kind": "jsonl", "file": "a.jsonl"}})
    assert chosen.source == Jsonl(file="a.jsonl")
    with pytest.raises(ConfigError, match=r"'nope' \(allowed values: 'jsonl', 'csv"):
        _Settings.from_dict({"source": {"kind": "nope"}})

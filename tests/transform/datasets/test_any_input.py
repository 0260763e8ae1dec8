"""Whatever stands in an annotation file, it is read or refused in one sentence."""

import json
import pathlib
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from transform import datasets
from transform.common.config import Config
from transform.datasets import AnnotationError


class Source(Config):
    it: datasets.AnnotationSource


FILES = {"train": "FILE"}
SOURCES: dict[str, dict[str, Any]] = {
    "jsonl": {"file": "FILE"},
    "csv": {"file": "FILE"},
    "msrvtt": {"files": ["FILE"]},
    "msrvtt_by_number": {"files": ["FILE"], "splits": {"kind": "by_number"}},
    "msrvtt_held_out": {"files": ["FILE"], "splits": {"kind": "held_out", "test": 1}},
    "msrvtt_lists": {
        "files": ["FILE"],
        "splits": {"kind": "lists", "files": {"train": "OTHER"}},
    },
    "msvd_csv": {"captions": {"kind": "csv", "file": "FILE"}, "mapping": "OTHER"},
    "msvd_sentences": {
        "captions": {"kind": "sentences", "file": "FILE"},
        "mapping": "OTHER",
    },
    "vatex": {"files": FILES, "layout": {"kind": "whole"}},
    "mvad": {"files": FILES},
    "activitynet": {"files": {"train": ["FILE"]}},
}
VALID = {
    "jsonl": '{"id": "a", "video": "b", "split": "train", "captions": ["c"], "end": 1}',
    "csv": 'id,video,split,caption,start,end\na,b,train,"a, dog",1,2\n',
    "msrvtt": json.dumps(
        {
            "videos": [
                {"video_id": f"video{n}", "split": "train", "category": 1}
                for n in range(2)
            ],
            "sentences": [{"video_id": f"video{n}", "caption": "c"} for n in range(2)],
        }
    ),
    "msvd_csv": "VideoID,Start,End,Language,Description\na,0,1,English,c\n",
    "msvd_sentences": "vid1\ta dog\n",
    "vatex": '[{"videoID": "ab-_000012_000022", "enCap": ["c"]}]',
    "mvad": "MOVIE_DVS1\tc\n",
    "activitynet": '{"v": {"duration": 9, "timestamps": [[1, 2]], "sentences": ["c"]}}',
}
OTHER = {
    "msrvtt_lists": "video0\n",
    "msvd_csv": "a_0_1 vid1",
    "msvd_sentences": "b vid1",
}
KEYS = st.sampled_from(
    "id video split captions caption category start end videos sentences video_id "
    "videoID enCap duration timestamps v_1".split()
)
TREES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["train", "video1", "ab_000001_000002", "c", "", "\ud800", "\0"])
    | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(KEYS | st.text(max_size=3), inner, max_size=5)
    ),
    max_leaves=12,
)
PLAIN = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    max_examples=60,
    deadline=None,
)


def read(kind: str, folder: pathlib.Path, content: bytes) -> list:
    """The records, all of which a later stage can take; or an empty list."""
    (folder / "file").write_bytes(content)
    (folder / "other").write_text(OTHER.get(kind, ""))
    text = json.dumps({"kind": kind.split("_")[0], **SOURCES[kind]})
    text = text.replace("FILE", str(folder / "file"))
    text = text.replace("OTHER", str(folder / "other"))
    try:
        records = datasets.read(Source.from_dict({"it": json.loads(text)}).it)
    except AnnotationError as error:
        assert str(error).endswith(".")
        return []
    assert len({record.video_id for record in records}) == len(records) > 0
    for record in records:
        for part in (record.video_id, record.uri, record.category, *record.captions):
            assert "\0" not in part
            part.encode()
        assert record.captions or record.split == "test"
        assert record.end is None or (record.start or 0) < record.end < 1e308
    return records


@pytest.mark.parametrize("kind", SOURCES)
def test_valid_files_are_read(kind, tmp_path):
    valid = VALID.get(kind, VALID["msrvtt"])
    assert read(kind, tmp_path, valid.encode())


@pytest.mark.parametrize("kind", SOURCES)
@PLAIN
@given(data=st.data())
def test_damaged_files_are_read_or_refused(kind, tmp_path, data):
    content = bytearray(VALID.get(kind, VALID["msrvtt"]).encode())
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(content)))
        length = data.draw(st.integers(0, 4))
        content[place : place + length] = data.draw(st.binary(max_size=4))
    read(kind, tmp_path, bytes(content))


@pytest.mark.parametrize("kind", [kind for kind in SOURCES if "msvd" not in kind])
@PLAIN
@given(tree=TREES)
def test_any_json_is_read_or_refused(kind, tmp_path, tree):
    read(kind, tmp_path, json.dumps(tree).encode())


@pytest.mark.parametrize("kind", ["jsonl", "msrvtt", "vatex", "activitynet"])
def test_json_without_an_end_to_its_depth_is_refused(kind, tmp_path):
    assert read(kind, tmp_path, b"[" * 200_000) == []

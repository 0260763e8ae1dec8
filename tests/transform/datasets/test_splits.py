import collections
import json
import pathlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transform.common.config import ConfigError
from transform.datasets import (
    AnnotationError,
    ByNumber,
    HeldOut,
    Lists,
    Msrvtt,
    VideoRecord,
)
from transform.datasets.splits import Listed


def corpus(folder: pathlib.Path, **settings) -> list[VideoRecord]:
    """MSR-VTT in its official order and split, with a caption a clip."""
    files = []
    for name, numbers in (("train_val", range(7010)), ("test", range(7010, 10000))):
        videos = [
            {
                "video_id": f"video{number}",
                "split": "train"
                if number < 6513
                else "validate"
                if number < 7010
                else "test",
                "category": 3,
            }
            for number in numbers
        ]
        sentences = [{"video_id": f"video{n}", "caption": "a dog"} for n in numbers]
        path = folder / f"{name}_videodatainfo.json"
        path.write_text(json.dumps({"videos": videos, "sentences": sentences}))
        files.append(str(path))
    return Msrvtt.from_dict({"files": files, **settings}).read()


def sizes(records: list[VideoRecord]) -> dict[str, int]:
    return dict(collections.Counter(record.split for record in records))


def test_splits_have_the_papers_sizes(tmp_path) -> None:
    official = corpus(tmp_path)
    assert sizes(official) == {"train": 6513, "val": 497, "test": 2990}
    contiguous = corpus(tmp_path, splits={"kind": "by_number"})
    assert sizes(contiguous) == {"train": 6512, "val": 498, "test": 2990}
    by_id = {record.video_id: record for record in contiguous}
    assert by_id["video6511"].split == "train"
    assert by_id["video6512"].split == "val"
    held_out = corpus(tmp_path, splits={"kind": "held_out"})
    assert sizes(held_out) == {"train": 5513, "val": 497, "test": 1000}
    by_id = {record.video_id: record for record in held_out}
    assert by_id["video5512"].split == "train"
    assert by_id["video5513"].split == by_id["video6512"].split == "test"
    assert "video7010" not in by_id


def test_lists_of_ids_choose_the_clips(tmp_path) -> None:
    for name, ids in (("train", (7, 9999)), ("val", (0,)), ("test", (6513, 1))):
        text = "".join(f"video{number}\n" for number in ids)
        (tmp_path / f"{name}.txt").write_text(text + "\n")
    files = {name: str(tmp_path / f"{name}.txt") for name in ("train", "val", "test")}
    records = corpus(tmp_path, splits={"kind": "lists", "files": files})
    assert {record.video_id: record.split for record in records} == {
        "video0": "val",
        "video1": "test",
        "video7": "train",
        "video6513": "test",
        "video9999": "train",
    }


def test_a_file_of_test_clips_may_have_no_sentences(tmp_path) -> None:
    path = tmp_path / "test_videodatainfo_2017.json"
    videos = [{"video_id": "video10000", "split": "test", "category": 1}]
    path.write_text(json.dumps({"videos": videos}))
    [record] = Msrvtt(files=(str(path),)).read()
    assert record.captions == ()
    videos[0]["split"] = "train"
    path.write_text(json.dumps({"videos": videos}))
    with pytest.raises(AnnotationError, match="key 'sentences' is missing"):
        Msrvtt(files=(str(path),)).read()


def listed(*names: str, split: str | None = "train") -> list[Listed]:
    return [Listed(name, split, f"a.json, videos[{i}]") for i, name in enumerate(names)]


def test_mistakes_are_one_sentence(tmp_path) -> None:
    with pytest.raises(
        AnnotationError, match=r"\[0\]: clip outside9 lies|outside9 lies"
    ):
        ByNumber(train=3, val=3, test=3).assign(listed("outside9"))
    with pytest.raises(AnnotationError, match=r"which are of 1 to 9\."):
        ByNumber(train=3, val=3, test=3, first=1).assign(listed("clip0"))
    with pytest.raises(AnnotationError, match="'clip' does not end in a number"):
        ByNumber().assign(listed("clip"))
    with pytest.raises(AnnotationError, match="holds out 2 training clips, but only 2"):
        HeldOut(test=2).assign(listed("clip0", "clip1"))
    with pytest.raises(AnnotationError, match=r"videos\[0\]: key 'split' is missing"):
        HeldOut(test=2).assign(listed("clip0", split=None))
    (tmp_path / "a.txt").write_text("clip0\nclip7\n")
    files = {"train": str(tmp_path / "a.txt")}
    with pytest.raises(AnnotationError, match=r"a\.txt, line 2: no annotation file l"):
        Lists(files=files).assign(listed("clip0"))
    files["val"] = files["train"]
    with pytest.raises(AnnotationError, match=r"line 1: .*'clip0' is in the train sp"):
        Lists(files=files).assign(listed("clip0", "clip7"))
    with pytest.raises(ConfigError, match="allowed values: 'official', 'by_number'"):
        Msrvtt.from_dict({"files": ["a"], "splits": {"kind": "random"}})


@given(
    numbers=st.sets(st.integers(0, 10**6), min_size=2, max_size=60),
    test=st.integers(1, 59),
)
def test_held_out_clips_are_the_last_and_as_many_as_asked_for(numbers, test) -> None:
    clips = listed(*(f"video{number}" for number in numbers))
    if test >= len(numbers):
        with pytest.raises(AnnotationError, match="holds out"):
            HeldOut(test=test).assign(clips)
        return
    splits = HeldOut(test=test).assign(clips)
    held_out = {int(name[5:]) for name, split in splits.items() if split == "test"}
    assert held_out == set(sorted(numbers)[-test:])
    assert len(splits) == len(numbers)


@given(number=st.integers(0, 60), parts=st.tuples(*3 * [st.integers(0, 20)]))
def test_contiguous_parts_do_not_overlap(number, parts) -> None:
    train, val, test = parts
    rule = ByNumber(train=train, val=val, test=test)
    [clip] = listed(f"video{number}")
    if number >= sum(parts):
        with pytest.raises(AnnotationError, match="outside the splits"):
            rule.assign([clip])
        return
    expected = ["train"] * train + ["val"] * val + ["test"] * test
    assert rule.assign([clip]) == {clip.video_id: expected[number]}

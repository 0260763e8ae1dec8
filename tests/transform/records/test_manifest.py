import csv

import pytest

from transform.datasets import VideoRecord
from transform.jobs import shared_records
from transform.jobs.extraction_job import Found
from transform.records.manifest import Manifest, ManifestError, ManifestRow
from transform.video.video_info import VideoInfo

OK = VideoInfo("ok", "", 60, 0, 30.0, 2.0, 160, 120, 0, "h264", "yuv420p", "aac")


def row(video_id, info=OK, split="train"):
    clip = VideoRecord(video_id, f"clips/{video_id}.mp4", split, ("a ball rolls",))
    return ManifestRow.of(clip, info, "ab" * 16)


def rows(usable, reasons=()):
    bad = [row(f"bad{i}", VideoInfo.failed(reason)) for i, reason in enumerate(reasons)]
    return [row(f"good{i}") for i in range(usable)] + bad


def test_rows_stand_by_id_whatever_order_they_came_in():
    found = rows(12, ["no picture"])
    assert Manifest(found[::-1]).rows == Manifest(found).rows
    assert [r.video_id for r in Manifest(found).rows][:3] == ["bad0", "good0", "good1"]


def test_counts_name_every_status():
    manifest = Manifest(
        [
            row("a"),
            row("b", OK._replace(status="short")),
            row("c", VideoInfo.failed("gone")),
        ]
    )
    assert manifest.counts() == {"ok": 1, "short": 1, "repaired": 0, "failed": 1}
    assert manifest.coverage() == "2 of 3 clips"


def test_coverage_has_thousands_apart():
    assert Manifest(rows(2871, ["gone"] * 119)).coverage() == "2,871 of 2,990 clips"


def test_split_without_a_usable_clip_is_none():
    manifest = Manifest(
        [row("a", split="test"), row("b"), row("c", VideoInfo.failed("x"), split="val")]
    )
    assert manifest.splits() == ["train", "test"]


def test_a_split_whose_clips_all_failed_is_one_sentence():
    gone = VideoInfo.failed("there is no such file")
    lost = [row("b", gone, "test"), row("c", VideoInfo.failed("empty"), "test")]
    with pytest.raises(ManifestError) as raised:
        Manifest([row("a"), *lost]).check_splits()
    assert str(raised.value) == (
        "no clip of split test can be used: all 2 failed, clips/b.mp4 first (there is "
        "no such file); mend those files, or give other clips the split test."
    )
    Manifest([row("a"), *lost, row("d", split="test")]).check_splits()


def test_a_job_ends_before_any_record_where_a_split_is_lost(tmp_path, monkeypatch):
    lost = row("b", VideoInfo.failed("gone"), "test")
    manifest = Manifest([row("a"), lost])
    found = Found([], manifest, None, None, None)
    monkeypatch.setattr(shared_records, "find_features", lambda *_: found)
    folders = shared_records.Folders(*(str(tmp_path / name) for name in "abcd"))
    with pytest.raises(ManifestError, match="no clip of split test"):
        shared_records.extract_shared(
            None, None, store="", folders=folders, evaluated="test", settings=None
        )
    assert not list(tmp_path.rglob("*.tfrecord"))


def test_failures_up_to_the_limit_pass():
    Manifest(rows(9, ["gone"])).check(0.1)


def test_more_failures_stop_with_the_reasons_counted_and_ids_of_clips():
    manifest = Manifest(rows(7, ["gone", "empty", "gone"]))
    with pytest.raises(ManifestError) as raised:
        manifest.check(0.29)
    assert str(raised.value) == (
        "3 of 10 clips failed, more than max_failure_ratio = 0.29 allows: 2 × gone; "
        "1 × empty; first bad0, bad1, bad2."
    )


def test_rare_reasons_are_counted_together():
    reasons = [f"reason {i}" for i in range(7)]
    last = r"reason 4; 2 for other reasons; first bad0, bad1, bad2, bad3, bad4\.$"
    with pytest.raises(ManifestError, match=last):
        Manifest(rows(1, reasons)).check(0.5)


def test_corpus_without_a_usable_clip_never_passes():
    with pytest.raises(
        ManifestError, match=r"2 of 2 clips failed, every one: 2 × gone"
    ):
        Manifest(rows(0, ["gone", "gone"])).check(1.0)


def test_manifest_comes_back_as_it_was_written(tmp_path):
    part = row("part")._replace(start=1.5, end=4.0)
    manifest = Manifest([*rows(3, ["a reason, with a comma"]), row("日本"), part])
    manifest.write(str(tmp_path))
    again = Manifest.read(str(tmp_path))
    assert again and again.rows == manifest.rows
    with open(tmp_path / "manifest.csv", newline="") as file:
        read = list(csv.DictReader(file))
    assert [entry["video_id"] for entry in read] == [r.video_id for r in manifest.rows]
    assert read[0]["reason"] == "a reason, with a comma"


def test_equal_rows_are_equal_bytes(tmp_path):
    for name, found in (("one", rows(3)), ("two", rows(3)[::-1])):
        Manifest(found).write(str(tmp_path / name))
    for file in ("manifest.csv", "manifest.parquet"):
        one, two = (tmp_path / name / file for name in ("one", "two"))
        assert one.read_bytes() == two.read_bytes()

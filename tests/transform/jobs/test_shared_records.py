"""Which files a growing corpus rewrites; what is in them is the component's test."""

import json
import os

import pytest

from tests.support.clips import write as write_clip
from transform.datasets import Jsonl, VideoRecord
from transform.jobs import shared_records
from transform.jobs.extraction_job import Found
from transform.jobs.extraction_settings import ExtractionSettings
from transform.records.dataset import ExtractedDataset
from transform.records.manifest import Manifest, ManifestRow
from transform.schema import FeatureSpec, Flow, FrameSampling
from transform.video.video_info import VideoInfo

SPEC = FeatureSpec(features=(Flow(),))
INFO = VideoInfo.failed("")._replace(status="ok", frames=9, seconds=1.0)


def found(numbers, captions=("a ball",), spec=SPEC):
    clips = [VideoRecord(f"video{n}", f"{n}.mp4", "train", captions) for n in numbers]
    rows = [ManifestRow.of(clip, INFO, f"hash{clip.video_id}") for clip in clips]
    return Found(clips, Manifest(rows), spec, None, None)


def shards(*arguments, **changes):
    listed = shared_records._shards(found(*arguments, **changes), "train")
    return {shard.path: shard for shard in listed}


def rewritten(before, after):
    """The clips in files that are new, as a share of all; clips are of one size."""
    new = sum(len(after[path].clips) for path in after.keys() - before.keys())
    return new / sum(len(shard.clips) for shard in after.values())


def test_ten_clips_more_than_a_thousand_rewrite_a_twentieth_at_most():
    assert rewritten(shards(range(1000)), shards(range(1010))) < 0.05


def test_ten_clips_less_rewrite_what_they_lay_in():
    assert 0 < rewritten(shards(range(1000)), shards(range(990))) < 0.05


@pytest.mark.parametrize(
    "changes",
    [
        {"captions": ("a cube",)},
        {"spec": SPEC.replace(features=(Flow(clip=10),))},
    ],
)
def test_what_is_in_a_file_names_it(changes):
    assert rewritten(shards(range(20)), shards(range(20), **changes)) == 1


def test_same_clips_give_the_same_files_in_the_same_order():
    forwards = list(shards(range(50)))
    assert list(shards(reversed(range(50)))) == forwards
    clips = [
        row.video_id for shard in shards(range(50)).values() for _, row in shard.clips
    ]
    assert sorted(clips) == sorted(f"video{n}" for n in range(50))


def test_records_are_found_from_any_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_clip(tmp_path / "a.mp4", 6)
    clip = {"id": "a", "video": "a.mp4", "split": "train", "captions": ["a cat"]}
    (tmp_path / "clips.jsonl").write_text(json.dumps(clip))
    sampling = FrameSampling(frames=2, window=2)
    shared_records.extract_shared(
        Jsonl(file="clips.jsonl"),
        FeatureSpec(sampling=sampling, features=(Flow(size=32),)),
        store="store",
        folders=shared_records.Folders("records", "index", "described", "evaluated"),
        evaluated="train",
        settings=ExtractionSettings(workers=1),
    )
    monkeypatch.chdir("/")
    dataset = ExtractedDataset(str(tmp_path / "index"))
    [file] = dataset.files("train")
    [row] = dataset.manifest.rows
    assert os.path.isfile(file) and dataset.path_of(row) == file

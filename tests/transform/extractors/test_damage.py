"""Whatever a file holds, the extraction goes on and says what became of the clip."""

import json
import pathlib

import numpy as np
import pytest
from PIL import Image

from tests.support import clips, corpus
from transform.datasets import Jsonl
from transform.jobs import extraction_job
from transform.jobs.extraction_settings import ExtractionSettings
from transform.records.manifest import STATUSES, Manifest, ManifestRow

SEEDS = {  # one a kind of container and codec
    "a.mp4": {"sound": "aac"},
    "b.mkv": {"sound": "libopus"},
    "c.avi": {"codec": "mpeg4", "sound": "libmp3lame"},
    "d.ts": {"sound": "aac"},
    "e.webm": {"codec": "libvpx-vp9"},
    "f.gif": {"codec": "gif", "pixel_format": "rgb8"},
}
SECONDS_A_CLIP = 20


def extract(folder: pathlib.Path, names: list[str], workers: int) -> Manifest:
    lines = [
        json.dumps({"id": name, "video": name, "split": "train", "captions": ["x"]})
        for name in names
    ]
    file = folder / "annotations.jsonl"
    file.write_text("\n".join(lines))
    return extraction_job.extract(
        Jsonl(file=str(file)),
        corpus.SPEC,
        store=str(folder / "store"),
        out=str(folder / "out"),
        settings=ExtractionSettings(workers=workers, max_failure_ratio=1),
    )


# ----------------------------------------------------------------------------- fuzzing


def damage(folder: pathlib.Path, copies: int) -> list[str]:
    """Copies of one small clip of each kind, with up to 64 bytes changed anywhere."""
    whole = folder / "whole"
    whole.mkdir()
    seeds = [clips.write(whole / name, 12, **how) for name, how in SEEDS.items()]
    names = []
    for number in range(copies):
        seed = seeds[number % len(seeds)]
        names.append(f"{number:03d}{seed.suffix}")
        clips.flip(seed, folder / names[-1], number)
    return names


def has_a_verdict(row: ManifestRow) -> bool:
    return (
        row.status in STATUSES
        and (row.status == "ok" or bool(row.reason))
        and row.usable == (row.frames > 0) == bool(row.shard)
        and bool(row.clip_hash)
        and not row.reason.startswith(("RuntimeError", "ValueError"))
    )


@pytest.mark.timeout(12 * SECONDS_A_CLIP)
def test_every_damaged_copy_has_its_row(tmp_path):
    names = damage(tmp_path, 12)
    rows = extract(tmp_path, names, workers=1).rows
    assert [row.video_id for row in rows] == names
    assert [row for row in rows if not has_a_verdict(row)] == []
    assert len({row.status for row in rows}) > 1


@pytest.mark.slow
@pytest.mark.timeout(200 * SECONDS_A_CLIP)
def test_two_hundred_damaged_copies_have_their_rows(tmp_path):
    names = damage(tmp_path, 200)
    rows = extract(tmp_path, names, workers=2).rows
    assert [row.video_id for row in rows] == names
    assert [row for row in rows if not has_a_verdict(row)] == []
    assert {row.status for row in rows} >= {"ok", "repaired", "failed"}


# ------------------------------------------------------------------------------- traps

HEVC = {"codec": "libx265", "options": {"x265-params": "log-level=none"}}
FAST = {"preset": "ultrafast"}


def write(folder: pathlib.Path) -> None:
    """One clip for each thing that has broken an extraction somewhere."""
    clips.write(folder / "one_frame.mp4", 1)
    clips.write(folder / "three_frames.mp4", 3)
    clips.write(folder / "odd_size.mp4", 8, pixel_format="yuv444p", size=(161, 121))
    clips.write(folder / "ten_bit.mp4", 8, pixel_format="yuv420p10le", **HEVC)
    clips.write(folder / "hevc.mp4", 8, **HEVC)
    clips.write(folder / "vp9.webm", 8, codec="libvpx-vp9")
    clips.write(folder / "animation.gif", 8, codec="gif", pixel_format="rgb8")
    clips.write(folder / "four_k.mp4", 4, size=(3840, 2160), options=FAST)
    gaps = [0, 10, 20, 900, 910, 2000, 2010, 2500]
    clips.write(folder / "variable_rate.mp4", 8, milliseconds=gaps)
    clips.rotate(clips.write(folder / "rotated.mov", 8), 90)
    clips.write_two_streams(folder / "two_streams.mp4")
    clips.write(folder / "garbage.mp4", 60, options={"g": "5"})
    clips.scramble(folder / "garbage.mp4", 0.5, 200)
    clips.truncate(clips.write(folder / "no_moov.mp4"), 0.4)
    clips.truncate(clips.write(folder / "cut_short.mkv"), 0.6)
    clips.write_tone(folder / "sound_only.mp4")
    clips.write_tone(folder / "sound_only.mp3", "libmp3lame")
    colours = np.random.default_rng(0).integers(0, 256, (90, 120, 3), np.uint8)
    for name in ("photograph.jpg", "picture.png", "picture.webp", "cut_short.jpg"):
        Image.fromarray(colours).save(folder / name)
    clips.truncate(folder / "cut_short.jpg", 0.6)
    (folder / "text.jpg").write_text("This is not a photograph.\n" * 100)
    (folder / "text.mp4").write_text("This is not a video.\n" * 100)
    (folder / "nothing.mp4").touch()
    (folder / "folder.mp4").mkdir()


TRAPS = {  # what the manifest must say: status, frames, (width, height), and why
    "one_frame.mp4": ("short", 1, (160, 120), "1 frame, fewer than the 4 wanted"),
    "three_frames.mp4": ("short", 3, (160, 120), "3 frames, fewer than the 4 wanted"),
    "odd_size.mp4": ("ok", 8, (161, 121), ""),
    "ten_bit.mp4": ("ok", 8, (160, 120), ""),
    "hevc.mp4": ("ok", 8, (160, 120), ""),
    "vp9.webm": ("ok", 8, (160, 120), ""),
    "animation.gif": ("ok", 8, (160, 120), ""),
    "four_k.mp4": ("ok", 4, (3840, 2160), ""),
    "variable_rate.mp4": ("ok", 8, (160, 120), ""),
    "rotated.mov": ("ok", 8, (120, 160), ""),
    "two_streams.mp4": ("ok", 30, (160, 120), ""),
    "garbage.mp4": ("repaired", None, (160, 120), "packets lost"),
    "no_moov.mp4": ("failed", 0, (0, 0), "its index (moov) is missing or damaged"),
    "cut_short.mkv": ("repaired", None, (160, 120), "packets lost"),
    "sound_only.mp4": ("failed", 0, (0, 0), "it has no video stream"),
    "sound_only.mp3": ("failed", 0, (0, 0), "it has no video stream"),
    "text.mp4": (
        "failed",
        0,
        (0, 0),
        "it is neither a video nor a photograph of a known format",
    ),
    "nothing.mp4": ("failed", 0, (0, 0), "the file is empty"),
    "folder.mp4": ("failed", 0, (0, 0), "there is no such file"),
}


@pytest.fixture(scope="module")
def trapped(tmp_path_factory) -> dict[str, ManifestRow]:
    """The manifest of one extraction over all traps, by name."""
    folder = tmp_path_factory.mktemp("traps")
    write(folder)
    return {row.video_id: row for row in extract(folder, list(TRAPS), workers=1).rows}


def test_no_trap_goes_without_a_row(trapped):
    assert trapped.keys() == TRAPS.keys()


@pytest.mark.parametrize("name", TRAPS)
def test_trap_ends_as_it_should(trapped, name):
    status, frames, size, reason = TRAPS[name]
    row = trapped[name]
    assert (row.status, (row.width, row.height)) == (status, size)
    assert reason in row.reason
    assert bool(reason) == bool(row.reason)
    assert frames in (None, row.frames)
    assert row.usable == bool(row.shard)
    assert row.packets_lost > 0 if status == "repaired" else row.packets_lost == 0

"""A corpus of real clips, good and bad, and a small specification to extract."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Mapping, Sequence

from tests.support import clips
from transform.datasets import Jsonl
from transform.schema import FeatureSpec, Flow, FrameGrid, FrameSampling, LogMel, Png

SPEC = FeatureSpec(
    sampling=FrameSampling(frames=4, window=3),
    features=(
        Flow(size=32, encoding=Png()),
        FrameGrid(
            name="grid",
            network="tiny",
            layer="grid",
            size=32,
            grid=(2, 2),
            width=64,
            weights="random",
        ),
        LogMel(max_patches=2),
    ),
)
GOOD = ("whole", "sounding", "short", "damaged", "another", "third")
BAD = {
    "missing": "there is no such file",
    "empty": "the file is empty",
    "text": "it is neither a video nor a photograph of a known format",
    "silent_picture": "it has no video stream",
    "truncated": "its index (moov) is missing or damaged, as if cut short",
}
SPLITS = {"another": "val", "third": "test", "empty": "val"}


def render(folder: pathlib.Path) -> None:
    """Writes the clips, whose file names are their ids."""
    clips.write(folder / "whole.mp4")
    clips.write(folder / "sounding.mp4", sound="aac")
    clips.write(folder / "short.mp4", 3)
    clips.write(folder / "damaged.mp4", options={"g": "5"})
    clips.scramble(folder / "damaged.mp4", 0.5, 200)
    clips.write(folder / "another.mp4", 40)
    clips.write(folder / "third.mp4", 50)
    (folder / "empty.mp4").touch()
    (folder / "text.mp4").write_text("not a video\n" * 50)
    clips.write_tone(folder / "silent_picture.mp4")
    clips.truncate(clips.write(folder / "truncated.mp4"), 0.4)


def annotate(
    folder: pathlib.Path,
    ids: Sequence[str] = (*GOOD, *BAD),
    captions: Mapping[str, list[str]] | None = None,
) -> Jsonl:
    """Writes an annotation file about some of the clips."""
    lines = []
    for video_id in ids:
        row = {
            "id": video_id,
            "video": f"{video_id}.mp4",
            "split": SPLITS.get(video_id, "train"),
            "captions": (captions or {}).get(video_id, [f"this is {video_id}"]),
            "category": "bars",
        }
        lines.append(json.dumps(row))
    path = folder / "annotations.jsonl"
    path.write_text("\n".join(lines))
    return Jsonl(file=str(path))

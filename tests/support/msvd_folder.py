"""Rendered clips laid out as MSVD is published, and settings of a tiny training."""

from __future__ import annotations

import json
import pathlib

from transform.moving_world import CorpusConfig, render_corpus

FIRST = {"train": 1, "validate": 1201, "test": 1301}  # MSVD's splits go by number

# Changes to a preset that reads one grid of frames: the features of the demo's network,
# and a model that is as small as it gets.
TINY_FEATURES = json.dumps(
    {
        "sampling": {"frames": 3, "window": 1},
        "features": [
            {
                "kind": "frame_grid",
                "name": "resnet152_grid",
                "network": "tiny",
                "layer": "grid",
                "size": 112,
                "grid": [7, 7],
                "width": 64,
            }
        ],
    }
)
TINY_RUN = {
    "features": TINY_FEATURES,
    "extraction": "{workers: 1, shards: 2}",
    "training.batch.size": "8",
    "training.plan.stages.0.epochs": "1",
    "search.width": "2",
}


def write(folder: pathlib.Path) -> pathlib.Path:
    """Renders 24 clips into a folder with MSVD's files; returns the folder."""
    rendered = render_corpus(
        CorpusConfig(train=14, val=4, test=6, references=5), folder / "all", workers=1
    )
    corpus = json.loads(rendered.annotations.read_text())
    data = folder / "msvd"
    (data / "videos").mkdir(parents=True)
    numbers = dict(FIRST)
    names = {}
    for video in corpus["videos"]:
        number = numbers[video["split"]]
        numbers[video["split"]] += 1
        clip = f"clip_{number}_0_10"
        names[video["video_id"]] = f"vid{number}", clip
        source = rendered.videos / f"{video['video_id']}.mp4"
        source.rename(data / "videos" / f"{clip}.avi")
    mapping = [f"{clip} {video}" for video, clip in names.values()]
    (data / "youtube_mapping.txt").write_text("\n".join(mapping))
    sentences = [
        f"{names[sentence['video_id']][0]}\t{sentence['caption']}"
        for sentence in corpus["sentences"]
    ]
    (data / "sentences.txt").write_text("\n".join(sentences))
    return data


def options(**changes: str) -> list[str]:
    """Returns `--set` options for a tiny run, with some of them changed."""
    settings = TINY_RUN | changes
    return [
        word for key, value in settings.items() for word in ("--set", f"{key}={value}")
    ]

"""Renders a whole corpus: clips, and annotations in MSR-VTT's own format."""

from __future__ import annotations

import functools
import json
import math
import os
import pathlib
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from transform.common import processes
from transform.common.config import Config, Field, validator
from transform.moving_world.encode import Picture, read_comment, render_clip
from transform.moving_world.language import describe
from transform.moving_world.render import frame_count
from transform.moving_world.scenes import Scene
from transform.moving_world.subsets import SUBSETS, sample_scene

RENDERER = 1  # raised by one whenever the same scene would give other frames
ANNOTATIONS = "videodatainfo.json"

_SPLITS = {"train": "train", "val": "validate", "test": "test"}  # ours → MSR-VTT's
_SEEDS_A_SPLIT = 100_000
UNUSED_SEEDS = 10**15  # from here on, no corpus ever uses a scene's seed

OnProgress = Callable[[int, int], None]


class CorpusConfig(Config):
    """Configures a corpus: the clips of each split, the subset and the seed."""

    seed: int = Field(0, ge=0, lt=10**9)
    subset: str = "mixed"
    train: int = Field(480, ge=0, le=_SEEDS_A_SPLIT)
    val: int = Field(60, ge=0, le=_SEEDS_A_SPLIT)
    test: int = Field(60, ge=0, le=_SEEDS_A_SPLIT)
    references: int = Field(10, ge=5, le=20)
    first: int = Field(0, ge=0)  # number of the first clip; the others follow
    picture: Picture = Picture()

    @validator("subset")
    def _known(cls, subset: str) -> str:
        if subset not in SUBSETS:
            raise ValueError(f"must be one of {', '.join(SUBSETS)}")
        return subset


class RenderedCorpus(NamedTuple):
    """The files of a rendered corpus, and how many were rendered."""

    videos: pathlib.Path  # a folder of <video_id>.mp4
    annotations: pathlib.Path
    rendered: int  # clips written by this call
    kept: int  # clips that existed already


class SceneClip(NamedTuple):
    """One clip to render, with everything that a worker process needs."""

    video_id: str
    split: str
    scene_seed: int
    subset: str


def clip_seed(config: CorpusConfig, split: str, index: int) -> int:
    """Returns the seed of the scene of a split's clip.

    No two splits or corpus seeds share one, a split's first clips do not depend on how
    many follow or on the other splits' sizes, and a pair (2k, 2k + 1) is never divided.
    """
    block = list(_SPLITS).index(split)
    return (len(_SPLITS) * config.seed + block) * _SEEDS_A_SPLIT + index


def clips(config: CorpusConfig) -> Iterator[SceneClip]:
    """Yields the corpus' clips: train, then val, then test."""
    number = config.first
    for split in _SPLITS:
        for index in range(getattr(config, split)):
            seed = clip_seed(config, split, index)
            yield SceneClip(f"video{number}", split, seed, config.subset)
            number += 1


def render_corpus(
    config: CorpusConfig,
    folder: str | os.PathLike[str],
    workers: int = 2,
    progress: OnProgress | None = None,
) -> RenderedCorpus:
    """Renders what is missing of a corpus and writes its annotations.

    A clip that exists with the same content is kept, whichever call rendered it, so
    that an interrupted call goes on where it stopped and a larger corpus reuses a
    smaller one. The annotations are written last.

    Args:
        config: the corpus.
        folder: gets `videos/<video_id>.mp4` and `videodatainfo.json`.
        workers: processes; they are started afresh (never forked), so a script that
            asks for more than one needs the `if __name__ == "__main__":` guard.
        progress: called with (clips done, clips in all) after every clip.
    """
    if workers < 1:
        raise ValueError(f"workers must be 1 or more; received {workers}")
    folder = pathlib.Path(folder)
    videos = folder / "videos"
    videos.mkdir(parents=True, exist_ok=True)
    todo = list(clips(config))
    rendered = 0
    work = functools.partial(_ensure, videos, config.picture)
    for done, fresh in enumerate(_map(work, todo, workers), 1):
        rendered += fresh
        if progress:
            progress(done, len(todo))
    annotations = folder / ANNOTATIONS
    partial = annotations.with_suffix(f".{os.getpid()}.partial")
    partial.write_text(json.dumps(annotate(config), indent=1) + "\n")
    os.replace(partial, annotations)
    return RenderedCorpus(videos, annotations, rendered, len(todo) - rendered)


def annotate(config: CorpusConfig) -> dict:
    """Returns the corpus in the layout of MSR-VTT's `videodatainfo` files.

    Categories are names: the main event's verb, or the diagnostic subset.
    """
    videos: list[dict] = []
    sentences: list[dict] = []
    for clip in clips(config):
        scene = sample_scene(clip.scene_seed, clip.subset)
        videos.append(
            {
                "category": scene.category,
                "url": f"moving-world://{clip.subset}/{clip.scene_seed}",
                "video_id": clip.video_id,
                "start time": 0.0,
                "end time": _seconds(scene, config.picture),
                "split": _SPLITS[clip.split],
                "id": len(videos),
            }
        )
        for caption in describe(scene, config.references):
            sentences.append(
                {
                    "caption": caption,
                    "video_id": clip.video_id,
                    "sen_id": len(sentences),
                }
            )
    info = {
        "contributor": "Kinescribe",
        "data_created": "",  # no date: the same configuration gives the same file
        "version": "1.0",
        "description": f"moving_world, subset {config.subset}, seed {config.seed}",
        "year": "",
        "config": config.to_dict(),
    }
    return {"info": info, "videos": videos, "sentences": sentences}


def _ensure(videos: pathlib.Path, picture: Picture, clip: SceneClip) -> bool:
    """Renders a clip unless its file exists; returns True if it was rendered."""
    scene = sample_scene(clip.scene_seed, clip.subset)
    path = videos / f"{clip.video_id}.mp4"
    content = f"moving_world {RENDERER} {scene.digest} {picture.digest()}"
    if path.exists() and read_comment(path) == content:
        return False
    render_clip(scene, path, picture, comment=content)
    return True


def _map(
    work: Callable[[SceneClip], bool], todo: list[SceneClip], workers: int
) -> Iterable[bool]:
    if workers == 1:
        yield from map(work, todo)
        return
    chunk = max(1, min(8, math.ceil(len(todo) / workers)))
    with processes.pool(workers) as pool:
        yield from pool.map(work, todo, chunksize=chunk)


def _seconds(scene: Scene, picture: Picture) -> float:
    return sum(frame_count(shot, picture.fps) for shot in scene.shots) / picture.fps

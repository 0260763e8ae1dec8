"""The data of a comparison: moving_world's diagnostic subsets, at a compact size.

Each subset asks for one thing that a mechanism of the papers is about, and its features
are of every kind that a row reads, from networks that cost milliseconds. What a subset
leaves to chance and to grammar is known: `bounds` measures its floor and its ceiling.
"""

from __future__ import annotations

import os
import pathlib
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from keras_models.evaluation.evaluate import best_constant, leave_one_out
from keras_models.metrics import METRICS
from keras_models.metrics.scorer import Scorer
from transform.common.config import ConfigError
from transform.datasets import Msrvtt
from transform.jobs.extraction_job import extract
from transform.jobs.extraction_settings import ExtractionSettings
from transform.moving_world import SUBSETS, CorpusConfig, render_corpus, sample_scene
from transform.moving_world.corpus import clip_seed, clips
from transform.moving_world.language import describe
from transform.moving_world.truth import DrawnClip
from transform.records.dataset import ExtractedDataset
from transform.schema import (
    Category,
    ChunkGrid,
    ChunkMap,
    Dis,
    FeatureSpec,
    Flow,
    FlowInput,
    FrameGrid,
    FrameMap,
    FrameSampling,
    KeyFrames,
    LogMel,
    PixelInput,
    Placement,
    Proposals,
    Regions,
    Strided,
    WholeClip,
)

DIAGNOSTIC = tuple(name for name in SUBSETS if name != "mixed")
REFERENCES = 10  # captions of a clip
_CLIPS_A_SUBSET = 1_000_000  # at the most: clips of two subsets share no id
_TURNS = 5  # references of a twin that are scored

_FRAMES = 80  # of a clip at the most: scenes last 6 s, at 12 frames a second
_WINDOWS = Strided(frames=8, max_steps=_FRAMES // 8 - 1)  # of 16 frames, half over half


def _tiny3d(
    name: str,
    layer: str,
    at: Placement,
    grid: tuple[int, ...] = (),
    width: int = 128,
    times: int = 1,
    pixels: PixelInput | FlowInput = PixelInput(),  # noqa: B008  (immutable)
) -> ChunkGrid:
    """A layer of `tiny3d`; of windows, a map's times stand side by side."""
    return ChunkGrid(
        name=name,
        network="tiny3d" if isinstance(pixels, PixelInput) else "tiny3d_flow",
        layer=layer,
        size=64,
        at=at,
        input=pixels,
        map_times=times,
        times="steps" if isinstance(at, WholeClip) else "join",
        grid=grid,
        width=width,
    )


_WHOLE = WholeClip(max_frames=_FRAMES)
_CELLS = FrameMap(network="tiny", layer="middle", size=112, grid=(14, 14), width=64)

COMPACT_SPEC = FeatureSpec(
    sampling=FrameSampling(frames=10, window=5),
    features=(
        Flow(size=56, max_side=56, clip=8),
        FrameGrid(
            name="tiny", network="tiny", layer="grid", size=112, grid=(7, 7), width=64
        ),
        # C3D's part in MGSA, and those of I3D's two networks in STaTS. They come before
        # whole clips, since the first of several that fit stands for a paper's feature.
        _tiny3d("tiny3d_key_frames", "fc6", KeyFrames()),
        _tiny3d("tiny3d_windows", "pool4", _WINDOWS, (4, 4), 128, times=2),
        _tiny3d(
            "tiny3d_flow",
            "pool4",
            _WINDOWS,
            (4, 4),
            128,
            times=2,
            pixels=FlowInput(algorithm=Dis(preset="quality"), clip=4.0),
        ),
        # dualAFR's levels, of whole clips
        _tiny3d("tiny3d_pool2", "pool2", _WHOLE, (16, 16), 16, times=8),
        _tiny3d("tiny3d_pool3", "pool3", _WHOLE, (8, 8), 32, times=4),
        _tiny3d("tiny3d_pool4", "pool4", _WHOLE, (4, 4), 64, times=2),
        _tiny3d("tiny3d_pool5", "pool5", _WHOLE, (2, 2), 64),
        _tiny3d("tiny3d_fc7", "fc7", _WINDOWS),
        Regions(
            name="objects", detector="tiny", size=128, select=Proposals(), source=_CELLS
        ),
        Regions(
            name="object_windows",
            detector="tiny",
            size=128,
            select=Proposals(),
            source=ChunkMap(
                network="tiny3d",
                layer="pool3",
                size=64,
                chunk=16,
                map_times=4,
                grid=(8, 8),
                width=32,
            ),
        ),
        LogMel(max_patches=6),
        Category(names=DIAGNOSTIC),
    ),
)


class Counts(NamedTuple):
    """The clips of each split of a subset; even, so that no pair is divided."""

    train: int = 160
    val: int = 40
    test: int = 40


class Bounds(NamedTuple):
    """What captions score on a subset's test clips that saw none, or all, of them."""

    constant: dict[str, float]  # the best constant caption
    twin: dict[str, float]  # captions of the pair's other clip
    person: dict[str, float]  # a reference against the others


def corpus_config(subset: str, counts: Counts, seed: int = 0) -> CorpusConfig:
    """Returns the corpus of a diagnostic subset.

    Raises:
        ConfigError: There is no such subset, or a count would divide a pair.
    """
    if subset not in DIAGNOSTIC:
        raise ConfigError(
            f"there is no diagnostic subset {subset!r}; choose of "
            f"{', '.join(DIAGNOSTIC)}."
        )
    if any(count % 2 for count in counts):
        raise ConfigError(
            f"clips come in pairs: the counts {', '.join(map(str, counts))} should all "
            "be even."
        )
    return CorpusConfig(
        seed=seed,
        subset=subset,
        references=REFERENCES,
        first=DIAGNOSTIC.index(subset) * _CLIPS_A_SUBSET,
        **counts._asdict(),
    )


def prepare(
    root: str | os.PathLike[str],
    counts: Counts = Counts(),  # noqa: B008  (immutable)
    subsets: Sequence[str] = DIAGNOSTIC,
    spec: FeatureSpec = COMPACT_SPEC,
    workers: int = 2,
    seed: int = 0,
) -> dict[str, ExtractedDataset]:
    """Renders subsets and extracts their features; what is there already is kept.

    Args:
        root: gets `<subset>/corpus`, `<subset>/records` and a store of features.
        counts: of clips.
        subsets: of `DIAGNOSTIC`.
        spec: the features.
        workers: processes.
        seed: another one is another corpus.

    Returns:
        The records of each subset.
    """
    folder = pathlib.Path(root)
    datasets = {}
    for subset in subsets:
        corpus = render_corpus(
            corpus_config(subset, counts, seed), folder / subset / "corpus", workers
        )
        records = str(folder / subset / "records")
        extract(
            Msrvtt(files=(str(corpus.annotations),)),
            spec,
            store=str(folder / "store"),
            out=records,
            settings=ExtractionSettings(workers=workers, shards=1, max_failure_ratio=0),
        )
        datasets[subset] = ExtractedDataset(records)
    return datasets


def drawn_clips(
    subsets: Iterable[str], split: str, counts: Counts, seed: int = 0
) -> dict[str, DrawnClip]:
    """Returns what is known of the clips of a split, by their ids."""
    found = {}
    for subset in subsets:
        config = corpus_config(subset, counts, seed)
        for clip in clips(config):
            if clip.split == split:
                scene = sample_scene(clip.scene_seed, subset)
                found[clip.video_id] = DrawnClip(scene, config.picture)
    return found


def bounds(subset: str, counts: Counts, seed: int = 0) -> Bounds:
    """Measures a subset's floor and ceiling, of which no clip is rendered.

    Two clips of a pair differ only in what the subset asks: a model that tells them
    not apart does about as well with the captions of either, so that on half of the
    clips it scores what the twin does.
    """
    config = corpus_config(subset, counts, seed)

    def references(split: str) -> dict[str, list[str]]:
        scenes = (
            sample_scene(clip_seed(config, split, index), subset)
            for index in range(getattr(config, split))
        )
        return {str(scene.seed): [*describe(scene, REFERENCES)] for scene in scenes}

    ours = references("test")
    scorer = Scorer(ours)
    constant = dict.fromkeys(ours, best_constant(references("train")))
    turns = [
        scorer.collect({clip: ours[str(int(clip) ^ 1)][turn] for clip in ours}).corpus()
        for turn in range(_TURNS)
    ]
    return Bounds(
        scorer.collect(constant).corpus(),
        {name: float(np.mean([scores[name] for scores in turns])) for name in METRICS},
        leave_one_out(ours),
    )

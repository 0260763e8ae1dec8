"""Drafts a run configuration that fits what a survey found and this machine."""

from __future__ import annotations

import math
import os
import re
import shutil
from collections.abc import Sequence
from typing import NamedTuple

from pipeline.catalogue import wording
from pipeline.catalogue.survey import Survey
from transform.datasets import VideoRecord
from transform.records import tokenizers

GRID = 7  # cells of a side of the network's map
WIDTH = 1280  # of EfficientNet-Lite's last map
FRAMES = 20  # of a video
FLOW_WINDOW = 7  # frames around a key frame
FLOW_SIZE = 56  # pixels: 8 of them a cell

# Measured on one core at 2.5 GHz; an estimate names no more than their order.
_SECONDS_OF_A_FRAME = 0.015  # of lite0
_SECONDS_OF_A_FLOW = 0.020  # of the frames around a key frame
_SECONDS_OF_DECODING = 0.03  # for each second of a clip
_SECONDS_OF_A_MAP = 6e-3  # of a frame's map in a training step, …
_SECONDS_OF_A_UNIT = 2e-5  # … and of it for each unit of the model
_SECONDS_OF_A_CAPTION = 4e-3  # in a training step
_SECONDS_BEFORE = 90.0  # the start of every stage


class Sizes(NamedTuple):
    """The numbers that follow from how much there is to learn from."""

    frames: int
    units: int
    embedding: int
    dropout: float
    max_words: int
    min_count: int
    tokenizer: str  # the kind
    batch: int  # clips
    captions: int  # of a clip in a batch
    epochs: int
    few: bool  # too little to learn to describe new clips


class Draft(NamedTuple):
    """A configuration as text, and what it will cost."""

    text: str
    sizes: Sizes
    minutes: float
    bytes_needed: int


def sizes(clips: Sequence[VideoRecord], photographs: bool) -> Sizes:
    """Returns sizes for the clips of all splits.

    Units grow with the captions. Few clips are seen with many of their captions at
    once, as a step costs little more for them.
    """
    train = [clip for clip in clips if clip.split == "train"]
    counts = sorted(len(clip.captions) for clip in train)
    total = sum(counts)
    texts = [text for clip in train for text in clip.captions]
    tokenizer = "characters" if wording.spaceless(texts) else "words"
    split = tokenizers.of_kind(tokenizer)
    lengths = sorted(wording.word_count(text, split) for text in texts)
    longest = lengths[min(len(lengths) - 1, int(0.97 * len(lengths)))]
    units = 128 if total < 2_000 else 256 if total < 30_000 else 512
    few = len(train) < 100
    batch = max(2, min(32, len(train) // 4))
    steps = max(1, len(train) // batch)
    middle = counts[len(counts) // 2]
    return Sizes(
        frames=1 if photographs else FRAMES,
        units=units,
        embedding=units // 2,
        dropout=0.3,
        max_words=max(8, min(30, longest + 1)),
        min_count=1 if total < 5_000 else 2 if total < 50_000 else 4,
        tokenizer=tokenizer,
        batch=batch,
        captions=max(1, min(20 if few else 5, middle)),
        epochs=max(12, min(120 if few else 40, math.ceil(3_000 / steps))),
        few=few,
    )


def draft(
    found: Survey,
    clips: Sequence[VideoRecord],
    *,
    name: str,
    corpus: str,
    root: str,
) -> Draft:
    """Drafts the configuration of a run.

    Args:
        found: What is known of the clips.
        clips: The clips, divided into splits.
        name: Of the pipeline.
        corpus: The `corpus` setting's value, as YAML.
        root: Folder for everything that the run makes.
    """
    size = sizes(clips, found.photographs)
    sound = found.sounding and not found.photographs
    bytes_needed = 2 * len(clips) * _bytes_per_clip(size, found.photographs, sound)
    remarks = [
        f"# {len(clips):,} clips, {sum(len(c.captions) for c in clips):,} captions.",
        f"# About {minutes(found, clips, size):.0f} minutes on this machine's "
        f"{os.cpu_count()} cores, and up to {bytes_needed / 1e6:,.0f} MB of disk.",
    ]
    if size.few:
        remarks.append(
            "# So few clips teach a model little about new ones: a trial of the whole "
            "path."
        )
    monitor = (
        "  # CIDEr-D of so few clips is noise: it chooses no weights and ends no run\n"
        "  validation: {monitor: rouge_l}\n"
        "  guards: {score_ratio: 0, distinct_ratio: 0, bad_endings_rise: 1}\n"
        if size.few
        else ""
    )
    text = _TEMPLATE.format(
        remarks="\n".join(remarks),
        name=name,
        root=root,
        corpus=corpus,
        features=_features(size, found.photographs, sound),
        model=_model(size, found.photographs, sound),
        monitor=monitor,
        size=size,
        longer=", min_words: 3, no_repeat_ngram: 2" if size.few else "",
        gates=_LENIENT_GATES if size.few else _GATES,
    )
    return Draft(text, size, minutes(found, clips, size), bytes_needed)


def minutes(found: Survey, clips: Sequence[VideoRecord], size: Sizes) -> float:
    """Estimates the minutes that a run takes on this machine, to within a few times."""
    cores = os.cpu_count() or 1
    each = size.frames * _SECONDS_OF_A_FRAME
    if not found.photographs:
        each += size.frames * _SECONDS_OF_A_FLOW
        each += _SECONDS_OF_DECODING * found.median_seconds
    extraction = len(clips) * each / cores
    train = sum(clip.split == "train" for clip in clips)
    step = size.captions * _SECONDS_OF_A_CAPTION  # for one clip
    step += size.frames * (_SECONDS_OF_A_MAP + size.units * _SECONDS_OF_A_UNIT)
    training = size.epochs * train * step / cores
    return (extraction + training + _SECONDS_BEFORE) / 60


def slug(text: str) -> str:
    """Returns a name for a pipeline, of small letters, digits and hyphens."""
    name = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
    return (name if name[:1].isalpha() else f"clips-{name}".strip("-"))[:63].strip("-")


def free_bytes(folder: str) -> int:
    """Returns the bytes that are free where a folder is or will be."""
    place = os.path.abspath(folder)
    while not os.path.exists(place):
        place = os.path.dirname(place)
    return shutil.disk_usage(place).free


def _bytes_per_clip(size: Sizes, photographs: bool, sound: bool) -> int:
    grid = 2 * size.frames * GRID**2 * WIDTH
    flow = 0 if photographs else size.frames * FLOW_SIZE**2 * 2 * (FLOW_WINDOW - 1) // 4
    return grid + flow + (2 * FRAMES * 96 * 64 if sound else 0)


def _features(size: Sizes, photographs: bool, sound: bool) -> str:
    if photographs:
        lines = [
            "  sampling: {frames: 1, resize: bicubic}",
            "  features:",
        ]
    else:
        lines = [
            f"  sampling: {{frames: {size.frames}, window: {FLOW_WINDOW}, "
            "resize: bicubic}",
            "  features:",
            "    # how things move: optical flow, on the grid's cells",
            f"    - {{kind: flow, size: {FLOW_SIZE}, max_side: 224, clip: 8}}",
        ]
    lines += [
        "    # what frames show: a network's map, trained on ImageNet, from a package",
        "    - kind: frame_grid",
        "      name: lite0",
        "      network: efficientnet_lite0",
        "      layer: head",
        "      size: 224",
        f"      grid: [{GRID}, {GRID}]",
        f"      width: {WIDTH}",
        "      weights: packaged",
    ]
    if sound:
        lines += [
            "    # what is heard; clips without sound have it masked",
            f"    - {{kind: log_mel, max_patches: {FRAMES}}}",
        ]
    return "\n".join(lines)


def _model(size: Sizes, photographs: bool, sound: bool) -> str:
    if photographs:
        return (
            "  variant: spatial_attention  # each word looks at cells of the picture\n"
            "  reads: {inception_resnet_v2: lite0}\n"
            "  model:\n"
            f"    decoder: {{units: {size.units}, embedding: {size.embedding}, "
            f"dropout: {size.dropout}}}"
        )
    variant = "mgsa_audio" if sound else "mgsa"
    return (
        f"  variant: {variant}  # motion says which cells of a frame are looked at\n"
        "  reads: {inception_resnet_v2: lite0}\n"
        "  model:\n"
        "    encoder: {spatial: {channels: [16, 32, 32, 32], first_stride: 2}}\n"
        f"    attentions: [{{kind: additive, units: {size.units // 2}}}]\n"
        f"    decoder: {{units: {size.units}, embedding: {size.embedding}, "
        f"dropout: {size.dropout}}}"
    )


_TEMPLATE = """\
{remarks}
# Written by `kinescribe init`; every setting is explained in docs/configuration.md.
# Try what stands here by `kinescribe check`, and start it by `kinescribe run`.
name: {name}
root: {root}  # for everything that the run makes
corpus: {corpus}
features:
{features}
vocabulary:
  min_count: {size.min_count}  # rarer words become <unk>
  tokenizer: {{kind: {size.tokenizer}}}  # how captions become words: docs/data.md
training:
{model}
  max_words: {size.max_words}  # longer captions are cut
  batch: {{kind: clips, size: {size.batch}, captions: {size.captions}}}
{monitor}\
  plan:
    stages:
      - name: cross_entropy
        objective: {{kind: cross_entropy}}
        epochs: {size.epochs}
        clip_norm: 5.0
        learning_rate: {{kind: cosine, rate: 2.0e-3, final: 2.0e-4}}
search: {{kind: beam, width: 5, n_best: 3{longer}}}
gates:  # what a model must reach to be pushed
{gates}"""

# A handful of test clips proves nothing about a model: what remains refused is one that
# says nothing or cannot be served.
_LENIENT_GATES = """\
  # So few test clips prove nothing: only a model that says nothing, or cannot be served
  # as it was evaluated, is refused. With more clips, remove these lines.
  sanity: {bad_endings: 1, repetition: 1, unknown: 1, distinct: 0}
  controls: null
  max_regression: {CIDEr-D: 10}
"""
_GATES = """\
  # how far a score may fall below the model that was pushed last, though it is sure
  max_regression: {CIDEr-D: 0.05}
"""

"""Where and when a trained row looks, held against what is known of drawn clips.

Of every attention weight whose steps and cells have a place, the largest one of each
word is looked up: does its cell show a thing that does something, and does its step lie
within an event? Beside it stands what uniform, central and random weights do.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import numpy as np

from keras_models.captioning_model import BatchCaptions
from keras_models.evaluation import attention_accuracy
from keras_models.weight_axes import NamedAxes, WeightAxes
from serving.visualization.cells import GridCells, cells_of
from serving.visualization.moments import StepPlacement, placement_of
from transform.moving_world.truth import DrawnClip
from transform.schema import FeatureSpec
from transform.schema.resize import seen_part

PLACE, TIME = "pointing game", "temporal hits"
_SAMPLES = 8  # of a mask, along each side of a cell


class Accuracy(NamedTuple):
    """How often something looks where, or when, it should: shares in [0, 1]."""

    found: float  # by the model's weights
    uniform: float
    centre: float
    random: float

    @classmethod
    def mean(cls, of_clips: Iterable[Accuracy]) -> Accuracy:
        """Returns the means over clips."""
        return cls(*np.mean(list(of_clips), axis=0).tolist())


# measure → name of the weight → clip
Figures = dict[str, dict[str, dict[str, Accuracy]]]


def figures(
    spec: FeatureSpec,
    axes: NamedAxes,
    batches: Iterable[BatchCaptions],
    clips: Mapping[str, DrawnClip],
) -> Figures:
    """Measures every weight of the best captions of known clips.

    A clip in which nothing could be told, such as one whose event lasts from beginning
    to end, has no figure.

    Args:
        spec: The features of the model.
        axes: What the model's weights are about.
        batches: Captions with their attention.
        clips: What is known of them, by id.
    """
    measured: Figures = {}
    for batch in batches:
        for row, (clip, caption) in enumerate(
            zip(batch.video_ids, batch.captions, strict=True)
        ):
            weights = {
                name: leaf[row].numpy() for name, leaf in batch.attention.items()
            }
            words = len(caption.split())
            for measure, name, accuracy in _measure(
                spec, axes, weights, words, clips[clip]
            ):
                if not math.isnan(accuracy.found):
                    of_clips = measured.setdefault(measure, {}).setdefault(name, {})
                    of_clips[clip] = accuracy
    return measured


class _Placed(NamedTuple):
    """A weight of a caption, with the seconds of its steps."""

    name: str
    about: WeightAxes
    placement: StepPlacement
    spans: np.ndarray  # (N, 2)
    values: np.ndarray  # in the order of the axes


def _measure(
    spec: FeatureSpec,
    axes: NamedAxes,
    weights: Mapping[str, np.ndarray],
    words: int,
    clip: DrawnClip,
) -> Iterator[tuple[str, str, Accuracy]]:
    placed = list(_placed(spec, axes, weights, words, clip))
    generator = np.random.default_rng(clip.scene.seed)
    for each in placed:
        if each.about.axes in {("word", "step"), ("step",)}:
            values = each.values.reshape(-1, len(each.spans))
            yield TIME, each.name, _time_accuracy(values, each.spans, clip, generator)
        elif "cell" in each.about.axes:
            cells = cells_of(*each.placement, boxes={})
            if isinstance(cells, GridCells):
                steps = _steps(each, placed)
                yield (
                    PLACE,
                    each.name,
                    _place_accuracy(each, steps, cells, clip, generator),
                )


def _placed(
    spec: FeatureSpec,
    axes: NamedAxes,
    weights: Mapping[str, np.ndarray],
    words: int,
    clip: DrawnClip,
) -> Iterator[_Placed]:
    for name, about in axes.items():
        placement = placement_of(spec, about)
        if name not in weights or placement is None:
            continue
        values = weights[name]
        if "word" in about.axes:
            values = values[:words]
        spans = placement.spans(clip.edges, spec.sampling)
        if "step" in about.axes:
            values = values.take(range(len(spans)), about.axes.index("step"))
        yield _Placed(name, about, placement, spans, values)


def _time_accuracy(
    weights: np.ndarray,
    spans: np.ndarray,
    clip: DrawnClip,
    generator: np.random.Generator,
) -> Accuracy:
    middle = attention_accuracy.centre((1, len(spans)))
    shape = weights.shape
    return Accuracy(
        *(
            attention_accuracy.temporal_hit_rate(looks, spans, clip.events)
            for looks in (
                weights,
                np.ones(shape),
                np.broadcast_to(middle, shape),
                attention_accuracy.random(shape, generator),
            )
        )
    )


def _steps(cells: _Placed, placed: Iterable[_Placed]) -> np.ndarray:
    """Returns the steps (L,) in which each word, or the encoder, looks at cells."""
    axes = cells.about.axes
    if axes == ("step", "cell"):
        return np.arange(len(cells.spans))
    if axes == ("word", "step", "cell"):
        return cells.values.sum(axis=2).argmax(axis=1)
    for other in placed:
        of_one = other.placement == cells.placement
        if of_one and other.about.axes == ("word", "step"):
            return other.values.argmax(axis=1)
    return np.full(len(cells.values), len(cells.spans) // 2)


def _place_accuracy(
    weight: _Placed,
    steps: np.ndarray,
    cells: GridCells,
    clip: DrawnClip,
    generator: np.random.Generator,
) -> Accuracy:
    values = weight.values
    if weight.about.axes == ("word", "step", "cell"):
        values = values[np.arange(len(steps)), steps]  # (L, S)
    by_step = {
        step: _coverage(clip.actors_at(float(weight.spans[step].mean())), cells)
        for step in {*steps.tolist()}
    }
    coverage = np.array([by_step[step] for step in steps.tolist()])
    coverage = coverage.reshape(len(steps), -1)  # also of no word
    centre = attention_accuracy.centre(cells.blocks)
    shape = coverage.shape
    return Accuracy(
        *(
            attention_accuracy.pointing_game(looks, coverage)
            for looks in (
                values,
                np.ones(shape),
                np.broadcast_to(centre, shape),
                attention_accuracy.random(shape, generator),
            )
        )
    )


def _coverage(mask: np.ndarray, cells: GridCells) -> np.ndarray:
    """Returns the share of each block of cells that a mask of the frame covers: (S,).

    The grid sees a part of the frame, or more than all of it.
    """
    height, width = mask.shape
    feature, ratio = cells
    top, left, bottom, right = seen_part(feature.fit, height, width, feature.size)
    rows, columns = cells.blocks

    def places(
        blocks: int, side: int, begin: float, end: float, pixels: int
    ) -> np.ndarray:
        middles = (np.arange(blocks * _SAMPLES) + 0.5) / _SAMPLES  # in blocks
        shares = begin + middles * ratio / side * (end - begin)
        return np.floor(shares * pixels).astype(int)

    y = places(rows, feature.grid[0], top, bottom, height)
    x = places(columns, feature.grid[1], left, right, width)
    inside = ((0 <= y) & (y < height))[:, None] & ((0 <= x) & (x < width))
    sampled = mask[np.clip(y, 0, height - 1)][:, np.clip(x, 0, width - 1)] & inside
    return attention_accuracy.cell_coverage(sampled, (rows, columns))

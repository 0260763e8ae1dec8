"""Collects what a model looked at in a clip: its frames, and weights at their times.

Every weight goes through one mapping. Its `WeightAxes` say what it is about, and the
feature that they name says which part of the clip a step stands for, and which part of
the frame a cell. What has no such place is left out.

A caption decides which frames are shown, and comes after the clip was decoded: so small
frames are kept of every moment that `frame_request` names.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import cv2
import numpy as np

from keras_models.weight_axes import NamedAxes
from serving.client.caption_result import CaptionResult
from serving.visualization import overlays
from serving.visualization.cells import Cells, cells_of
from serving.visualization.moments import (
    ShownFrames,
    StepPlacement,
    frames_at,
    part_middles,
    placement_of,
    step_at,
)
from transform.schema import FeatureSpec, Flow
from transform.schema.frame_placement import frame_edges
from transform.schema.resize import OwnShape, seen_part
from transform.video.frame_requests import FrameRequest
from transform.video.reader import ClipFrames
from transform.video.video_info import DecodeError

FILM_FRAMES = 8
_SIZE = 256  # pixels of a picture's width, and the most of a kept frame's long side
_ALIKE = 1e-6  # weights that differ less are equal but for rounding


class Clip(NamedTuple):
    """A captioned clip: the features that the caption came from, and its frames."""

    path: str | os.PathLike[str]
    features: Mapping[str, np.ndarray]  # by name, steps first
    boxes: Mapping[str, np.ndarray]  # of regions, as `Extraction.boxes` has them
    frames: ClipFrames  # decoded for `frame_request`


class WordFrames(NamedTuple):
    """For each word, the frame with the largest weight, or the clip's middle one.

    A word that looked nowhere has no picture.
    """

    name: str
    pictures: tuple[np.ndarray | None, ...]  # L, under heat maps of cells' weights
    spans: np.ndarray  # (L, 2) seconds that each picture stands for


class WordOptions(NamedTuple):
    """For each word, how much was taken of some options, such as a network's levels."""

    names: tuple[str, ...]  # C
    weights: np.ndarray  # (L, C)


class FilmRow(NamedTuple):
    """Pictures at even distances through the clip."""

    name: str
    pictures: tuple[np.ndarray, ...]


class StepWeights(NamedTuple):
    """Weights of steps at their times: a row a word, or a single one for the clip."""

    name: str
    spans: np.ndarray  # (N, 2) seconds
    weights: np.ndarray  # (L or 1, N)


class KeyFrame(NamedTuple):
    """The frame that the encoder starts from, and the probabilities of all steps."""

    steps: StepWeights
    picture: np.ndarray

    @property
    def chosen(self) -> int:
        """The step of the largest probability."""
        return int(self.steps.weights[0].argmax())


class ClipView(NamedTuple):
    """A captioned clip, ready to be drawn."""

    words: tuple[str, ...]  # L
    seconds: float  # the clip's length
    frames: tuple[WordFrames, ...]
    options: tuple[WordOptions, ...]
    film: tuple[FilmRow, ...]  # the clip's frames, then what belongs to them
    steps: tuple[StepWeights, ...]
    key_frames: tuple[KeyFrame, ...]
    first_pass: str | None  # the caption before the clip was read from its key frame


def frame_request(spec: FeatureSpec, axes: NamedAxes) -> FrameRequest:
    """Returns the frames of a clip among which its picture chooses.

    They are at most `MAX_FRAMES` of at most 256 × 256 pixels: 48 MiB.

    Args:
        spec: The features of the model.
        axes: What the model's weights are about.
    """
    placements = dict.fromkeys(
        placement
        for about in axes.values()
        if "step" in about.axes and (placement := placement_of(spec, about))
    )
    shown = ShownFrames(tuple(placements), FILM_FRAMES)
    return FrameRequest(_SIZE, shown, OwnShape())


def build_view(
    spec: FeatureSpec,
    axes: NamedAxes,
    result: CaptionResult,
    clip: Clip,
    first_pass: CaptionResult | None = None,
) -> ClipView:
    """Places the words and weights of a captioned clip among its frames.

    Args:
        spec: The features of the model.
        axes: What the model's weights are about.
        result: The clip's captions and their attention.
        clip: The clip, its features and its frames.
        first_pass: The clip's captions after the first of two passes.

    Raises:
        DecodeError: The clip's features have other steps than the file.
    """
    words = result.words[0]
    weights = list(_placed_weights(spec, axes, result, clip))
    decoded = _Decoded(spec, frame_request(spec, axes), clip)
    return ClipView(
        words=words,
        seconds=float(decoded.edges[-1]),
        frames=tuple(decoded.word_frames(look, len(words)) for look in _looks(weights)),
        options=tuple(_options(axes, result)),
        film=tuple(decoded.film(weights)),
        steps=tuple(
            decoded.steps(weight)
            for weight in weights
            if weight.axes == ("word", "step")
        ),
        key_frames=tuple(
            decoded.key_frame(weight) for weight in weights if weight.axes == ("step",)
        ),
        first_pass=first_pass.caption if first_pass else None,
    )


# ------------------------------------------------------------------- what is drawn


class _Weight(NamedTuple):
    """An attention weight of the best caption, or of the clip."""

    name: str
    axes: tuple[str, ...]
    placement: StepPlacement
    cells: Cells | None  # where they lie, if it is about cells
    values: np.ndarray  # in the order of `axes`, without masked steps

    def of_cells(self, word: int, step: int) -> np.ndarray:
        """Returns the (S,) weights of the cells for a word, in a step."""
        values = self.values[word] if "word" in self.axes else self.values
        return values[step] if "step" in self.axes else values


class _Look(NamedTuple):
    """A row of frames by word."""

    name: str
    steps: _Weight | None  # whose strongest step is shown; None: the clip's middle
    cells: _Weight | None  # laid over the frames


def _placed_weights(
    spec: FeatureSpec, axes: NamedAxes, result: CaptionResult, clip: Clip
) -> Iterator[_Weight]:
    """Yields the weights whose steps and cells have a place."""
    for name, about in axes.items():
        values = result.attention.get(name)
        placement = placement_of(spec, about)
        if values is None or placement is None:
            continue
        feature, ratio = placement
        stored = clip.features.get(feature.name)
        if stored is None:
            continue
        cells = cells_of(feature, ratio, clip.boxes)
        if "cell" in about.axes and cells is None:
            continue
        if "word" in about.axes:
            values = values[0, : len(result.words[0])]  # of the best caption
        if "step" in about.axes:
            steps = math.ceil(len(stored) / ratio)
            values = values.take(range(steps), about.axes.index("step"))
        yield _Weight(name, about.axes, placement, cells, values)


def _looks(weights: Sequence[_Weight]) -> Iterator[_Look]:
    """Yields the rows of frames by word, those with a strongest step first.

    Steps and cells belong together if they are of one feature and one attention, or if
    the cells are the encoder's. Where all steps count alike, none is the strongest.
    """
    maps = {weight.name: weight for weight in weights if "cell" in weight.axes}
    for weight in weights:
        if weight.axes != ("word", "step"):
            continue
        own = [
            maps.pop(name)
            for name, cells in tuple(maps.items())
            if cells.placement == weight.placement
            and ("word" not in cells.axes or _number(name) == _number(weight.name))
        ]
        if np.ptp(weight.values, axis=1).max(initial=0) < _ALIKE:
            maps |= {cells.name: cells for cells in own}
            continue
        for cells in own:
            yield _Look(_title(cells), weight, cells)
        if not own:
            yield _Look(_title(weight), weight, None)
    for cells in maps.values():
        if "word" in cells.axes:
            yield _Look(_title(cells), None, cells)


def _number(name: str) -> str:
    """Returns which attention a weight is of, as its name says: `temporal_2`."""
    number = name.rpartition("_")[2]
    return number if number.isdecimal() else "1"


def _title(weight: _Weight) -> str:
    return f"{weight.placement.feature.name}\n{weight.name}"


def _options(axes: NamedAxes, result: CaptionResult) -> Iterator[WordOptions]:
    """Yields the weights of options, with the feature that they are taken of."""
    for name, about in axes.items():
        weights = result.attention.get(name)
        if about.axes == ("word", "option") and weights is not None:
            of = f" {about.source.feature}" if about.source else ""
            names = tuple(f"{option}{of}" for option in about.options)
            yield WordOptions(names, weights[0, : len(result.words[0])])


# ------------------------------------------------------------ in the decoded frames


class _Decoded:
    """The decoded frames of a clip, by whose times weights are placed."""

    def __init__(self, spec: FeatureSpec, request: FrameRequest, clip: Clip):
        self._spec, self._clip = spec, clip
        self._info = clip.frames.info
        seconds = clip.frames.frame_seconds
        self.edges = frame_edges(seconds)
        self._frames = clip.frames.frame_sets[request].first_frames()  # (N, …)
        indices = request.placement.frame_indices(seconds, spec.sampling)
        self._indices = indices[:, 0]  # (N,) of the kept frames among the clip's

    def pictures(self, moments: np.ndarray) -> list[np.ndarray]:
        """Returns the kept frames nearest to (M,) seconds, all as wide as `_SIZE`."""
        size = (_SIZE, max(1, round(_SIZE * self._info.height / self._info.width)))
        shown = frames_at(self.edges, moments)[:, np.newaxis]  # (M, 1)
        return [
            cv2.resize(self._frames[row], size, interpolation=cv2.INTER_LINEAR)
            for row in np.abs(self._indices - shown).argmin(axis=1)
        ]

    def steps(self, weight: _Weight) -> StepWeights:
        """Returns a weight of steps with its times."""
        name = weight.placement.feature.name
        spans = self._spans(weight.placement)
        return StepWeights(name, spans, np.atleast_2d(weight.values))

    def key_frame(self, weight: _Weight) -> KeyFrame:
        """Returns the step of the largest weight with its frame."""
        steps = self.steps(weight)
        chosen = int(weight.values.argmax())
        (picture,) = self.pictures(steps.spans[[chosen]].mean(axis=1))
        return KeyFrame(steps, picture)

    def word_frames(self, look: _Look, words: int) -> WordFrames:
        """Returns the row of frames of a look."""
        if look.steps is None:
            spans = np.tile([0.0, self.edges[-1]], (words, 1))
            steps = [self._middle_step(look.cells)] * words
        else:
            steps = look.steps.values.argmax(axis=1).tolist()
            spans = self._spans(look.steps.placement)[steps]
        pictures = self.pictures(spans.mean(axis=1))
        return WordFrames(
            look.name,
            tuple(
                self._looked_at(look, word, step, picture)
                for word, (step, picture) in enumerate(
                    zip(steps, pictures, strict=True)
                )
            ),
            spans,
        )

    def _middle_step(self, cells: _Weight | None) -> int:
        """Returns the step in the clip's middle, where cells have weights by step."""
        if cells is None or "step" not in cells.axes:
            return 0
        return step_at(self._spans(cells.placement), self.edges[-1] / 2) or 0

    def _looked_at(
        self, look: _Look, word: int, step: int, picture: np.ndarray
    ) -> np.ndarray | None:
        """Returns a word's picture, under its map; None if the word looked nowhere."""
        weights = [
            each.values[word]
            for each in (look.steps, look.cells)
            if each and "word" in each.axes
        ]
        if not all(values.any() for values in weights):
            return None
        return (
            self._overlaid(picture, look.cells, word, step) if look.cells else picture
        )

    def film(self, weights: Sequence[_Weight]) -> Iterator[FilmRow]:
        """Yields the film, under the encoder's maps, and the optical flow."""
        moments = part_middles(self.edges, FILM_FRAMES)
        pictures = self.pictures(moments)
        yield FilmRow("frames", tuple(pictures))
        for weight in weights:
            if weight.axes == ("step", "cell"):
                spans = self._spans(weight.placement)
                steps = [step_at(spans, moment) for moment in moments]
                yield FilmRow(
                    _title(weight),
                    tuple(
                        picture
                        if step is None
                        else self._overlaid(picture, weight, 0, step)
                        for picture, step in zip(pictures, steps, strict=True)
                    ),
                )
        for feature in self._spec.features:
            if isinstance(feature, Flow) and feature.name in self._clip.features:
                spans = self._spans(StepPlacement(feature))
                steps = [step_at(spans, moment) or 0 for moment in moments]
                height, width = pictures[0].shape[:2]
                info = self._info
                seen = seen_part(feature.fit, info.height, info.width, feature.size)
                planes = self._clip.features[feature.name]
                yield FilmRow(
                    feature.name,
                    tuple(
                        overlays.in_frame(
                            overlays.flow_image(planes[step]), (height, width), seen
                        )
                        for step in steps
                    ),
                )

    def _overlaid(
        self, picture: np.ndarray, weight: _Weight, word: int, step: int
    ) -> np.ndarray:
        assert weight.cells is not None
        values = weight.of_cells(word, step)
        size = picture.shape[:2]
        heat = weight.cells.heat(values, step, (size[0], size[1]), self._info)
        return overlays.overlay(picture, heat)

    def _spans(self, placement: StepPlacement) -> np.ndarray:
        """Returns the (N, 2) seconds of the steps of an attention."""
        spans = placement.spans(self.edges, self._spec.sampling)
        stored = len(self._clip.features[placement.feature.name])
        if len(spans) != math.ceil(stored / placement.ratio):
            raise DecodeError(
                self._clip.path,
                f"it has {len(spans)} steps of {placement.feature.name} and its "
                f"features have {stored}; extract it again",
            )
        return spans

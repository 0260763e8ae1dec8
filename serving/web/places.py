"""Where in a clip the weights of an attention lie, as the page draws them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from keras_models.weight_axes import NamedAxes, WeightAxes
from serving.client.caption_result import CaptionResult
from serving.visualization.cells import BoxCells, GridCells, cells_of
from serving.visualization.moments import placement_of
from transform.extractors.clip_extractor import Extraction
from transform.schema import FeatureSpec
from transform.schema.frame_placement import frame_edges

_DIGITS = 4  # of a weight


def places_of(
    spec: FeatureSpec, axes: NamedAxes, extraction: Extraction
) -> dict[str, dict[str, Any]]:
    """Returns for each weight that has a place what its steps and cells are.

    Args:
        spec: The features of the model.
        axes: What the model's weights are about.
        extraction: The clip.

    Returns:
        By the weight's name: `axes`; `feature`; `spans`, (N, 2) seconds of its steps;
        and where it has cells, either `grid` or `boxes`, edges y1, x1, y2, x2 as shares
        of the frame.
    """
    found = {}
    edges = frame_edges(extraction.frames.frame_seconds)
    for name, about in axes.items():
        placement = placement_of(spec, about)
        if placement is None or placement.feature.name not in extraction.features:
            continue
        feature, ratio = placement
        cells = cells_of(feature, ratio, extraction.boxes)
        if "cell" in about.axes and cells is None:
            continue
        place: dict[str, Any] = {"axes": list(about.axes), "feature": feature.name}
        if "step" in about.axes:
            spans = placement.spans(edges, spec.sampling)
            steps = math.ceil(len(extraction.features[feature.name]) / ratio)
            if len(spans) != steps:
                continue
            place["spans"] = _rounded(spans)
        if "cell" in about.axes and isinstance(cells, GridCells):
            rows, columns = cells.blocks
            seen, covered = cells.window(extraction.info)
            place["grid"] = {
                "rows": rows,
                "columns": columns,
                "seen": _rounded(np.array(seen)),
                "covered": _rounded(np.array(covered)),
            }
        elif "cell" in about.axes and isinstance(cells, BoxCells):
            place["boxes"] = _rounded(cells.boxes)
        found[name] = place
    return found


def looked_at(
    places: dict[str, dict[str, Any]], axes: NamedAxes, result: CaptionResult
) -> dict[str, dict[str, Any]]:
    """Returns places with the weights of the best caption's words, and options.

    Args:
        places: From `places_of`, for the model that wrote the captions.
        axes: What the model's weights are about.
        result: The clip's captions and their attention.
    """
    found = {}
    for name, values in _of_best_caption(axes, result):
        about = axes[name]
        if about.axes == ("word", "option"):
            weights = {"axes": list(about.axes), "options": list(about.options)}
        elif name in places:
            weights = dict(places[name])
            if "spans" in weights:
                steps = range(len(weights["spans"]))
                values = values.take(steps, about.axes.index("step"))
        else:
            continue
        found[name] = weights | {"weights": _rounded(values)}
    return found


def _of_best_caption(
    axes: NamedAxes, result: CaptionResult
) -> Iterator[tuple[str, np.ndarray]]:
    about: WeightAxes
    for name, about in axes.items():
        values = result.attention.get(name)
        if values is None:
            continue
        if "word" in about.axes:
            values = values[0, : len(result.words[0])]
        yield name, values


def _rounded(values: np.ndarray) -> Any:
    return np.round(np.nan_to_num(values.astype(float)), _DIGITS).tolist()

"""Collects a clip's key frames and attention for `visualization.filmstrip`."""

from __future__ import annotations

import os

import cv2
import numpy as np

from serving.client.caption_result import CaptionResult
from serving.visualization.filmstrip import ClipView
from transform.extractors.clip_extractor import Extraction
from transform.schema import FeatureSpec, Flow, FrameGrid
from transform.video import reader
from transform.video.frame_requests import FrameRequest
from transform.video.reader import ClipFrames

PICTURE_SIZE = 224
_PICTURES = FrameRequest(PICTURE_SIZE)
NOTHING = np.zeros(0)


def view(
    path: str | os.PathLike[str],
    spec: FeatureSpec,
    extraction: Extraction,
    result: CaptionResult,
    start: float | None = None,
    end: float | None = None,
) -> ClipView:
    """Returns the best caption's words with the key frames and attention weights."""
    clip = reader.read_frames(path, spec.sampling, [_PICTURES], start, end)
    key_frames = _with_aspect_ratio(clip)  # (N, height, width, 3)
    steps, words = len(key_frames), result.words[0]
    temporal = result.attention.get("temporal", NOTHING)  # (K, L, T)
    flows = [feature.name for feature in spec.features if isinstance(feature, Flow)]
    return ClipView(
        key_frames=key_frames,
        words=words,
        temporal=(
            temporal[0, : len(words), :steps]
            if temporal.ndim == 3
            else np.zeros((0, steps))
        ),
        spatial=_spatial(spec, result, steps),
        flow=extraction.features[flows[0]] if flows else NOTHING,
    )


def _with_aspect_ratio(clip: ClipFrames) -> np.ndarray:
    """Returns the key frames in the clip's aspect ratio, `PICTURE_SIZE` wide."""
    frames, rows = clip.frame_sets[_PICTURES]
    height = max(1, round(PICTURE_SIZE * clip.info.height / clip.info.width))
    return np.stack(
        [
            cv2.resize(frame, (PICTURE_SIZE, height), interpolation=cv2.INTER_AREA)
            for frame in frames[rows[:, 0]]
        ]
    )


def _spatial(spec: FeatureSpec, result: CaptionResult, steps: int) -> np.ndarray:
    """Returns weights (N, rows, columns), or none if no grid has as many cells."""
    weights = result.attention.get("spatial", NOTHING)  # (T, S)
    if weights.ndim != 2:  # none, or one by word and not by clip
        return NOTHING
    for feature in spec.features:
        if isinstance(feature, FrameGrid) and feature.grid:
            rows, columns = feature.grid
            if rows * columns == weights.shape[1]:
                return weights[:steps].reshape(-1, rows, columns)
    return NOTHING

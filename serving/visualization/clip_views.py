"""Collects a clip's key frames and attention for `visualization.filmstrip`."""

from __future__ import annotations

import os
from collections.abc import Mapping

import cv2
import numpy as np

from serving.client.caption_result import CaptionResult
from serving.visualization.filmstrip import ClipView
from transform.extractors.clip_extractor import KEY_FRAME_SIZE, KEY_FRAMES, Extraction
from transform.schema import FeatureSpec, Flow, FrameGrid
from transform.video import reader
from transform.video.video_info import VideoInfo

NOTHING = np.zeros(0)


def of_extraction(
    spec: FeatureSpec, extraction: Extraction, result: CaptionResult
) -> ClipView:
    """Returns the view of a clip that was extracted with `keep_frames`."""
    if extraction.key_frames is None:
        raise ValueError("the extraction has no key frames; set keep_frames=True")
    key_frames = in_proportion(extraction.key_frames, extraction.info)
    return view(spec, key_frames, extraction.features, result)


def read_key_frames(
    path: str | os.PathLike[str],
    spec: FeatureSpec,
    start: float | None = None,
    end: float | None = None,
) -> np.ndarray:
    """Decodes a clip's key frames, for a view of features that are stored.

    Returns:
        (N, height, width, 3) uint8 in the clip's own proportions.

    Raises:
        DecodeError: Nothing of the clip can be decoded.
    """
    frames = reader.read_frames(path, spec.sampling, [KEY_FRAMES], start, end)
    return in_proportion(frames.frame_sets[KEY_FRAMES].first_frames(), frames.info)


def in_proportion(key_frames: np.ndarray, info: VideoInfo) -> np.ndarray:
    """Resizes square key frames to the clip's own proportions.

    Args:
        key_frames: (N, `KEY_FRAME_SIZE`, `KEY_FRAME_SIZE`, 3) uint8.
        info: The clip's width and height.

    Returns:
        (N, height, `KEY_FRAME_SIZE`, 3) uint8.
    """
    height = max(1, round(KEY_FRAME_SIZE * info.height / info.width))
    return np.stack(
        [
            cv2.resize(frame, (KEY_FRAME_SIZE, height), interpolation=cv2.INTER_AREA)
            for frame in key_frames
        ]
    )


def view(
    spec: FeatureSpec,
    key_frames: np.ndarray,
    features: Mapping[str, np.ndarray],
    result: CaptionResult,
) -> ClipView:
    """Returns the best caption's words with the key frames and attention weights.

    Args:
        spec: The features of the model.
        key_frames: (N, height, width, 3) uint8.
        features: The clip's features by name.
        result: The clip's captions and their attention.
    """
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
        flow=features.get(flows[0], NOTHING) if flows else NOTHING,
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

"""Draws a captioned clip: key frames, spatial attention, optical flow, words.

Images are uint8 RGB arrays (height, width, 3).
"""

from __future__ import annotations

import pathlib
from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from keras_models.training.callbacks.attention_image import (
    INK,
    PAPER,
    weight_colours,
)


class ClipView(NamedTuple):
    """One captioned clip, ready to be drawn; N key frames, L words."""

    key_frames: np.ndarray  # (N, height, width, 3) uint8
    words: Sequence[str]  # L
    temporal: np.ndarray  # (L, N) weight of each key frame for each word
    spatial: np.ndarray  # (N, rows, columns) weight of each cell, or (0,) if none
    flow: np.ndarray  # (N, size, size, 2M) uint8 planes around 128, or (0,) if none


def attention_overlay(frame: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Lays a (rows, columns) heat-map over a frame; the largest weight is warmest."""
    height, width = frame.shape[:2]
    spread = weights - weights.min()
    scaled = (255 * spread / max(spread.max(), 1e-9)).astype(np.uint8)
    smooth = cv2.resize(scaled, (width, height), interpolation=cv2.INTER_CUBIC)
    heat = cv2.cvtColor(
        cv2.applyColorMap(smooth, cv2.COLORMAP_INFERNO), cv2.COLOR_BGR2RGB
    )
    return cv2.addWeighted(frame, 0.45, heat, 0.55, 0)


def flow_image(planes: np.ndarray, full_scale: float = 40.0) -> np.ndarray:
    """Draws the mean of a (size, size, 2M) flow stack: hue is direction, depth speed.

    Args:
        planes: uint8 planes x_1, y_1, …, 128 being no motion.
        full_scale: The displacement, in quantised steps, drawn with full colour.
    """
    field = planes.astype(np.float32) - 128
    x, y = field[..., 0::2].mean(-1), field[..., 1::2].mean(-1)
    speed, angle = cv2.cartToPolar(x, y, angleInDegrees=True)
    hsv = np.stack(
        [
            angle / 2,
            np.clip(speed / full_scale, 0, 1) * 255,
            np.full_like(speed, 255),
        ],
        axis=-1,
    )
    return cv2.cvtColor(hsv.astype(np.uint8), cv2.COLOR_HSV2RGB)


def filmstrip(view: ClipView, columns: int = 8, cell: int = 132) -> np.ndarray:
    """Draws one picture of a captioned clip.

    From top to bottom: key frames, the same with spatial attention, optical flow, and
    a row a word whose blue bars are the weights of all key frames, in time.
    """
    shown = np.linspace(0, len(view.key_frames) - 1, min(columns, len(view.key_frames)))
    indexes = np.unique(shown.round().astype(int))
    rows = [("frames", [view.key_frames[i] for i in indexes])]
    if view.spatial.size:
        overlays = [
            attention_overlay(view.key_frames[i], view.spatial[i]) for i in indexes
        ]
        rows.append(("attention", overlays))
    if view.flow.size:
        rows.append(("flow", [flow_image(view.flow[i]) for i in indexes]))
    height, width = view.key_frames.shape[1:3]
    tile = (cell, max(1, round(cell * height / width)))
    left, gap, word_height = 96, 4, 22
    strip_width = len(indexes) * (cell + gap) - gap
    total_height = len(rows) * (tile[1] + gap) + 8 + len(view.words) * word_height
    canvas = Image.new("RGB", (left + strip_width, total_height), PAPER)
    draw, font = ImageDraw.Draw(canvas), ImageFont.load_default(14)
    top = 0
    for name, images in rows:
        draw.text((2, top + tile[1] // 2 - 8), name, INK, font)
        for position, image in enumerate(images):
            picture = Image.fromarray(image).resize(tile, Image.Resampling.LANCZOS)
            canvas.paste(picture, (left + position * (cell + gap), top))
        top += tile[1] + gap
    top += 8
    for word, weights in zip(view.words, view.temporal, strict=False):
        draw.text((2, top + 2), word, INK, font)
        canvas.paste(_bars(weights, strip_width, word_height - gap), (left, top))
        top += word_height
    return np.asarray(canvas)


def save(image: np.ndarray, path: str | pathlib.Path) -> None:
    """Writes an image as PNG or JPEG, as the ending of `path` says."""
    Image.fromarray(image).save(path)


def _bars(weights: np.ndarray, width: int, height: int) -> Image.Image:
    """Draws (N,) weights as cells of one row, deeper blue for more."""
    row = Image.fromarray(weight_colours(weights)[np.newaxis])
    return row.resize((width, height), Image.Resampling.NEAREST)

"""Heat maps over frames, and optical flow in colours.

Images are uint8 RGB arrays (height, width, 3).
"""

from __future__ import annotations

import cv2
import numpy as np

Box = tuple[float, float, float, float]  # edges y1, x1, y2, x2 as shares of a frame
WHOLE_FRAME: Box = (0.0, 0.0, 1.0, 1.0)


def overlay(frame: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """Lays (height, width) heat in [0, 1] over a frame: from dark to bright yellow."""
    scaled = (255 * np.clip(heat, 0, 1)).astype(np.uint8)
    colours = cv2.applyColorMap(scaled, cv2.COLORMAP_INFERNO)
    colours = cv2.cvtColor(colours, cv2.COLOR_BGR2RGB)
    return cv2.addWeighted(frame, 0.5, colours, 0.5, 0)


def grid_heat(
    weights: np.ndarray,
    size: tuple[int, int],
    seen: Box = WHOLE_FRAME,
    covered: tuple[float, float] = (1.0, 1.0),
) -> np.ndarray:
    """Spreads the weights of a grid's cells over the part of a frame that it sees.

    Args:
        weights: (rows, columns); the largest becomes 1.
        size: Height and width of the frame.
        seen: The part of the frame that the grid covers; it may be larger than the
            frame.
        covered: The shares of the grid's height and width that lie within `seen`; the
            rest of its last rows and columns is beyond.

    Returns:
        (height, width) heat in [0, 1], 0 where the grid sees nothing.
    """
    top, left, bottom, right = _pixels(seen, size)
    rows = max(1, round((bottom - top) / covered[0]))
    columns = max(1, round((right - left) / covered[1]))
    share = (weights / max(float(weights.max()), 1e-9)).astype(np.float32)
    smooth = cv2.resize(share, (columns, rows), interpolation=cv2.INTER_CUBIC)
    smooth = np.clip(smooth[: bottom - top, : right - left], 0, 1)
    return _put(smooth, np.zeros(size, np.float32), top, left)


def box_heat(
    weights: np.ndarray, boxes: np.ndarray, size: tuple[int, int]
) -> np.ndarray:
    """Fills boxes with their weights; where boxes overlap, the larger one counts.

    Args:
        weights: (R,); the largest becomes 1.
        boxes: (R, 4) edges y1, x1, y2, x2 as shares of the frame.
        size: Height and width of the frame.

    Returns:
        (height, width) heat in [0, 1], 0 outside of all boxes.
    """
    heat = np.zeros(size, np.float32)
    pixels = np.round(boxes * np.tile(size, 2)).astype(int)
    shares = weights / max(float(weights.max(initial=0)), 1e-9)
    for share, (top, left, bottom, right) in zip(shares, pixels, strict=True):
        area = heat[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)]
        np.maximum(area, share, out=area)
    return heat


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


def in_frame(square: np.ndarray, size: tuple[int, int], seen: Box) -> np.ndarray:
    """Returns a white picture of a frame's size, with a square where it was seen.

    Args:
        square: (side, side, 3) uint8.
        size: Height and width of the frame.
        seen: The part of the frame that the square shows.
    """
    top, left, bottom, right = _pixels(seen, size)
    shown = (max(1, right - left), max(1, bottom - top))
    fitted = cv2.resize(square, shown, interpolation=cv2.INTER_LINEAR)
    return _put(fitted, np.full((*size, 3), 255, np.uint8), top, left)


def _pixels(box: Box, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Returns a box's edges in pixels: top, left, bottom, right."""
    height, width = size
    top, left, bottom, right = box
    return (
        round(top * height),
        round(left * width),
        round(bottom * height),
        round(right * width),
    )


def _put(patch: np.ndarray, canvas: np.ndarray, top: int, left: int) -> np.ndarray:
    """Puts a patch on a canvas, as far as it is inside; returns the canvas."""
    height, width = canvas.shape[:2]
    rows = slice(max(top, 0), min(top + patch.shape[0], height))
    columns = slice(max(left, 0), min(left + patch.shape[1], width))
    canvas[rows, columns] = patch[
        rows.start - top : rows.stop - top,
        columns.start - left : columns.stop - left,
    ]
    return canvas

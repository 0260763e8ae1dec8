"""Renders a scene: anti-aliased sprites on a background, frame by frame."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator, Mapping

import cv2
import numpy as np

from transform.moving_world.scenes import (
    CARDS,
    COLOURS,
    HEIGHT,
    TONES,
    WIDTH,
    Background,
    Scene,
    Shot,
    Thing,
)

Size = tuple[int, int]  # width, height in pixels

_OVERSAMPLING = 4
_MARGIN = 0.25  # of background beyond each edge, for the camera to move over
_TITLES = ("EPISODE 3", "COMING UP", "THE END", "PART TWO", "NEWS")


def frames(scene: Scene, size: Size, fps: int) -> Iterator[np.ndarray]:
    """Yields the scene's (height, width, 3) uint8 RGB frames."""
    for shot in scene.shots:
        yield from shot_frames(shot, size, fps)


def frame_count(shot: Shot, fps: int) -> int:
    """Returns the number of frames of a shot, at least two."""
    return max(2, round(shot.seconds * fps))


def shot_frames(shot: Shot, size: Size, fps: int) -> Iterator[np.ndarray]:
    """Yields one shot's frames; the first is its time 0 and the last its time 1."""
    count = frame_count(shot, fps)
    for index in range(count):
        yield frame_at(shot, index / (count - 1), size)


def frame_at(shot: Shot, t: float, size: Size) -> np.ndarray:
    """Returns the (height, width, 3) uint8 RGB picture at t in [0, 1] of a shot."""
    width, height = size
    unit = min(height / HEIGHT, width / WIDTH)  # pixels per unit of the world
    corner = (width - WIDTH * unit) / 2, (height - HEIGHT * unit) / 2
    if shot.background.pattern in CARDS:
        return _card(shot.background, t, size)
    dx, dy = (offset * unit for offset in shot.camera.offset(t))
    canvas = _background(shot.background, size)
    left, top = round(_MARGIN * width), round(_MARGIN * height)
    if dx or dy:
        shift = np.array([[1, 0, dx - left], [0, 1, dy - top]], np.float32)
        picture = cv2.warpAffine(canvas, shift, size, flags=cv2.INTER_LINEAR)
    else:
        picture = canvas[top : top + height, left : left + width].copy()
    for actor in shot.actors:
        pose = actor.motion.pose(t)
        x, y = pose.x * unit + corner[0] + dx, pose.y * unit + corner[1] + dy
        _draw(picture, actor.thing, unit, x, y, pose.scale, pose.angle)
    return picture


# --------------------------------------------------------------------- sprites


def outline(shape: str) -> np.ndarray:
    """Returns the (points, 2) corners of an upright shape in the unit circle."""
    if shape == "circle":
        return _polygon(48)
    if shape == "square":
        return 1.15 * _polygon(4, turn=math.pi / 4)
    if shape == "triangle":
        return 1.1 * _polygon(3, turn=-math.pi / 2)
    if shape == "star":
        points = 1.1 * _polygon(10, turn=-math.pi / 2)
        points[1::2] *= 0.42
        return points
    if shape == "diamond":
        return np.array([(0, -1.1), (0.66, 0), (0, 1.1), (-0.66, 0)])
    if shape == "cross":
        arm = np.array([(-0.33, -0.33), (-0.33, -1.0), (0.33, -1.0)])
        quarter = np.array([(0, 1), (-1, 0)])  # turns a row vector by 90°
        turns = [np.linalg.matrix_power(quarter, k) for k in range(4)]
        return np.concatenate([arm @ turn for turn in turns])
    raise ValueError(f"no such shape; received {shape!r}")


def _polygon(corners: int, turn: float = 0.0) -> np.ndarray:
    angles = turn + 2 * math.pi * np.arange(corners) / corners
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def _marks(texture: str, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Returns the mask of a texture's dark marks, for coordinates in radii."""
    if texture == "striped":
        return np.mod(x + 0.12, 0.5) < 0.22
    if texture == "dotted":
        return (
            np.hypot(np.mod(x + 0.26, 0.52) - 0.26, np.mod(y + 0.26, 0.52) - 0.26)
            < 0.15
        )
    if texture == "checkered":
        return np.mod(np.floor(x / 0.36) + np.floor(y / 0.36), 2) < 1
    return np.zeros(np.broadcast(x, y).shape, bool)


@functools.lru_cache(maxsize=64)
def _sprite(thing: Thing, diameter: int) -> np.ndarray:
    """Returns (side, side, 4) float32: RGB times coverage, coverage in [0, 1]."""
    side = diameter + 4
    fine = side * _OVERSAMPLING
    radius = diameter / 2 * _OVERSAMPLING
    corners = np.round((outline(thing.shape) * radius + fine / 2) * 16)
    points = [corners.astype(np.int32)]
    coverage = np.zeros((fine, fine), np.uint8)
    cv2.fillPoly(coverage, points, (255,), shift=4)
    axis = ((np.arange(fine) + 0.5 - fine / 2) / radius).astype(np.float32)
    dark = np.where(_marks(thing.texture, axis[None, :], axis[:, None]), coverage, 0)
    cv2.polylines(dark, points, True, (255,), thickness=_OVERSAMPLING * 2, shift=4)
    dark = np.minimum(dark, coverage)
    covered, darkened = (
        cv2.resize(mask, (side, side), interpolation=cv2.INTER_AREA)[..., None]
        * np.float32(1 / 255)
        for mask in (coverage, dark)
    )
    colour = np.array(COLOURS[thing.colour], np.float32)
    return np.concatenate([colour * (covered - 0.7 * darkened), covered], axis=-1)


def _draw(
    picture: np.ndarray,
    thing: Thing,
    unit: float,
    x: float,
    y: float,
    scale: float,
    angle: float,
) -> None:
    """Draws a thing over the picture, its centre at (x, y) pixels."""
    exact = 2 * thing.radius * scale * unit
    diameter = max(4, round(exact))
    sprite = _sprite(thing, diameter)
    half = math.ceil(0.62 * diameter) + 3
    left, top = math.floor(x) - half, math.floor(y) - half
    zoom = exact / diameter
    a, b = zoom * math.cos(angle), zoom * math.sin(angle)
    middle = (sprite.shape[0] - 1) / 2
    cx, cy = x - left - 0.5, y - top - 0.5
    matrix = np.array(
        [
            [a, -b, cx - a * middle + b * middle],
            [b, a, cy - b * middle - a * middle],
        ]
    )
    side = 2 * half + 1
    patch = cv2.warpAffine(sprite, matrix, (side, side), flags=cv2.INTER_LINEAR)
    height, width = picture.shape[:2]
    x0, x1 = max(left, 0), min(left + side, width)
    y0, y1 = max(top, 0), min(top + side, height)
    if x0 >= x1 or y0 >= y1:
        return
    patch = patch[y0 - top : y1 - top, x0 - left : x1 - left]
    below = picture[y0:y1, x0:x1]
    mixed = patch[..., :3] + below * (1 - patch[..., 3:])
    picture[y0:y1, x0:x1] = np.clip(mixed + 0.5, 0, 255).astype(np.uint8)


# ----------------------------------------------------------------- backgrounds


@functools.lru_cache(maxsize=4)
def _background(background: Background, size: Size) -> np.ndarray:
    """Returns the read-only background with a margin of `_MARGIN` on each side."""
    width, height = size
    wide = width + 2 * round(_MARGIN * width)
    high = height + 2 * round(_MARGIN * height)
    tone = np.array(TONES[background.tone], np.float32)
    rng = np.random.default_rng(background.seed)
    canvas = np.broadcast_to(tone, (high, wide, 3)).copy()
    canvas *= np.linspace(1.06, 0.94, high, dtype=np.float32)[:, None, None]
    if background.pattern == "tiles":
        cell = max(4, height // 6)
        rows, columns = np.arange(high) // cell, np.arange(wide) // cell
        canvas += np.where((rows[:, None] + columns) % 2, 7.0, -7.0)[..., None]
    if background.floor:
        ground = round((_MARGIN + 0.82) * height)
        canvas[ground:] *= 0.78
        canvas[ground : ground + 2] *= 0.8
    if background.pattern == "clutter":
        canvas = _scatter(canvas, tone, rng, height)
    grain = rng.normal(0, 1.5, (high, wide, 1)).astype(np.float32)
    return np.clip(canvas + grain, 0, 255).astype(np.uint8)


def _scatter(
    canvas: np.ndarray, tone: np.ndarray, rng: np.random.Generator, height: int
) -> np.ndarray:
    """Scatters scraps of nearly the background's tone over it."""
    for _ in range(90):
        centre = rng.uniform((0, 0), canvas.shape[1::-1])
        corners = _polygon(rng.integers(3, 7), turn=rng.uniform(0, 6.28))
        corners = centre + corners * rng.uniform(0.02, 0.06) * height
        shade = tone + rng.normal(0, 20) + rng.normal(0, 6, 3)
        cv2.fillPoly(
            canvas,
            [np.round(corners * 16).astype(np.int32)],
            np.clip(shade, 0, 255).tolist(),
            lineType=cv2.LINE_AA,
            shift=4,
        )
    return canvas


# ----------------------------------------------------------------------- cards


def _card(background: Background, t: float, size: Size) -> np.ndarray:
    return _CARDS[background.pattern](background, t, size)


def _bars(background: Background, t: float, size: Size) -> np.ndarray:
    """Draws the grey steps of a test card."""
    del background, t
    width, height = size
    steps = (np.arange(width) * 7 // width * 36 + 20).astype(np.uint8)
    return np.broadcast_to(steps[None, :, None], (height, width, 3)).copy()


def _snow(background: Background, t: float, size: Size) -> np.ndarray:
    """Draws the snow of a detuned receiver."""
    width, height = size
    rng = np.random.default_rng((background.seed, round(t * 10_000)))
    grains = rng.integers(0, 256, (height // 3 + 1, width // 3 + 1, 1), np.uint8)
    grains = grains.repeat(3, axis=0).repeat(3, axis=1).repeat(3, axis=2)
    return np.ascontiguousarray(grains[:height, :width])


def _title(background: Background, t: float, size: Size) -> np.ndarray:
    """Draws white letters on the background's tone."""
    del t
    width, height = size
    picture = np.full((height, width, 3), TONES[background.tone], np.uint8)
    text = _TITLES[background.seed % len(_TITLES)]
    size_1, _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_DUPLEX, 1.0, 2)
    scale = 0.8 * width / size_1[0]
    (text_width, text_height), _ = cv2.getTextSize(
        text, cv2.FONT_HERSHEY_DUPLEX, scale, 2
    )
    corner = ((width - text_width) // 2, (height + text_height) // 2)
    white = (235, 235, 235)
    cv2.putText(
        picture, text, corner, cv2.FONT_HERSHEY_DUPLEX, scale, white, 2, cv2.LINE_AA
    )
    return picture


def _blank(background: Background, t: float, size: Size) -> np.ndarray:
    """Draws the background's tone alone."""
    del t
    width, height = size
    return np.full((height, width, 3), TONES[background.tone], np.uint8)


_CARDS: Mapping[str, Callable[[Background, float, Size], np.ndarray]] = {
    "bars": _bars,
    "snow": _snow,
    "title": _title,
    "blank": _blank,
}

"""Draws a `ClipView`: words over the frames they looked at, and a time axis.

Images are uint8 RGB arrays (height, width, 3).
"""

from __future__ import annotations

import io
import pathlib
from collections.abc import Iterator, Sequence
from typing import Union

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from keras_models.training.callbacks.attention_image import FULL, INK, PAPER
from serving.visualization.clip_view import (
    FILM_FRAMES,
    ClipView,
    FilmRow,
    KeyFrame,
    StepWeights,
    WordFrames,
    WordOptions,
)

Font = Union[ImageFont.FreeTypeFont, ImageFont.ImageFont]

LEFT, RIGHT = 128, 56  # pixels, for what rows are called and for their largest weight
TILE, GAP = 132, 4  # a picture's width, and what is between two
STRIP = FILM_FRAMES * (TILE + GAP) - GAP  # the width of the time axis
_LINE = 22  # the height of a line of text, and of a word's bars
_FAINT, _GREY = (232, 240, 254), (110, 114, 120)
_BLUE = tuple(FULL.tolist())
_TICKS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600)  # seconds


def filmstrip(view: ClipView) -> np.ndarray:
    """Draws one picture of a captioned clip.

    From top to bottom: the words in lines of eight, each above the frame that it looked
    at most, with a heat map where cells have weights, and above bars for what it took
    of options; frames of the clip, with what belongs to them; a time axis in seconds;
    the key frame, and the captions before and after the clip was read from it; and for
    each word, bars of the weights of steps, each as wide as its part of the clip and as
    high as its share of the word's largest, which stands on the right.
    """
    rows = [
        *_word_lines(view),
        *(_film(row) for row in view.film),
        time_axis(view.seconds),
        *(row for each in view.key_frames for row in _key_frame(each, view.seconds)),
        *_passes(view),
        *(row for each in view.steps for row in _step_bars(each, view)),
    ]
    height = sum(row.height + GAP for row in rows)
    canvas = Image.new("RGB", (LEFT + STRIP + RIGHT, height), PAPER)
    top = 0
    for row in rows:
        canvas.paste(row, (0, top))
        top += row.height + GAP
    return np.asarray(canvas)


def save(image: np.ndarray, path: str | pathlib.Path) -> None:
    """Writes an image as PNG or JPEG, as the ending of `path` says."""
    Image.fromarray(image).save(path)


def png(image: np.ndarray) -> bytes:
    """Returns an image as PNG."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return buffer.getvalue()


# --------------------------------------------------------------------- one row each


def _word_lines(view: ClipView) -> Iterator[Image.Image]:
    """Yields the words in lines, with the frames and options below each."""
    if not (view.frames or view.options):
        return
    for first in range(0, len(view.words), FILM_FRAMES):
        some = slice(first, first + FILM_FRAMES)
        yield _words(view.words[some])
        for frames in view.frames:
            yield _word_frames(frames, some)
        for options in view.options:
            yield _word_options(options, some)
        yield _row(GAP)


def _words(words: Sequence[str]) -> Image.Image:
    row = _row(_LINE)
    draw = ImageDraw.Draw(row)
    for place, word in enumerate(words):
        draw.text((_x(place) + TILE / 2, 2), word, INK, font(15), anchor="ma")
    return row


def _word_frames(frames: WordFrames, some: slice) -> Image.Image:
    row = _pictures(frames.name, frames.pictures[some], caption_height=16)
    draw = ImageDraw.Draw(row)
    for place, (begin, end) in enumerate(frames.spans[some]):
        if frames.pictures[some][place] is not None:
            middle = _x(place) + TILE / 2
            text = f"{begin:.1f} to {end:.1f} s"
            draw.text((middle, row.height - 14), text, _GREY, font(11), anchor="ma")
    return row


def _word_options(options: WordOptions, some: slice) -> Image.Image:
    """Draws a bar for each option below each word; a full one is all of it."""
    row = _row(16 * len(options.names))
    draw = ImageDraw.Draw(row)
    for line, name in enumerate(options.names):
        top = 16 * line
        draw.text((2, top), name, INK, font(12))
        for place, weights in enumerate(options.weights[some]):
            left, share = _x(place), float(weights[line])
            draw.rectangle((left, top + 2, left + TILE - 1, top + 12), _FAINT)
            if share > 0:
                right = left + max(1, round(share * TILE)) - 1
                draw.rectangle((left, top + 2, right, top + 12), _BLUE)
    return row


def _film(film: FilmRow) -> Image.Image:
    return _pictures(film.name, film.pictures)


def time_axis(seconds: float) -> Image.Image:
    """Draws the clip's seconds below bars."""
    row = _row(_LINE)
    draw = ImageDraw.Draw(row)
    draw.line((LEFT, 0, LEFT + STRIP - 1, 0), INK)
    apart = next((tick for tick in _TICKS if seconds / tick <= 12), seconds)
    for tick in np.arange(0, seconds + apart / 1000, apart):
        x = LEFT + round(tick / seconds * (STRIP - 1))
        draw.line((x, 0, x, 4), INK)
        draw.text((x, 6), f"{tick:g} s", _GREY, font(11), anchor="ma")
    return row


def _key_frame(key_frame: KeyFrame, seconds: float) -> Iterator[Image.Image]:
    """Yields the bars of all steps' probabilities, and the chosen frame below its."""
    yield bars("key frame", key_frame.steps, 0, seconds)
    begin, end = key_frame.steps.spans[key_frame.chosen]
    left, right = _at(begin, seconds), _at(end, seconds)
    picture = _resized(key_frame.picture)
    row = _row(picture.height + 2 * GAP)
    x = min(max(LEFT, (left + right - TILE) // 2), LEFT + STRIP - TILE)
    ImageDraw.Draw(row).rectangle(
        (x - GAP, 0, x + TILE + GAP - 1, row.height - 1), _BLUE
    )
    row.paste(picture, (x, GAP))
    yield row


def _passes(view: ClipView) -> Iterator[Image.Image]:
    """Yields the captions of both passes, as VRE's figure 3 names them."""
    if view.first_pass is None:
        return
    for name, caption in (("STEP1", view.first_pass), ("STEP2", " ".join(view.words))):
        row = _row(_LINE)
        draw = ImageDraw.Draw(row)
        draw.text((2, 2), name, INK, font(14))
        draw.text((LEFT, 2), caption, INK, font(14))
        yield row


def _step_bars(steps: StepWeights, view: ClipView) -> Iterator[Image.Image]:
    """Yields a heading, and a row of bars for each word."""
    heading = _row(_LINE)
    ImageDraw.Draw(heading).text((LEFT, 4), steps.name, _GREY, font(12))
    yield heading
    for number, word in enumerate(view.words):
        yield bars(word, steps, number, view.seconds)


def bars(name: str, steps: StepWeights, number: int, seconds: float) -> Image.Image:
    """Draws the weights of all steps in row `number`, at their times."""
    row = _row(_LINE - GAP)
    draw = ImageDraw.Draw(row)
    draw.text((2, 1), name, INK, font(14))
    weights = steps.weights[number]
    largest = float(weights.max(initial=0))
    bottom = row.height - 1
    for (begin, end), weight in zip(steps.spans, weights, strict=True):
        left, right = _at(begin, seconds), _at(end, seconds) - 1
        if right < left:
            continue  # a step of padding, or one thinner than a pixel
        draw.rectangle((left, 0, right, bottom), _FAINT)
        high = round(float(weight) / max(largest, 1e-9) * row.height)
        if high:
            draw.rectangle((left, bottom - high + 1, right, bottom), _BLUE)
    draw.text((LEFT + STRIP + 6, 2), f"{largest:.0%}", _GREY, font(12))
    return row


# ------------------------------------------------------------------------- helpers


def _row(height: int) -> Image.Image:
    return Image.new("RGB", (LEFT + STRIP + RIGHT, height), PAPER)


def _pictures(
    name: str, pictures: Sequence[np.ndarray | None], caption_height: int = 0
) -> Image.Image:
    """Draws pictures side by side, with their name on the left."""
    images = {
        place: _resized(picture)
        for place, picture in enumerate(pictures)
        if picture is not None
    }
    height = max((image.height for image in images.values()), default=2 * _LINE)
    row = _row(height + caption_height)
    draw = ImageDraw.Draw(row)
    draw.multiline_text((2, 4), name, INK, font(13), spacing=4)
    for place, image in images.items():
        row.paste(image, (_x(place), 0))
    return row


def _resized(picture: np.ndarray) -> Image.Image:
    height, width = picture.shape[:2]
    size = (TILE, max(1, round(TILE * height / width)))
    return Image.fromarray(picture).resize(size, Image.Resampling.LANCZOS)


def _x(place: int) -> int:
    """Returns where the picture at a place of a row begins."""
    return LEFT + place * (TILE + GAP)


def _at(second: float, seconds: float) -> int:
    """Returns where a moment of the clip is on the time axis."""
    return LEFT + round(second / seconds * STRIP)


def font(size: int) -> Font:
    """Returns the font that pictures are written in."""
    return ImageFont.load_default(size)

"""Draws a `ClipView` as a film: a second for each word, with what it looked at."""

from __future__ import annotations

import io
from collections.abc import Iterator

import av
import numpy as np
from PIL import Image, ImageDraw

from keras_models.training.callbacks.attention_image import INK, PAPER
from serving.visualization import filmstrip
from serving.visualization.clip_view import ClipView

_RATE = 10  # frames a second, of which a word has as many
_MARGIN, _PICTURE, _LINE = 16, 384, 34  # pixels
_BLUE = (26, 115, 232)


def film(view: ClipView) -> Iterator[np.ndarray]:
    """Yields a picture for each word, all of one size with even sides.

    Above, the caption so far, the word in blue; below, the frame that the word looked
    at most under its heat map, for each attention that has frames, or the clip's film;
    and bars of the word's weights of steps on the clip's time axis.
    """
    for word in range(max(len(view.words), 1)):
        rows = [_caption(view, word), _pictures(view, word)]
        if view.steps:
            rows += [
                filmstrip.bars(_word(view, word), steps, word, view.seconds)
                for steps in view.steps
                if word < len(steps.weights)
            ]
            rows.append(filmstrip.time_axis(view.seconds))
        width = max(row.width for row in rows) + 2 * _MARGIN
        height = sum(row.height + 4 for row in rows) + 2 * _MARGIN
        canvas = Image.new("RGB", (width + width % 2, height + height % 2), PAPER)
        top = _MARGIN
        for row in rows:
            canvas.paste(row, (_MARGIN, top))
            top += row.height + 4
        yield np.asarray(canvas)


def mp4(view: ClipView) -> bytes:
    """Returns the film as H.264 in MP4, which browsers and slides play."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=_RATE)
        stream.pix_fmt = "yuv420p"
        for picture in film(view):
            stream.height, stream.width = picture.shape[:2]
            for _ in range(_RATE):
                frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
                container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return buffer.getvalue()


def _word(view: ClipView, word: int) -> str:
    return view.words[word] if view.words else ""


def _caption(view: ClipView, word: int) -> Image.Image:
    font = filmstrip.font(22)
    width = filmstrip.LEFT + filmstrip.STRIP + filmstrip.RIGHT
    lines = _lines(view.words, font, width)
    row = Image.new("RGB", (width, _LINE * len(lines)), PAPER)
    draw = ImageDraw.Draw(row)
    number = 0
    for line, words in enumerate(lines):
        x = 0.0
        for text in words:
            if number <= word:
                colour = _BLUE if number == word else INK
                draw.text((x, line * _LINE), text, colour, font)
            x += draw.textlength(f"{text} ", font)
            number += 1
    return row


def _lines(words: tuple[str, ...], font: filmstrip.Font, width: int) -> list[list[str]]:
    """Breaks a caption into lines, the same for all of its words."""
    lines: list[list[str]] = [[]]
    for word in words:
        if lines[-1] and font.getlength(" ".join([*lines[-1], word])) > width:
            lines.append([])
        lines[-1].append(word)
    return lines


def _pictures(view: ClipView, word: int) -> Image.Image:
    shown = [
        picture
        for frames in view.frames
        if (picture := dict(enumerate(frames.pictures)).get(word)) is not None
    ]
    some = shown or [_at(view, word)]
    images = [_resized(picture) for picture in some[:2]]
    # A word that looked nowhere leaves as much room as the others.
    height = images[0].height
    room = _PICTURE * max(1, min(2, len(view.frames)))
    row = Image.new("RGB", (room, height), PAPER)
    for place, image in enumerate(images):
        row.paste(image, (place * _PICTURE, 0))
    return row


def _at(view: ClipView, word: int) -> np.ndarray:
    """Returns the film's picture as far through the clip as the word is through."""
    pictures = view.film[0].pictures
    return pictures[word * len(pictures) // max(len(view.words), 1)]


def _resized(picture: np.ndarray) -> Image.Image:
    height, width = picture.shape[:2]
    size = (_PICTURE, max(1, round(_PICTURE * height / width)))
    return Image.fromarray(picture).resize(size, Image.Resampling.LANCZOS)

"""Draws the attention weights of a caption's words as an image."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFont

CELL = 20  # pixels
MARGIN = 96  # for words
PAPER, INK = (255, 255, 255), (32, 33, 36)
FULL = np.array([26, 115, 232])  # the largest weight


def attention_picture(caption: str, weights: np.ndarray) -> np.ndarray:
    """Draws a row for each word and a column for each weight; bluer is more.

    Args:
        caption: L − 1 words.
        weights: (L, T), the last row for the caption's end.

    Returns:
        (height, width, 3) uint8 RGB.
    """
    words = [*caption.split(), "<eos>"]
    cells = weight_colours(weights).repeat(CELL, 0).repeat(CELL, 1)
    picture = Image.new("RGB", (MARGIN + cells.shape[1], cells.shape[0]), PAPER)
    picture.paste(Image.fromarray(cells), (MARGIN, 0))
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default()
    for row, word in enumerate(words):
        draw.text((4, row * CELL + 4), word, INK, font)
    return np.asarray(picture)


def weight_colours(weights: np.ndarray) -> np.ndarray:
    """Maps (…) weights to (…, 3) uint8 RGB: white is 0, blue the largest weight."""
    share = weights / max(float(weights.max(initial=0)), 1e-9)  # (…)
    colours = np.array(PAPER) * (1 - share[..., np.newaxis]) + FULL * share[..., None]
    return colours.round().astype(np.uint8)

"""Judges JPEG and PNG planes by their headers, before anything is unpacked.

A decoder's work and memory follow from what these headers say, so a picture that says
what the specification does is cheap, and any other is refused in microseconds.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_CHUNKS = {b"IHDR", b"IDAT", b"IEND"}  # others may hold compressed text
_BASELINE = 0xC0
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}  # the ways to code a frame
_SCAN = 0xDA
_COLOURS = 3
_START = b"\xff\xd8"
_WITHOUT_LENGTH = {0x01, *range(0xD0, 0xD8)}


class PlaneSize(NamedTuple):
    """The size of a picture in grey."""

    height: int
    width: int


class ImageHeaderError(ValueError):
    """A picture that is damaged, or coded otherwise than our own encoder does."""


def jpeg_size(data: bytes, components: int = 1) -> PlaneSize:
    """Returns what a baseline JPEG, in grey or in colour, says of its size.

    Progressive pictures, and colours in scans of their own, are refused: their work
    grows with the number of scans, not with their size.
    """
    kind = "grey" if components == 1 else "colour"
    if not data.startswith(_START):
        raise ImageHeaderError("is no JPEG")
    position, size = 2, None
    while position + 4 <= len(data):
        if data[position] != 0xFF:
            raise ImageHeaderError("is a damaged JPEG")
        marker = data[position + 1]
        if marker == 0xFF or marker in _WITHOUT_LENGTH:
            position += 1 if marker == 0xFF else 2
            continue
        (length,) = struct.unpack_from(">H", data, position + 2)
        if length < 2 or position + 2 + length > len(data):
            break
        if marker == _SCAN:
            if size is None:
                break
            if length < 3 or data[position + 4] != components:
                raise ImageHeaderError(f"is no baseline JPEG in {kind}, in one scan")
            return size
        if marker in _FRAMES:
            expected = 8 + 3 * components
            if marker != _BASELINE or length != expected or size is not None:
                raise ImageHeaderError(f"is no baseline JPEG in {kind}")
            bits, height, width, found = struct.unpack_from(">BHHB", data, position + 4)
            if bits != 8 or found != components:
                raise ImageHeaderError(f"is no baseline JPEG in {kind}")
            size = PlaneSize(height, width)
        position += 2 + length
    raise ImageHeaderError("is a damaged JPEG")


def picture_size(data: bytes) -> PlaneSize:
    """Returns what a plain picture in colour, JPEG or PNG, says of its size."""
    if data.startswith(_PNG):
        return png_size(data, _COLOURS)
    return jpeg_size(data, _COLOURS)


def png_size(data: bytes, components: int = 1) -> PlaneSize:
    """Returns what a PNG of eight bits a channel says of its size."""
    if not data.startswith(_PNG):
        raise ImageHeaderError("is no PNG")
    position, size = len(_PNG), None
    while position + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, position)
        if kind not in _PNG_CHUNKS:
            raise ImageHeaderError("is a PNG with more than a picture in it")
        if (kind == b"IHDR") != (size is None) or position + 12 + length > len(data):
            break
        if kind == b"IHDR":
            if length != 13:
                break
            width, height, *form = struct.unpack_from(">IIBBBBB", data, position + 8)
            if form != [8, 0 if components == 1 else 2, 0, 0, 0]:
                raise ImageHeaderError("is no plain PNG of eight bits a channel")
            size = PlaneSize(height, width)
        if kind == b"IEND" and size:
            return size
        position += 12 + length
    raise ImageHeaderError("is a damaged PNG")

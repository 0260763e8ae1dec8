"""Photographs and animated pictures as clips: JPEG, PNG and WebP files.

Animated GIFs are none of these: the video decoder reads them.
"""

from __future__ import annotations

import contextlib
import functools
import os
import pathlib
import struct
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

import av
import numpy as np
from PIL import Image, JpegImagePlugin, PngImagePlugin, WebPImagePlugin

from transform.video.video_info import MAX_PIXELS, DecodeError

# A file's reader by its first bytes. Pillow's own search would try all its formats.
_READERS: Mapping[bytes, Any] = {
    b"\xff\xd8\xff": JpegImagePlugin.JpegImageFile,
    b"\x89PNG\r\n\x1a\n": PngImagePlugin.PngImageFile,
    b"RIFF": WebPImagePlugin.WebPImageFile,
}
_MAX_ANIMATION = 100 * MAX_PIXELS  # of all frames: a minute's work

_ORIENTATION = 0x0112  # Exif's tag
_TURNS: Mapping[int, Image.Transpose] = {  # that make a picture upright
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_DEGREES = {3: 180, 6: 270, 8: 90}

# What Pillow can raise on bytes that nobody wrote as a picture.
_DAMAGE = (
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)


def is_photograph(path: str | os.PathLike[str]) -> bool:
    """Returns whether a file begins as a JPEG, PNG or WebP file does."""
    return _reader(path) is not None


class Photograph:
    """An open picture file: one frame at 0 s, or those of an animation.

    Raises:
        DecodeError: It is damaged, or has too many pixels.
    """

    def __init__(self, path: str | os.PathLike[str]):
        self._path = path
        reader = _reader(path)
        assert reader is not None
        self._file = pathlib.Path(path).open("rb")
        try:
            self._image = reader(self._file)
            self.frames: int = getattr(self._image, "n_frames", 1)
            self._check_size()
            self._image.load()
        except _DAMAGE as error:
            self._file.close()
            raise self._damaged(error) from error
        self.codec: str = self._image.format.lower()
        self.pixel_format: str = self._image.mode
        self._orientation = 1
        with contextlib.suppress(*_DAMAGE):  # of Exif alone; the picture is well
            self._orientation = int(self._image.getexif().get(_ORIENTATION, 1))

    def _check_size(self) -> None:
        width, height = self._image.size
        pixels = width * height
        if pixels > MAX_PIXELS or pixels * self.frames > _MAX_ANIMATION:
            self._file.close()
            count = f"{self.frames} frames" if self.frames > 1 else "frames"
            raise DecodeError(
                self._path,
                f"{count} of {width} × {height} pixels are too large to decode",
            )

    def __enter__(self) -> Photograph:
        return self

    def __exit__(self, *exception: object) -> None:
        self._file.close()

    @property
    def size(self) -> tuple[int, int]:
        """The width and height of the upright picture."""
        width, height = self._image.size
        return (height, width) if self._orientation in (5, 6, 7, 8) else (width, height)

    @property
    def rotation(self) -> int:
        """Degrees counter-clockwise that made the frames upright; mirrors have none."""
        return _DEGREES.get(self._orientation, 0)

    @functools.cached_property
    def durations(self) -> list[float]:
        """Seconds that each frame is shown; 0 for a photograph."""
        if self.frames == 1:
            return [0.0]
        return [seconds for _, seconds in self._decoded()]

    def decoded(self) -> Iterator[av.VideoFrame]:
        """Yields the frames, upright RGB."""
        for image, _ in self._decoded():
            turn = _TURNS.get(self._orientation)
            upright = image if turn is None else image.transpose(turn)
            yield av.VideoFrame.from_ndarray(_rgb(upright), format="rgb24")

    def _decoded(self) -> Iterator[tuple[Image.Image, float]]:
        for number in range(self.frames):
            try:
                self._image.seek(number)
                self._image.load()
            except _DAMAGE as error:
                raise self._damaged(error) from error
            # Browsers show a frame that has no duration for a tenth of a second.
            yield self._image, self._image.info.get("duration", 0) / 1000 or 0.1

    def _damaged(self, error: BaseException) -> DecodeError:
        said = " ".join(str(error).split()).removesuffix(".") or type(error).__name__
        return DecodeError(self._path, f"the picture is damaged: {said}")


def _reader(path: str | os.PathLike[str]) -> Any:
    try:
        if not os.path.isfile(path):  # a pipe would be waited for, and be read empty
            return None
        with open(path, "rb") as file:
            head = file.read(12)
    except (OSError, ValueError):
        return None  # the video decoder says what is wrong with it
    if head.startswith(b"RIFF") and head[8:] != b"WEBP":
        return None  # an AVI or WAV file
    return next((r for magic, r in _READERS.items() if head.startswith(magic)), None)


def _rgb(image: Image.Image) -> np.ndarray:
    """Converts a picture of any mode to (height, width, 3) uint8, on white."""
    if image.mode.startswith("I"):  # 16 bits of grey
        grey = (np.asarray(image) >> 8).astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=2)
    if image.has_transparency_data:
        behind = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(behind, image.convert("RGBA"))
    return np.asarray(image.convert("RGB"))

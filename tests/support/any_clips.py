"""Clips of any container, codec, rate, fields, aspect, rotation and time stamps."""

from __future__ import annotations

import math
import pathlib
from fractions import Fraction
from typing import NamedTuple

import av
import numpy as np

from tests.support import clips, field_coded

CODECS = {
    "mp4": ("libx264", "mpeg4"),
    "mov": ("libx264", "mjpeg", "prores"),
    "mkv": ("libx264", "mpeg4", "mjpeg", "ffv1"),
    "webm": ("libvpx", "libvpx-vp9"),
    "ts": ("libx264", "mpeg2video"),
    "mpg": ("mpeg2video",),
    "avi": ("mpeg4", "mjpeg"),
}
KINDS = tuple((name, codec) for name, codecs in CODECS.items() for codec in codecs)
RATES = (24, 25, 30, Fraction(30_000, 1001), 50)
ASPECTS = (Fraction(1), Fraction(16, 11), Fraction(8, 9))
SIZES = ((64, 48), (96, 64), (176, 144))
FIELDS = ("none", "interlaced", "apart", "apart, one stamp")
STAMPS = ("even", "late", "gaps", "slow", "joined", "wrapping")

# What only some containers can hold; of others a clip has the plain thing instead.
_TURNED = {"mp4", "mov"}
_APART = {"ts", "mp4", "mkv"}
_JOINED = {"ts", "mpg"}
_WRAPPING = {"ts"}
_STAMPED = {"mp4", "mov", "mkv", "webm", "ts"}  # with stamps of their own
_OPTIONS = {
    "libvpx": {"cpu-used": "8", "deadline": "realtime"},
    "libvpx-vp9": {"cpu-used": "8", "deadline": "realtime"},
}
_PIXELS = {"mjpeg": "yuvj420p", "prores": "yuv422p10le"}
_WRAP = 2**33  # ticks of 1/90,000 s, after which MPEG's clock begins anew


class AnyClip(NamedTuple):
    """A clip that can be written; `fitted` leaves out what its container lacks."""

    kind: tuple[str, str]  # container and codec
    rate: int | Fraction = 25
    frames: int = 12
    fields: str = "none"
    aspect: Fraction = Fraction(1)
    size: tuple[int, int] = (64, 48)
    turn: int = 0  # degrees that players turn it counter-clockwise
    stamps: str = "even"

    def fitted(self) -> AnyClip:
        """Returns the clip as its container can hold it."""
        name, codec = self.kind
        clip = self
        if name not in _TURNED:
            clip = clip._replace(turn=0)
        holds = {"joined": _JOINED, "wrapping": _WRAPPING}.get(self.stamps, _STAMPED)
        if self.stamps != "even" and name not in holds:
            clip = clip._replace(stamps="even")
        if clip.stamps == "joined":  # shorter parts could be frames out of order
            clip = clip._replace(frames=max(self.frames, math.ceil(self.rate / 2)))
        if self.fields.startswith("apart"):
            if name not in _APART or codec != "libx264":
                return clip._replace(fields="none")
            stamps = "joined" if clip.stamps == "joined" else "even"
            rate, plain = int(self.rate), Fraction(1)  # it is written bit by bit
            return clip._replace(
                rate=rate, aspect=plain, size=field_coded.SIZE, turn=0, stamps=stamps
            )
        return clip

    def indices(self) -> list[int]:
        """Returns when each frame is shown, in parts of 1 / `rate` seconds."""
        if self.stamps == "joined":
            return list(range(2 * self.frames))
        step = 3 if self.stamps == "slow" else 1
        skip = 4 if self.stamps == "gaps" else self.frames
        return [step * (number + number // skip) for number in range(self.frames)]

    def write(self, folder: pathlib.Path) -> pathlib.Path:
        """Writes the clip, whose frames say their numbers unless fields are apart."""
        name, _ = self.kind
        path = folder / f"a.{name}"
        if self.fields.startswith("apart"):
            stamped = self.fields == "apart"
            rate = int(self.rate)
            field_coded.write(path, self.frames, second_stamped=stamped, rate=rate)
        else:
            self._encode(path)
        if self.stamps == "joined":
            path.write_bytes(path.read_bytes() * 2)
        return path

    def _encode(self, path: pathlib.Path) -> None:
        _, codec = self.kind
        first = 0
        if self.stamps == "late":
            first = round(7 * self.rate)
        if self.stamps == "wrapping":
            first = round(Fraction(_WRAP, 90_000) * self.rate) - self.frames // 2
        with av.open(str(path), "w") as container:
            stream = container.add_stream(codec, rate=self.rate)
            stream.width, stream.height = self.size
            stream.pix_fmt = _PIXELS.get(codec, "yuv420p")
            stream.codec_context.thread_count = 1
            stream.codec_context.sample_aspect_ratio = self.aspect
            stream.options = {**_OPTIONS.get(codec, {}), **self._interlacing()}
            if self.turn:
                stream.set_display_rotation(self.turn)
            for number, index in enumerate(self.indices()[: self.frames]):
                image = np.ascontiguousarray(clips.picture(number, *self.size))
                frame = av.VideoFrame.from_ndarray(image, format="rgb24")
                frame = frame.reformat(format=stream.pix_fmt, threads=1)
                frame.pts, frame.time_base = first + index, 1 / Fraction(self.rate)
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))

    def _interlacing(self) -> dict[str, str]:
        if self.fields != "interlaced":
            return {}
        return {
            "libx264": {"x264-params": "tff=1"},
            "mpeg2video": {"flags": "+ildct+ilme"},
            "mpeg4": {"flags": "+ildct+ilme"},
        }.get(self.kind[1], {})

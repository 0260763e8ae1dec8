"""A quick look at a clip: its index and its first frame, but not the rest."""

from __future__ import annotations

import os
from typing import NamedTuple

from transform.video.decoder import StreamDecoder
from transform.video.photograph import Photograph, is_photograph
from transform.video.timeline import scan
from transform.video.video_info import DecodeError


class ClipLook(NamedTuple):
    """What can be told of a clip in milliseconds."""

    problem: str  # why nothing of it can be used; '' where something can
    seconds: float = 0.0
    frames: int = 0
    width: int = 0
    height: int = 0
    sound: bool = False
    photograph: bool = False


def look(path: str, start: float | None = None, end: float | None = None) -> ClipLook:
    """Looks at a local file, or at a part of it; a bad one is an answer."""
    try:
        if is_photograph(path):
            with Photograph(path) as picture:
                seconds = sum(picture.durations)
                width, height = picture.size
                still = picture.frames == 1
                return ClipLook(
                    "", seconds, picture.frames, width, height, photograph=still
                )
        timeline = scan(os.fspath(path), start, end)
        with StreamDecoder(path) as decoder:
            first = next(decoder.frames(), None)
            if first is None:
                raise DecodeError(path, "no frame could be decoded")
            sound = getattr(decoder.container.streams.best("audio"), "codec_context", 0)
            return ClipLook(
                "",
                timeline.seconds,
                timeline.frames,
                first.width,
                first.height,
                sound=bool(sound),
            )
    except DecodeError as error:
        return ClipLook(error.reason)

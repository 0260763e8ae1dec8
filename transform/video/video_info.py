"""The findings about a clip that was decoded, and the formats that may be opened."""

from __future__ import annotations

import os
from typing import Literal, NamedTuple

from transform.common.errors import KinescribeError

Status = Literal["ok", "short", "repaired", "failed"]

MAX_PIXELS = 8192 * 8192  # of a frame; larger ones are not decoded

# FFmpeg's names of the containers that may be opened. Playlists and lists of files are
# not among them: they would let an uploaded "video" name other files or addresses.
CONTAINERS = (
    "mov,matroska,avi,asf,flv,gif,apng,mpeg,mpegts,mpegvideo,ogg,ivf,mxf,nut,rm,dv,wtv,"
    "yuv4mpegpipe,wav,mp3,flac,aac"
)
# Containers with an index of key frames and presentation stamps on every packet.
SEEKABLE_CONTAINERS = frozenset({"mov", "matroska"})


class DecodeError(KinescribeError):
    """Nothing of a clip can be decoded; `reason` says why in plain words."""

    def __init__(self, path: str | os.PathLike, reason: str) -> None:
        super().__init__(f"cannot decode {os.fspath(path)}: {reason}.")
        self.path = os.fspath(path)
        self.reason = reason

    def __reduce__(self) -> tuple:  # crosses process borders in Beam
        return type(self), (self.path, self.reason)


class VideoInfo(NamedTuple):
    """The decoder's findings about one clip: its format, length and damage."""

    status: Status
    reason: str  # '' where status is "ok"
    frames: int  # decoded, within the clip's bounds
    packets_lost: int
    fps: float  # mean rate; the gaps of a variable-rate clip differ
    seconds: float
    width: int  # as shown: upright, of square pixels
    height: int
    rotation: int  # degrees counter-clockwise that make the frames upright
    codec: str
    pixel_format: str
    audio: str  # codec of the sound track, '' without one
    pixel_aspect: float = 1.0  # width of a stored pixel over its height

    @classmethod
    def failed(cls, reason: str) -> VideoInfo:
        """Returns the `VideoInfo` of a clip that could not be decoded."""
        return cls("failed", reason, 0, 0, 0.0, 0.0, 0, 0, 0, "", "", "")

"""Tells by its first bytes whether a file may be a video or a photograph."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Optional

HEAD_BYTES = 512  # that are enough to tell

# What stands at the beginning of a file → its type.
_STARTS: Mapping[bytes, str] = {
    b"\xff\xd8\xff": "image/jpeg",
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"GIF87a": "image/gif",
    b"GIF89a": "image/gif",
    b"\x1a\x45\xdf\xa3": "video/x-matroska",  # WebM, too
    b"OggS": "video/ogg",
    b"FLV\x01": "video/x-flv",
    b"\x30\x26\xb2\x75\x8e\x66\xcf\x11": "video/x-ms-asf",
    b"\x00\x00\x01\xba": "video/mpeg",
    b"\x00\x00\x01\xb3": "video/mpeg",
    b"DKIF": "video/x-ivf",
    b"\x06\x0e\x2b\x34": "application/mxf",
    b"nut/multimedia": "video/x-nut",
    b".RMF": "application/vnd.rn-realmedia",
    b"YUV4MPEG2": "video/x-yuv4mpeg",
}
_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")
_RIFFS: Mapping[bytes, str] = {b"AVI ": "video/x-msvideo", b"WEBP": "image/webp"}
_PACKETS = ((0, 188), (4, 192), (0, 204))  # where MPEG-TS' packets begin, how long


def media_type(head: bytes) -> Optional[str]:
    """Returns the type that the beginning of a file shows; None if it is no media.

    Args:
        head: At least `HEAD_BYTES`, if the file has as many.
    """
    for start, found in _STARTS.items():
        if head.startswith(start):
            return found
    if head[4:8] in _BOXES:
        return "video/mp4"
    if head.startswith(b"RIFF"):
        return _RIFFS.get(head[8:12])
    for first, length in _PACKETS:
        if head[first : first + 1] == b"G" == head[first + length : first + length + 1]:
            return "video/mp2t"
    return None

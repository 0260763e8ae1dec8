"""Tells which clips show the same thing, by the bytes of their files.

Files of different sizes differ, so that few have to be read: a catalogue without
duplicates costs a look at the file system for each clip, and no more.
"""

from __future__ import annotations

import collections
import hashlib
import math
import os
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import NamedTuple, TypeVar

from transform.datasets import VideoRecord

_HEAD = 1 << 16  # bytes that tell nearly all files of one size apart

T = TypeVar("T")


class SharedFile(NamedTuple):
    """Several clips that are cut out of files with the same bytes."""

    clips: tuple[VideoRecord, ...]

    @property
    def splits(self) -> set[str]:
        """The splits that the clips are in."""
        return {clip.split for clip in self.clips}

    def leaks(self) -> list[tuple[VideoRecord, VideoRecord]]:
        """Returns pairs of clips of different splits that show the same seconds."""
        return [pair for pair in self.overlaps() if pair[0].split != pair[1].split]

    def overlaps(self) -> list[tuple[VideoRecord, VideoRecord]]:
        """Returns pairs of clips that show some of the same seconds."""
        found = []
        shown: list[VideoRecord] = []  # at the moment that a clip begins
        for clip in sorted(self.clips, key=_bounds):
            begin = _bounds(clip)[0]
            shown = [before for before in shown if _bounds(before)[1] > begin]
            found += [(before, clip) for before in shown]
            shown.append(clip)
        return found


def shared_files(clips: Iterable[VideoRecord]) -> list[SharedFile]:
    """Returns the files that more than one clip comes from.

    Clips whose files are missing, or on another machine, are told apart by their names
    alone.
    """
    by_uri: dict[str, list[VideoRecord]] = {}
    for clip in clips:
        if not clip.uri:
            continue
        by_uri.setdefault(clip.uri, []).append(clip)
    groups = same_files(list(by_uri))
    shared = [[clip for uri in group for clip in by_uri[uri]] for group in groups]
    return [SharedFile(tuple(group)) for group in shared if len(group) > 1]


def same_files(paths: Sequence[str]) -> list[list[str]]:
    """Groups files by their content; a file that cannot be read is one by itself."""
    groups = [list(paths)]
    for key in (_size, _head, _digest):
        groups = [
            part
            for group in groups
            for part in (_parted(group, key) if len(group) > 1 else [group])
        ]
    return groups


def _parted(group: Sequence[T], key: Callable[[T], Hashable]) -> list[list[T]]:
    parts: dict[Hashable, list[T]] = collections.defaultdict(list)
    for item in group:
        parts[key(item)].append(item)
    return list(parts.values())


def _size(path: str) -> Hashable:
    try:
        return os.stat(path).st_size or path
    except (OSError, ValueError):
        return path


def _head(path: str) -> Hashable:
    try:
        with open(path, "rb") as file:
            return file.read(_HEAD)
    except OSError:
        return path


def _digest(path: str) -> Hashable:
    digest = hashlib.sha256()
    try:
        with open(path, "rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    except OSError:
        return path
    return digest.digest()


def _bounds(clip: VideoRecord) -> tuple[float, float]:
    return clip.start or 0.0, math.inf if clip.end is None else clip.end

"""Finds the clips that a command line names."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable

from transform.common.errors import KinescribeError
from transform.common.location import Location


def find(names: Iterable[str | os.PathLike[str]]) -> list[str]:
    """Returns the files that names mean: files, folders of clips, and patterns.

    A name that is none of these stays: the decoder says what is wrong with it.

    Raises:
        KinescribeError: A folder or a pattern has no clip.
    """
    from pipeline.catalogue import rows

    found: list[str] = []
    for each in names:
        name = os.fspath(each)
        if Location(name).is_remote:
            found.append(name)
            continue
        if os.path.isdir(name):
            clips = list(map(str, rows.clips_of(name)))
        elif glob.has_magic(name) and not os.path.exists(name):
            clips = _matching(name)
        else:
            clips = [name]
        if not clips:
            raise KinescribeError(f"{name} has no clip: no videos and no photographs.")
        found += clips
    return found


def _matching(pattern: str) -> list[str]:
    """Returns the files that a pattern matches, below the folders that are there.

    A folder's own name may have brackets, which then are no pattern.
    """
    folder, parts = "", pattern.split("/")
    while len(parts) > 1 and os.path.isdir(f"{folder}{parts[0]}/"):
        folder += f"{parts.pop(0)}/"
    below = glob.escape(folder) + "/".join(parts)
    return sorted(glob.glob(below, recursive=True))

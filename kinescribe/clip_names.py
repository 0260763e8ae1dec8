"""Finds the clips that a command line names."""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence

from transform.common.errors import KinescribeError
from transform.common.location import Location


def find(names: Sequence[str | os.PathLike[str]]) -> list[str]:
    """Returns the files that names mean: files, folders of clips, and patterns.

    A name that is none of these, or has no clip, stays: the decoder says what is wrong
    with it, and the other clips are captioned.

    Raises:
        KinescribeError: None of the folders and patterns has a clip, and no file is
            named.
    """
    from pipeline.catalogue import rows

    found: list[str] = []
    empty: list[str] = []
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
            empty.append(name)
        found += clips or [name]
    if empty and len(empty) == len(names):
        raise KinescribeError(f"{empty[0]} has no clip: no videos and no photographs.")
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

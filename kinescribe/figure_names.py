"""Names the figures of clips, so that none takes the place of another."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable

from transform.common.location import Location

_ENDINGS = (".png", ".mp4")


def free(
    folder: Location, clip: str, start: float | None = None, end: float | None = None
) -> Location:
    """Returns a name, without an ending, that no figure of the folder has yet.

    It is the clip's, with the seconds of a part; clips of one name in several folders
    get numbers.

    Args:
        folder: Where figures lie.
        clip: The clip's file.
        start: Where the part begins, in seconds.
        end: Where it ends.
    """
    name = Location(clip).name
    if start is not None or end is not None:
        name += f"_{start or 0:g}-{'end' if end is None else f'{end:g}'}s"
    numbered = (f"{name}-{number}" for number in itertools.count(2))
    taken = _exists_in(folder)
    return next(
        Location(os.path.join(folder, each))
        for each in itertools.chain([name], numbered)
        if not any(taken(each + ending) for ending in _ENDINGS)
    )


def _exists_in(folder: Location) -> Callable[[str], bool]:
    if not folder.is_remote:
        return lambda name: os.path.lexists(os.path.join(folder, name))
    import tensorflow as tf  # buckets alone need it

    return lambda name: tf.io.gfile.exists(os.path.join(folder, name))

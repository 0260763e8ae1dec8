"""Finds the video files of clips that annotations name without an ending."""

from __future__ import annotations

import functools
import os

from transform.common import failures
from transform.common.location import Location

# Downloads of one corpus have these side by side, as the sites offer them.
ENDINGS = frozenset(
    ".3gp .avi .flv .gif .m2ts .m4v .mkv .mov .mp4 .mpeg .mpg .mts .ogv .ts .webm .wmv"
    "".split()
)


class VideoFiles:
    """The video files of a folder, by their names without the ending.

    Args:
        folder: The folder; one that is not there holds nothing.
        extension: The ending that most of them have.
    """

    def __init__(self, folder: Location, extension: str):
        self._folder = folder
        self._extension = extension

    def find(self, stem: str) -> Location:
        """Returns a clip's file: of the usual ending, or of another if there is one.

        One that is not there is returned with the usual ending.
        """
        usual = stem + self._extension
        if usual in self._names:
            return self._folder / usual
        return self._folder / self._others.get(stem, usual)

    @functools.cached_property
    def _names(self) -> frozenset[str]:
        try:
            if not self._folder.is_remote:
                return frozenset(os.listdir(self._folder or "."))
            import tensorflow as tf  # buckets alone need it

            return frozenset(tf.io.gfile.listdir(self._folder))
        except Exception as error:
            if not (failures.is_outside(error) or isinstance(error, ValueError)):
                raise
            return frozenset()

    @functools.cached_property
    def _others(self) -> dict[str, str]:
        others = {}
        for name in sorted(self._names, reverse=True):
            stem, ending = os.path.splitext(name)
            if ending.lower() in ENDINGS:
                others[stem] = name
        return others

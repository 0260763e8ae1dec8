"""Writes the files of captions that `--out` names: one for all clips, or one each."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from typing import IO, NamedTuple

from serving.client.caption_lines import (
    FORMATS,
    SUBTITLES,
    WITH_PICTURES,
    CaptionLine,
)
from transform.common import outputs
from transform.common.errors import KinescribeError
from transform.common.location import Location


class _Open(NamedTuple):
    """The file that is being written."""

    place: Location  # where it will be
    partial: str  # where it is, on this machine
    file: IO[str]
    write: Callable[[CaptionLine], None]


class CaptionFiles:
    """The files that captions are written to: one for all clips, or one for each.

    A file appears when its last clip is done. After an error, the lines so far are in
    `<name>.part`, and an old file is as it was.

    Args:
        out: A file, by whose ending the format is told; or a folder.
        ending: Of the files in a folder.
        clips: The files that will be captioned.

    Raises:
        KinescribeError: There is no such format, subtitles of several videos are to be
            one file, or two videos would have the same one.
    """

    def __init__(self, out: str | os.PathLike[str], ending: str, clips: Sequence[str]):
        self._out = Location(out)
        suffix = os.path.splitext(self._out.name)[1]
        self._is_one = suffix in FORMATS and not os.path.isdir(self._out)
        self._ending = suffix if self._is_one else ending
        if self._ending not in FORMATS:
            raise KinescribeError(
                f"there is no format {self._ending[1:]!r}; there are "
                f"{', '.join(name[1:] for name in FORMATS)}."
            )
        if self._is_one and self.subtitles and len(clips) > 1:
            raise KinescribeError(
                f"{out} cannot hold the subtitles of {len(clips)} videos: let --out "
                "name a folder."
            )
        self._places = {clip: self._place(clip) for clip in clips}
        if not self._is_one and len(set(self._places.values())) < len(self._places):
            raise KinescribeError(
                f"several clips of one name would have the same file in {out}: caption "
                "them by themselves, or let --out name a .csv or .jsonl file."
            )
        self._open: _Open | None = None
        self.written: list[Location] = []

    @property
    def subtitles(self) -> bool:
        """Whether the files are subtitles, each line of which needs an end."""
        return self._ending in SUBTITLES

    @property
    def shows_pictures(self) -> bool:
        """Whether the files show a frame of each clip."""
        return self._ending in WITH_PICTURES

    def require(self) -> None:
        """Makes sure, before the work, that they can be written.

        Raises:
            OutputError: They cannot; the message says why.
        """
        (outputs.require_file if self._is_one else outputs.require_folder)(self._out)

    def __enter__(self) -> CaptionFiles:
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        self._close(whole=kind is None)

    def write(self, line: CaptionLine) -> None:
        """Writes what is said of a clip, at once; clips come in their order."""
        place = self._places[line.clip]
        if self._open is None or self._open.place != place:
            self._close(whole=True)
            self._open = self._opened(place)
        self._open.write(line)
        self._open.file.flush()

    def _place(self, clip: str) -> Location:
        if self._is_one:
            return self._out
        return Location(os.path.join(self._out, Location(clip).stem + self._ending))

    def _opened(self, place: Location) -> _Open:
        if place.is_remote:
            folder = tempfile.mkdtemp(prefix="kinescribe-")
        else:
            folder = place.parent
            os.makedirs(folder or ".", exist_ok=True)
        partial = os.path.join(folder, _partial(place.name))
        file = open(partial, "w", encoding="utf-8", errors=_BYTES, newline="")
        return _Open(place, partial, file, FORMATS[self._ending](file))

    def _close(self, whole: bool) -> None:
        if self._open is None:
            return
        place, partial, file, _ = self._open
        self._open = None
        file.close()
        if place.is_remote:
            with open(partial, "rb") as done:
                outputs.write(place if whole else _partial(place), done.read())
            shutil.rmtree(os.path.dirname(partial))
        elif whole:
            os.replace(partial, place)
        if whole:
            self.written.append(place)


_BYTES = "backslashreplace"  # of names that are no text


def _partial(place: str) -> str:
    return f"{place}.part"

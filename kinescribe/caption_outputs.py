"""Writes the files of captions that `--out` names: one for all clips, or one each."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Callable, Sequence
from typing import IO

from serving.client.caption_lines import FORMATS, SUBTITLES, CaptionLine
from transform.common.errors import KinescribeError


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

    def __init__(self, out: pathlib.Path, ending: str, clips: Sequence[str]):
        one = out.suffix in FORMATS and not out.is_dir()
        self._ending = out.suffix if one else ending
        if self._ending not in FORMATS:
            raise KinescribeError(
                f"there is no format {self._ending[1:]!r}; there are "
                f"{', '.join(name[1:] for name in FORMATS)}."
            )
        if one and self.subtitles and len(clips) > 1:
            raise KinescribeError(
                f"{out} cannot hold the subtitles of {len(clips)} videos: let --out "
                "name a folder."
            )
        self._places = {
            clip: out if one else out / f"{pathlib.PurePath(clip).stem}{ending}"
            for clip in clips
        }
        if not one and len(set(self._places.values())) < len(self._places):
            raise KinescribeError(
                f"several clips of one name would have the same file in {out}: caption "
                "them by themselves, or let --out name a .csv or .jsonl file."
            )
        self._open: tuple[pathlib.Path, IO[str], Callable[[CaptionLine], None]] | None
        self._open = None
        self.written: list[pathlib.Path] = []

    @property
    def subtitles(self) -> bool:
        """Whether the files are subtitles, each line of which needs an end."""
        return self._ending in SUBTITLES

    def __enter__(self) -> CaptionFiles:
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        self._close(whole=kind is None)

    def write(self, line: CaptionLine) -> None:
        """Writes what is said of a clip, at once; clips come in their order."""
        place = self._places[line.clip]
        if self._open is None or self._open[0] != place:
            self._close(whole=True)
            place.parent.mkdir(parents=True, exist_ok=True)
            file = _partial(place).open("w", encoding="utf-8", newline="")
            self._open = place, file, FORMATS[self._ending](file)
        _, opened, write = self._open
        write(line)
        opened.flush()

    def _close(self, whole: bool) -> None:
        if self._open is None:
            return
        place, file, _ = self._open
        file.close()
        if whole:
            os.replace(_partial(place), place)
            self.written.append(place)
        self._open = None


def _partial(place: pathlib.Path) -> pathlib.Path:
    return place.with_name(f"{place.name}.part")

"""Captions the clips of a command line, and shows how far that is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple, Optional

from serving.client import caption_lines, clip_parts

if TYPE_CHECKING:
    from serving.client.base import ClipCaptioner
    from serving.client.caption_result import CaptionResult
    from serving.client.clip_parts import Cut, Parts
    from transform.video.video_info import DecodeError


class Answer(NamedTuple):
    """What became of a clip, or of a part of one."""

    path: str
    is_part: bool  # one of several that the file was cut into
    start: float  # seconds, by the file's own clock
    end: Optional[float]  # None where the file was not cut
    result: Optional[CaptionResult]
    problem: Optional[DecodeError]
    picture_problem: str = ""  # why a picture of it could not be saved

    @property
    def title(self) -> str:
        """The file, and the part of it."""
        if not self.is_part or self.end is None:
            return self.path
        begin, end = map(caption_lines.clock, (self.start, self.end))
        return f"{self.path}  {begin} to {end}"


def caption_all(
    captioner: ClipCaptioner,
    paths: Sequence[str],
    segments: Cut,
    start: float | None,
    end: float | None,
    category: str,
) -> Iterator[Answer]:
    """Captions files one after the other, or the segments that they are cut into.

    Args:
        captioner: The model.
        paths: The files.
        segments: How they are cut.
        start: Seconds before which nothing is captioned.
        end: Seconds from which on nothing is captioned.
        category: What all of them are about, for models that read that.
    """
    import rich.console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    from serving.client.many import caption_many

    offsets: dict[str, float] = {}
    console = rich.console.Console(stderr=True)
    with Progress(
        TextColumn("Captioning"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.description}", markup=False),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as bar:
        task = bar.add_task("", total=len(paths))
        total = len(paths)

        def count(path: str, found: Parts) -> None:
            nonlocal total
            offsets[path] = found.offset
            total += len(found.parts) - 1
            bar.update(task, total=total, description=path)

        parts = clip_parts.all_parts(paths, segments, start, end, count)
        for clip, result, problem in caption_many(captioner, parts, category):
            bar.advance(task)
            begin, stop = clip.start or 0.0, clip.end
            offset = offsets[clip.path]
            yield Answer(
                clip.path,
                segments is not None and stop is not None,
                begin + offset,
                None if stop is None else stop + offset,
                result,
                problem,
            )

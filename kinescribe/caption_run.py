"""Captions the clips of a command line, and shows how far that is."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Optional

from serving.client import caption_lines, clip_parts
from serving.client.caption_lines import CaptionLine

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from serving.client.base import ClipCaptioner
    from serving.client.caption_result import CaptionResult
    from serving.client.clip_parts import ClipPart, Cut
    from transform.video.frame_requests import FrameRequest
    from transform.video.reader import ClipFrames
    from transform.video.video_info import DecodeError

_PICTURE = 480  # pixels of a picture's long side


class Parts(NamedTuple):
    """How files are cut, and which seconds of them are captioned."""

    segments: Cut = None
    start: Optional[float] = None
    end: Optional[float] = None
    longest: float = math.inf  # seconds after which a scene is cut


class Answer(NamedTuple):
    """What became of a clip, or of a part of one."""

    path: str
    is_part: bool  # one of several that the file was cut into
    start: float  # seconds, by the file's own clock
    end: Optional[float]  # None where the file was not cut
    result: Optional[CaptionResult]
    problem: Optional[DecodeError]
    picture_problem: str = ""  # why a picture of it could not be saved
    picture: str = ""  # a data URL of its middle frame, where that was asked for

    @property
    def title(self) -> str:
        """The file, and the part of it."""
        if not self.is_part or self.end is None:
            return self.path
        begin, end = map(caption_lines.clock, (self.start, self.end))
        return f"{self.path}  {begin} to {end}"

    @property
    def line(self) -> CaptionLine:
        """What files of captions say of it."""
        found = best(self.result, 1) if self.result else []
        return CaptionLine(
            self.path,
            self.start,
            self.end,
            found[0]["caption"] if found else "",
            found[0]["confidence"] if found else 0.0,
            str(self.problem or ""),
            self.picture,
        )


def best(result: CaptionResult, top_k: int) -> list[dict[str, Any]]:
    """Returns the first captions; a search may find fewer than it has room for."""
    return [
        {
            "caption": caption,
            "confidence": confidence,
            "probability": probability,
            "log_prob": log_prob,
        }
        for caption, confidence, probability, log_prob in zip(
            result.captions,
            result.confidences,
            result.probabilities,
            result.log_probs,
            strict=True,
        )
        if math.isfinite(log_prob)
    ][:top_k]


def caption_all(
    captioner: ClipCaptioner,
    paths: Sequence[str],
    parts: Parts,
    category: str,
    show: bool = False,
) -> Iterator[Answer]:
    """Captions files one after the other, or the segments that they are cut into.

    Args:
        captioner: The model.
        paths: The files.
        parts: How they are cut.
        category: What all of them are about, for models that read that.
        show: Whether answers have a picture.
    """
    import rich.console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    from serving.client.many import caption_many

    offsets: dict[str, float] = {}
    keep = _middle() if show else ()
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
        # How many scenes there are is known when the last of them was decoded.
        total = len(paths) if parts.segments in (None, math.inf) else None
        task = bar.add_task("", total=total)
        found = (
            part
            for path in paths
            for part in _parts_of(path, captioner, parts, keep, offsets, bar, task)
        )
        answers = caption_many(captioner, found, category, keep=keep)
        for clip, result, problem, kept in answers:
            bar.advance(task)
            begin, stop = clip.start or 0.0, clip.end
            offset = offsets[clip.path]
            yield Answer(
                clip.path,
                parts.segments is not None and stop is not None,
                begin + offset,
                None if stop is None else stop + offset,
                result,
                problem,
                picture=_picture(kept, keep[0]) if kept else "",
            )


def _parts_of(
    path: str,
    captioner: ClipCaptioner,
    parts: Parts,
    keep: Sequence[FrameRequest],
    offsets: dict[str, float],
    bar: Progress,
    task: TaskID,
) -> Iterator[ClipPart]:
    bar.update(task, description=path)
    offsets[path] = 0.0
    if parts.segments is None:
        yield clip_parts.ClipPart(path, parts.start, parts.end)
        return
    for part, offset in clip_parts.decoded_parts(
        path,
        parts.segments,
        parts.start,
        parts.end,
        captioner.spec,
        keep,
        parts.longest,
    ):
        offsets[path] = offset
        yield part


def _middle() -> tuple[FrameRequest, ...]:
    """Returns the request for a clip's middle frame."""
    from serving.visualization.moments import ShownFrames
    from transform.schema.resize import OwnShape
    from transform.video.frame_requests import FrameRequest

    return (FrameRequest(_PICTURE, ShownFrames((), 1), OwnShape()),)


def _picture(frames: ClipFrames, request: FrameRequest) -> str:
    """Returns the first frame of a request as a URL that holds it."""
    from PIL import Image

    file = io.BytesIO()
    frame = frames.frame_sets[request].first_frames()[0]
    Image.fromarray(frame).save(file, "JPEG", quality=80)
    return f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}"

"""The command `kinescribe caption`, which captions video files."""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kinescribe import (
    caption_outputs,
    caption_run,
    clip_names,
    figure_names,
    model_options,
)
from serving.client import clip_parts

if TYPE_CHECKING:
    import numpy as np
    from rich.console import Console

    from kinescribe.caption_run import Answer
    from serving.client.base import ClipCaptioner
    from serving.client.caption_result import CaptionResult
    from transform.common.location import Location


def command(
    clips: Annotated[
        list[str],
        typer.Argument(
            help="Videos and photographs, or their URIs; folders of them; patterns."
        ),
    ],
    model: model_options.Model = None,
    server: model_options.Server = None,
    model_name: model_options.ModelName = "kinescribe",
    token_file: model_options.TokenFile = "",
    tls_ca: model_options.TlsCa = "",
    tls_cert: model_options.TlsCert = "",
    tls_key: model_options.TlsKey = "",
    tls: model_options.Tls = False,
    start: model_options.Start = None,
    end: model_options.End = None,
    category: model_options.Category = "",
    segments: Annotated[
        str,
        typer.Option(
            metavar="scenes|SECONDS",
            help="Caption each scene, or each so many seconds, of long videos.",
        ),
    ] = "",
    out: Annotated[
        str,
        typer.Option(
            help="A file of the captions: .srt, .vtt, .jsonl, .csv, .txt, .html, "
            ".chapters or .ffmeta; or a folder, for a file a clip."
        ),
    ] = "",
    ending: Annotated[
        str, typer.Option("--format", help="Ending of the files in a folder --out.")
    ] = "srt",
    top_k: Annotated[
        int,
        typer.Option(min=1, help="How many captions to show, if so many were found."),
    ] = 1,
    attention: Annotated[
        str,
        typer.Option(help="Folder for a picture a clip of what the model looked at."),
    ] = "",
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object a clip.")
    ] = False,
) -> int:
    """Say in a sentence what happens in each clip, and how sure of each word it is.

    A clip that cannot be read is named, the others are captioned all the same; the
    exit code is then 1. The percentage is the geometric mean of a caption's words'
    probabilities.
    """
    choice = model_options.ModelChoice(
        model, server, model_name, token_file, tls_ca, tls_cert, tls_key, tls
    )
    choice.check()
    if attention and (segments or out):
        raise typer.BadParameter("--attention goes with neither --segments nor --out")
    cut = clip_parts.parsed(segments)
    paths = clip_names.find(clips)
    files = caption_outputs.CaptionFiles(out, f".{ending}", paths) if out else None
    if cut is None and files and files.subtitles:
        cut = math.inf  # a cue needs an end

    from rich.console import Console

    from transform.common import outputs

    pictures = None
    if attention:
        pictures = _Pictures(outputs.require_folder(attention), start, end)
    if files:
        files.require()
    console = Console(stderr=True)
    captioner = choice.opened(console)
    if pictures:
        answers = _with_pictures(captioner, paths, pictures, category, console)
    else:
        answers = caption_run.caption_all(
            captioner,
            paths,
            caption_run.Parts(cut, start, end),
            category,
            show=bool(files and files.shows_pictures),
        )
    failed = False
    with files or contextlib.nullcontext():
        for answer in answers:
            failed |= bool(answer.problem or answer.picture_problem)
            if answer.picture_problem:
                _complain(console, answer.picture_problem)
            if files:
                files.write(answer.line)
            if answer.result is None:
                _tell(answer, console, as_json)
            elif not files:
                _show(answer, answer.result, top_k, as_json)
    for file in files.written if files else ():
        console.print(f"Written    {file}", markup=False, soft_wrap=True)
    return int(failed)


def _show(answer: Answer, result: CaptionResult, top_k: int, as_json: bool) -> None:
    """Prints the captions of a clip, or of a part of one."""
    captions = caption_run.best(result, top_k)
    if not as_json:
        _print(answer.title, captions)
        return
    part = {"start": answer.start, "end": answer.end} if answer.is_part else {}
    line = {
        "clip": answer.path,
        **part,
        "captions": captions,
        "spec_hash": result.spec_hash,
    }
    print(json.dumps(line), flush=True)


def _tell(answer: Answer, console: Console, as_json: bool) -> None:
    """Prints why a clip has no caption."""
    if as_json:
        line = {"clip": answer.path, "error": str(answer.problem)}
        print(json.dumps(line), flush=True)
    else:
        _complain(console, str(answer.problem))


def _with_pictures(
    captioner: ClipCaptioner,
    paths: Sequence[str],
    pictures: _Pictures,
    category: str,
    console: Console,
) -> Iterator[Answer]:
    """Captions clips one by one, and draws what the model looked at in each."""
    from rich.text import Text

    from serving.client.local_clips import local_clip
    from serving.visualization import filmstrip
    from serving.visualization.explanation import explain
    from transform.common.failures import OutputError
    from transform.video.video_info import DecodeError

    for clip in paths:
        answer = caption_run.Answer(clip, False, 0.0, None, None, None)
        try:
            with (
                console.status(Text(f"Looking at {clip} ...")),
                local_clip(clip) as path,
            ):
                result, view = explain(
                    captioner, path, pictures.start, pictures.end, category
                )
                answer = answer._replace(result=result)
                try:
                    pictures.save(filmstrip.filmstrip(view), path)
                except OutputError as error:
                    problem = f"no picture of {clip}: {error}"
                    answer = answer._replace(picture_problem=problem)
        except DecodeError as error:
            answer = answer._replace(problem=error)
        yield answer


class _Pictures:
    """A folder of pictures, none of which takes the place of another."""

    def __init__(self, folder: Location, start: float | None, end: float | None):
        self._folder = folder
        self.start, self.end = start, end

    def save(self, picture: np.ndarray, clip: str) -> None:
        """Saves a clip's picture, whole or not at all, under a name of its own."""
        from serving.visualization import filmstrip
        from transform.common import outputs

        place = figure_names.free(self._folder, clip, self.start, self.end)
        outputs.write(f"{place}.png", filmstrip.png(picture))


def _complain(console: Console, sentence: str) -> None:
    console.print(f"kinescribe: {sentence}", style="red", markup=False, soft_wrap=True)


def _print(clip: str, captions: list[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(markup=False)
    console.print(clip, style="bold", soft_wrap=True, highlight=False)
    rows = [(f"  {c['caption']}", f"{c['confidence']:.0%} a word") for c in captions]
    if not console.is_terminal:  # a program reads lines, not columns
        for row in rows:
            typer.echo("  ".join(row))
        return
    table = Table.grid(padding=(0, 2))
    table.add_column(overflow="fold")
    table.add_column(justify="right", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    console.print(table)

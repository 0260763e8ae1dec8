"""The command `kinescribe describe`: what a whole video shows, from scene to scene."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from kinescribe import caption_outputs, caption_run, model_options
from serving.client import caption_lines, cues
from serving.client.caption_lines import CaptionLine

if TYPE_CHECKING:
    from rich.console import Console


def command(
    film: Annotated[str, typer.Argument(help="A video, or its URI.")],
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
    every: Annotated[
        Optional[float],
        typer.Option(
            min=0.1, max=1e5, help="Describe each so many seconds, not each scene."
        ),
    ] = None,
    shortest: Annotated[
        float,
        typer.Option(
            min=0, max=600, help="Seconds that a caption stays at least, or to be read."
        ),
    ] = cues.CueLengths().shortest,
    longest: Annotated[
        float,
        typer.Option(
            min=1, max=600, help="Seconds that a caption stays, and a scene lasts."
        ),
    ] = cues.CueLengths().longest,
    out: Annotated[
        Optional[str],
        typer.Option(
            help="A .srt, .vtt, .jsonl, .csv, .txt, .html, .chapters or .ffmeta file; "
            "printed without."
        ),
    ] = None,
    ending: Annotated[
        str, typer.Option("--format", help="Form of what is printed: srt, vtt, ...")
    ] = "srt",
) -> int:
    """Say what a whole video shows, as subtitles, chapters or a table.

    The video is decoded once. Neighbours that say the same become one, and so do those
    too short to be read. A part that cannot be decoded is named, and left out; the exit
    code is then 1.
    """
    choice = model_options.ModelChoice(
        model, server, model_name, token_file, tls_ca, tls_cert, tls_key, tls
    )
    choice.check()
    if shortest > longest:
        raise typer.BadParameter("--shortest is longer than --longest")
    ending = f".{ending}" if out is None else os.path.splitext(out)[1]
    if ending not in caption_lines.FORMATS:
        names = ", ".join(name[1:] for name in caption_lines.FORMATS)
        raise typer.BadParameter(f"no format {ending[1:]!r}; there are {names}")

    from rich.console import Console

    from serving.client.local_clips import local_clip
    from transform.video import reader

    console = Console(stderr=True)
    files = caption_outputs.CaptionFiles(out, ending, [film]) if out else None
    if files:
        files.require()
    lengths = cues.CueLengths(shortest, longest)
    failed = False

    def captions(path: str) -> Iterator[CaptionLine]:
        nonlocal failed
        captioner = choice.opened(console)
        parts = caption_run.Parts(
            "scenes" if every is None else every, start, end, longest
        )
        show = ending in caption_lines.WITH_PICTURES
        for answer in caption_run.caption_all(captioner, [path], parts, category, show):
            if answer.problem:
                failed = True
                complaint = f"kinescribe: {answer.problem}"
                console.print(complaint, style="red", markup=False, soft_wrap=True)
            yield answer.line._replace(clip=film)

    with local_clip(film) as path, _writer(files, ending, console) as write:
        reader.require_clip(path)  # before a model is loaded for it
        for line in cues.joined(captions(path), lengths):
            write(line)
    return int(failed)


@contextlib.contextmanager
def _writer(
    files: caption_outputs.CaptionFiles | None, ending: str, console: Console
) -> Iterator[Callable[[CaptionLine], None]]:
    """Yields what writes a line, to a file or to standard output."""
    if files is None:
        yield caption_lines.FORMATS[ending](sys.stdout)
        return
    with files:
        yield files.write
    for file in files.written:
        console.print(f"Written    {file}", markup=False, soft_wrap=True)

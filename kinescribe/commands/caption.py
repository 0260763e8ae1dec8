"""The command `kinescribe caption`, which captions video files."""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from kinescribe import (
    caption_outputs,
    caption_run,
    clip_names,
    figure_names,
    starter_model,
)
from serving.client import caption_lines, clip_parts

if TYPE_CHECKING:
    import numpy as np
    from rich.console import Console

    from kinescribe.caption_run import Answer
    from serving.client.base import ClipCaptioner
    from serving.client.caption_lines import CaptionLine
    from serving.client.caption_result import CaptionResult
    from transform.common.location import Location


def command(
    clips: Annotated[
        list[str],
        typer.Argument(
            help="Videos and photographs, or their URIs; folders of them; patterns."
        ),
    ],
    model: Annotated[
        Optional[str],
        typer.Option(
            help="A model, or a folder of versions, such as demo/pushed; the starter "
            "model, if neither this nor --server is given.",
        ),
    ] = None,
    server: Annotated[
        Optional[str],
        typer.Option(help="host:port of `kinescribe serve` or TensorFlow Serving."),
    ] = None,
    model_name: Annotated[
        str, typer.Option(help="The model's name on the server.")
    ] = "kinescribe",
    token_file: Annotated[
        str, typer.Option(help="Holds the token for the server.")
    ] = "",
    tls_ca: Annotated[
        str,
        typer.Option(help="Authority that signed the server's certificate (PEM)."),
    ] = "",
    tls_cert: Annotated[str, typer.Option(help="Our certificate (PEM).")] = "",
    tls_key: Annotated[str, typer.Option(help="Its private key (PEM).")] = "",
    tls: Annotated[
        bool, typer.Option("--tls", help="Encrypt, trusting the system's authorities.")
    ] = False,
    start: Annotated[
        Optional[float], typer.Option(help="Caption from this second on.", min=0)
    ] = None,
    end: Annotated[
        Optional[float], typer.Option(help="Caption up to this second.", min=0)
    ] = None,
    category: Annotated[
        str,
        typer.Option(help="What the clips are about, for models that read that."),
    ] = "",
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
            help="A .srt, .vtt, .jsonl, .csv or .txt file of the captions; or a "
            "folder, for a file a clip."
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
    if model and server:
        raise typer.BadParameter("give --model or --server, not both")
    if bool(tls_cert) != bool(tls_key):
        raise typer.BadParameter("--tls-cert and --tls-key go together")
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
    with console.status("Loading the model ..."):
        if server:
            secure = tls or tls_ca or tls_cert
            tls_files = {
                "ca_file": tls_ca,
                "certificate_file": tls_cert,
                "key_file": tls_key,
            }
            captioner = _connect(
                server, model_name, token_file, tls_files if secure else None
            )
        else:
            from serving.client.local_model import LocalModel

            if model is None:
                console.print(starter_model.NOTICE, style="dim", soft_wrap=True)
            captioner = LocalModel(model or starter_model.folder())
    if pictures:
        answers = _with_pictures(captioner, paths, pictures, category, console)
    else:
        answers = caption_run.caption_all(captioner, paths, cut, start, end, category)
    failed = False
    with files or contextlib.nullcontext():
        for answer in answers:
            failed |= bool(answer.problem or answer.picture_problem)
            if answer.picture_problem:
                _complain(console, answer.picture_problem)
            if files:
                files.write(_line(answer))
            if answer.result is None:
                _tell(answer, console, as_json)
            elif not files:
                _show(answer, answer.result, top_k, as_json)
    for file in files.written if files else ():
        console.print(f"Written    {file}", markup=False, soft_wrap=True)
    return int(failed)


def _show(answer: Answer, result: CaptionResult, top_k: int, as_json: bool) -> None:
    """Prints the captions of a clip, or of a part of one."""
    captions = _best(result, top_k)
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


def _line(answer: Answer) -> CaptionLine:
    """Returns what the files of captions say of a clip."""
    best = _best(answer.result, 1) if answer.result else []
    return caption_lines.CaptionLine(
        answer.path,
        answer.start,
        answer.end,
        best[0]["caption"] if best else "",
        best[0]["confidence"] if best else 0.0,
        str(answer.problem or ""),
    )


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


def _connect(
    address: str,
    model_name: str,
    token_file: str,
    tls_files: dict[str, str] | None,
) -> ClipCaptioner:
    from serving.client.grpc_client import Client, ClientTLS
    from serving.credentials import read_token

    return Client(
        address,
        model_name,
        token=read_token(token_file) if token_file else "",
        tls=None if tls_files is None else ClientTLS.from_dict(tls_files),
    )


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


def _best(result: CaptionResult, top_k: int) -> list[dict[str, Any]]:
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

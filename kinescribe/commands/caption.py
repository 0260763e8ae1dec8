"""The command `kinescribe caption`, which captions video files."""

from __future__ import annotations

import json
import math
import pathlib
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

if TYPE_CHECKING:
    from serving.client.base import ClipCaptioner
    from serving.client.caption_result import CaptionResult

DEFAULT_MODEL = "demo/pushed"  # where `kinescribe demo` pushes to


def command(
    clips: Annotated[list[pathlib.Path], typer.Argument(help="Video files.")],
    model: Annotated[
        Optional[str],
        typer.Option(
            help="A model, or a folder of versions; where `kinescribe demo` pushes to, "
            "if neither this nor --server is given.",
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
        Optional[pathlib.Path], typer.Option(help="Holds the token for the server.")
    ] = None,
    tls_ca: Annotated[
        Optional[pathlib.Path],
        typer.Option(help="Authority that signed the server's certificate (PEM)."),
    ] = None,
    tls_cert: Annotated[
        Optional[pathlib.Path], typer.Option(help="Our certificate (PEM).")
    ] = None,
    tls_key: Annotated[
        Optional[pathlib.Path], typer.Option(help="Its private key (PEM).")
    ] = None,
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
    top_k: Annotated[
        int, typer.Option(help="How many captions to show, if so many were found.")
    ] = 1,
    attention: Annotated[
        Optional[pathlib.Path],
        typer.Option(help="Folder for a picture a clip of what the model looked at."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object a clip.")
    ] = False,
) -> int:
    """Say in a sentence what happens in each clip.

    A clip that cannot be read is named, the others are captioned all the same; the
    exit code is then 1.
    """
    if model and server:
        raise typer.BadParameter("give --model or --server, not both")
    if bool(tls_cert) != bool(tls_key):
        raise typer.BadParameter("--tls-cert and --tls-key go together")

    from rich.console import Console

    from transform.video.video_info import DecodeError

    console = Console(stderr=True)
    with console.status("Loading the model ..."):
        if server:
            secure = tls or tls_ca or tls_cert
            files = {
                "ca_file": str(tls_ca or ""),
                "certificate_file": str(tls_cert or ""),
                "key_file": str(tls_key or ""),
            }
            captioner = _connect(
                server, model_name, token_file, files if secure else None
            )
        else:
            from serving.client.local_model import LocalModel

            captioner = LocalModel(model or DEFAULT_MODEL)
    failed = False
    for clip in clips:
        try:
            with console.status(f"Looking at {clip} ..."):
                result = _caption(captioner, clip, start, end, category, attention)
        except DecodeError as error:
            failed = True
            if as_json:
                print(json.dumps({"clip": str(clip), "error": str(error)}))
            else:
                console.print(
                    f"kinescribe: {error}", style="red", markup=False, soft_wrap=True
                )
            continue
        captions = _best(result, top_k)
        if as_json:
            line = {
                "clip": str(clip),
                "captions": captions,
                "spec_hash": result.spec_hash,
            }
            print(json.dumps(line), flush=True)
        else:
            _print(clip, captions)
    return int(failed)


def _connect(
    address: str,
    model_name: str,
    token_file: pathlib.Path | None,
    tls_files: dict[str, str] | None,
) -> ClipCaptioner:
    from serving.client.grpc_client import Client, ClientTLS
    from serving.credentials import read_token

    return Client(
        address,
        model_name,
        token=read_token(str(token_file)) if token_file else "",
        tls=None if tls_files is None else ClientTLS.from_dict(tls_files),
    )


def _caption(
    captioner: ClipCaptioner,
    clip: pathlib.Path,
    start: float | None,
    end: float | None,
    category: str,
    picture_folder: pathlib.Path | None,
) -> CaptionResult:
    if picture_folder is None:
        return captioner.caption_file(clip, start, end, category)

    from serving.visualization import clip_view, filmstrip

    spec, axes = captioner.spec, captioner.weight_axes
    keep = [clip_view.frame_request(spec, axes)]
    extraction = captioner.extract(clip, start, end, keep)
    record = captioner.to_record(extraction, category)
    (result,) = captioner.caption_examples([record])
    (first_pass,) = captioner.caption_first_pass([record]) or (None,)
    view = clip_view.build_view(
        spec,
        axes,
        result,
        clip_view.Clip(clip, extraction.features, extraction.boxes, extraction.frames),
        first_pass,
    )
    picture_folder.mkdir(parents=True, exist_ok=True)
    filmstrip.save(filmstrip.filmstrip(view), picture_folder / f"{clip.name}.png")
    return result


def _best(result: CaptionResult, top_k: int) -> list[dict[str, Any]]:
    """Returns the first captions; a search may find fewer than it has room for."""
    return [
        {"caption": caption, "probability": probability, "log_prob": log_prob}
        for caption, probability, log_prob in zip(
            result.captions, result.probabilities, result.log_probs, strict=True
        )
        if math.isfinite(log_prob)
    ][:top_k]


def _print(clip: pathlib.Path, captions: list[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table.grid(padding=(0, 2))
    table.add_column(overflow="fold")
    table.add_column(justify="right")
    for entry in captions:
        table.add_row(f"  {entry['caption']}", f"{entry['probability']:.1%}")
    console = Console()
    console.print(str(clip), style="bold", markup=False, soft_wrap=True)
    console.print(table, soft_wrap=True)

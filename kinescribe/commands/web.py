"""The command `kinescribe web`, a gateway for people: videos in, captions out."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from kinescribe import listening_options, starter_model
from kinescribe.listening_options import (
    CorsOrigins,
    LogFormat,
    TlsCertificate,
    TlsKey,
    TokenFile,
)

if TYPE_CHECKING:
    from serving.server.config import ServerConfig


def command(
    model_base: Annotated[
        Optional[str],
        typer.Argument(
            help="Folder that models are pushed to: <base>/<number>/; the starter "
            "model, if neither this nor --server is given."
        ),
    ] = None,
    server: Annotated[
        Optional[str],
        typer.Option(help="host:port of `kinescribe serve` or TensorFlow Serving."),
    ] = None,
    model_name: Annotated[
        Optional[list[str]],
        typer.Option(help="A model's name on the server; may be repeated."),
    ] = None,
    keep: Annotated[
        int,
        typer.Option(help="How many of the newest versions can be chosen.", min=1),
    ] = 1,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(help="HTTP port; 0 takes a free one.", min=0, max=65535)
    ] = 8080,
    decoders: Annotated[
        Optional[int],
        typer.Option(help="Processes that decode; two, or one a core.", min=1),
    ] = None,
    max_upload: Annotated[int, typer.Option(help="Most MiB of one file.", min=1)] = 512,
    max_memory: Annotated[
        int, typer.Option(help="Most MiB that decoding a file may take.", min=64)
    ] = 2048,
    max_seconds: Annotated[
        float, typer.Option(help="Most seconds that one clip's decoding takes.", min=1)
    ] = 60.0,
    max_jobs: Annotated[
        int, typer.Option(help="Uploads that wait or run; more are refused.", min=1)
    ] = 16,
    work_folder: Annotated[
        Optional[str],
        typer.Option(help="Where uploads lie while they are captioned."),
    ] = None,
    server_token_file: Annotated[
        Optional[str], typer.Option(help="Holds the token for the server.")
    ] = None,
    server_ca: Annotated[
        Optional[str],
        typer.Option(help="Authority that signed the server's certificate (PEM)."),
    ] = None,
    token_file: TokenFile = None,
    tls_cert: TlsCertificate = None,
    tls_key: TlsKey = None,
    cors_origin: CorsOrigins = None,
    log_format: LogFormat = "text",
) -> None:
    """Offer a page and an HTTP interface that caption videos and photographs.

    Given a folder of models, it serves them to itself; otherwise it asks a server.
    When the port is open, one line of JSON on standard output says where. Ctrl-C or
    SIGTERM ends it.
    """
    if model_base and server:
        raise typer.BadParameter("give a folder of models or --server, not both")
    listening_options.check(tls_cert, tls_key, log_format)
    if server is None and (model_name or server_token_file or server_ca):
        raise typer.BadParameter(
            "--model-name, --server-token-file and --server-ca go with --server"
        )

    listening_options.check_port(host, port, "--port")

    from serving.web import gateway
    from serving.web.config import WebConfig
    from transform.common import outputs

    folder = ""
    if work_folder:
        folder = outputs.require_folder(outputs.require_here(work_folder))
    tls = {"certificate_file": str(tls_cert), "key_file": str(tls_key)}
    settings: dict[str, Any] = {
        "host": host,
        "port": port,
        "work_folder": folder,
        "server_token_file": str(server_token_file or ""),
        "server_ca_file": str(server_ca or ""),
        "token_file": str(token_file or ""),
        "cors_origins": cors_origin or [],
        "tls": tls if tls_cert else None,
        "log_format": log_format,
        "limits": {
            "upload_bytes": max_upload * 2**20,
            "memory_bytes": max_memory * 2**20,
            "clip_seconds": max_seconds,
            "jobs": max_jobs,
        },
        **({"models": model_name} if model_name else {}),
        **({"decoders": decoders} if decoders else {}),
    }
    with _served(model_base, server, keep) as address:
        gateway.run_gateway(
            WebConfig.from_dict(settings | {"server": address}),
            on_ready=lambda line: print(line, flush=True),
        )


@contextlib.contextmanager
def _served(model_base: str | None, server: str | None, keep: int) -> Iterator[str]:
    """Yields the server's address; without one, a model is served meanwhile."""
    if server is not None:
        yield server
        return
    if model_base is None:
        typer.echo(starter_model.NOTICE, err=True)
    from serving.server.server import Server

    with Server(_own_server(model_base or str(starter_model.folder()), keep)) as own:
        yield own.address


def _own_server(model_base: str, keep: int) -> ServerConfig:
    from serving.server.config import ServerConfig

    return ServerConfig.from_dict(
        {
            "model_base": model_base,
            "port": 0,
            "version_policy": {"kind": "latest", "count": keep},
        }
    )

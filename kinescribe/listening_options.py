"""Options of the commands that listen on a port, and what is checked at once."""

from __future__ import annotations

import socket
from typing import Annotated, Optional

import typer

TokenFile = Annotated[
    Optional[str],
    typer.Option(help="Only callers with a token of this file are answered."),
]
TlsCertificate = Annotated[Optional[str], typer.Option(help="Our certificate (PEM).")]
TlsKey = Annotated[Optional[str], typer.Option(help="Its private key (PEM).")]
CorsOrigins = Annotated[
    Optional[list[str]],
    typer.Option(help="Pages of this origin may call over HTTP; may be repeated."),
]
LogFormat = Annotated[
    str, typer.Option(help="Form of the log: text, or json, one object a line.")
]


def check(certificate: str | None, key: str | None, log_format: str) -> None:
    """Raises `BadParameter` unless these options can be used as they are."""
    if bool(certificate) != bool(key):
        raise typer.BadParameter("--tls-cert and --tls-key go together")
    if log_format not in ("text", "json"):
        raise typer.BadParameter("--log-format is text or json")


def check_port(host: str, port: int | None, option: str) -> None:
    """Says that a port is in use before TensorFlow is loaded, which takes a while.

    Raises:
        ServingError: It cannot be opened.
    """
    if not port or host.startswith("unix:"):
        return
    bare = host.strip("[]")
    family = socket.AF_INET6 if ":" in bare else socket.AF_INET
    try:
        socket.create_server((bare, port), family=family).close()
    except OSError as error:
        from serving.errors import ServingError

        raise ServingError(
            f"{host}:{port} cannot be opened: {error.strerror}; choose another "
            f"{option}, or 0 for a free one."
        ) from error

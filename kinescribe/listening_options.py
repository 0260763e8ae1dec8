"""Options of the commands that listen on a port, and what is checked at once."""

from __future__ import annotations

import errno
import socket
from typing import Annotated, Optional

import typer

_WRONG_HOST = frozenset(  # the system's and the resolver's errors
    (
        errno.EADDRNOTAVAIL,
        errno.EAFNOSUPPORT,
        socket.EAI_NONAME,
        socket.EAI_AGAIN,
        socket.EAI_FAIL,
        socket.EAI_ADDRFAMILY,
        socket.EAI_NODATA,
    )
)

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
    """Says that a host is wrong or a port in use before TensorFlow is loaded.

    Raises:
        ServingError: It cannot be opened.
    """
    if port is None or host.startswith("unix:"):
        return
    from serving.common.errors import ServingError

    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    try:
        found = socket.getaddrinfo(bare, port, type=socket.SOCK_STREAM)
        family, _, _, _, address = found[0]
        socket.create_server(address[:2], family=family).close()
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", "") or "it is no name of a host"
        if isinstance(error, OSError) and error.errno not in _WRONG_HOST:
            raise ServingError(
                f"{host}:{port} cannot be opened: {reason}; choose another {option}, "
                "or 0 for a free one."
            ) from error
        raise ServingError(
            f"{host} is no address of this machine: {reason}; choose another --host."
        ) from error

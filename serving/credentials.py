"""Reads keys, certificates and tokens, for the server and for its client."""

from __future__ import annotations

import pathlib

from serving.errors import ServingError


def read_secret(path: str) -> bytes:
    """Returns a file's bytes; `ServingError` names a file that cannot be read."""
    try:
        return pathlib.Path(path).read_bytes()
    except OSError as error:
        raise ServingError(f"cannot read {path}: {error.strerror}.") from error


def read_token(path: str) -> str:
    """Returns the token in a file, without the white space around it."""
    token = read_secret(path).decode(errors="replace").strip()
    if not token or not token.isascii() or not token.isprintable():
        raise ServingError(
            f"{path} must hold one token of printable ASCII characters; make one with "
            "`openssl rand -hex 32`."
        )
    return token

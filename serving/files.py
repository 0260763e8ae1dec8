"""Small files that a connection is made with: keys, certificates, tokens."""

from __future__ import annotations

import pathlib

from serving.errors import ServingError


def read_secret(path: str) -> bytes:
    """A file's bytes; `ServingError` names it when it cannot be read."""
    try:
        return pathlib.Path(path).read_bytes()
    except OSError as error:
        raise ServingError(f"cannot read {path}: {error.strerror}.") from error

"""Reads keys, certificates and tokens, for the server and for its client."""

from __future__ import annotations

from serving.common.errors import ServingError
from transform.common.location import Location, LocationError

MIN_TOKEN = 16  # characters; fewer could be guessed


def read_secret(path: str) -> bytes:
    """Returns a file's bytes; `ServingError` names a file that cannot be read."""
    try:
        return Location(path).read_bytes()
    except LocationError as error:
        raise ServingError(str(error)) from error


def read_token(path: str) -> str:
    """Returns the one token in a client's file, without the white space around it."""
    tokens = read_tokens(path)
    if len(tokens) > 1:
        raise ServingError(f"{path} must hold one token; it holds {len(tokens)}.")
    return tokens[0]


def read_tokens(path: str) -> tuple[str, ...]:
    """Returns the tokens in a server's file, one a line."""
    lines = read_secret(path).decode(errors="replace").splitlines()
    tokens = tuple(line.strip() for line in lines if line.strip())
    fit = (token.isascii() and token.isprintable() for token in tokens)
    if not tokens or not all(fit) or min(map(len, tokens)) < MIN_TOKEN:
        raise ServingError(
            f"{path} must hold one token a line, each of {MIN_TOKEN} or more printable "
            "ASCII characters; make one with `openssl rand -hex 32`."
        )
    return tokens

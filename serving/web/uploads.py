"""Reads the file of a request, as it comes, into the working folder."""

from __future__ import annotations

import asyncio
import errno
import pathlib
import time
import urllib.parse
from collections.abc import AsyncIterator
from typing import BinaryIO, NamedTuple, Protocol

from python_multipart import multipart
from python_multipart.exceptions import MultipartParseError
from starlette.requests import ClientDisconnect, Request

from serving.web.config import WebLimits
from serving.web.media_types import HEAD_BYTES, media_type
from serving.web.refusals import WebError

FIELD = "file"  # the part of a form that is read; a nameless body is one itself
_MULTIPART = "multipart/form-data"
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
_NAME = 200  # characters of a file's name that are kept


class Upload(NamedTuple):
    """A file that has come whole."""

    name: str  # that its owner gave it; never used as a path
    media_type: str  # by its first bytes


async def receive(request: Request, path: pathlib.Path, limits: WebLimits) -> Upload:
    """Writes the file that a request holds; a form's other fields are passed over.

    Args:
        request: A form with a part `file`, or a body that is the file itself.
        path: Where the file is written.
        limits: How large it may be, and how long it may take.

    Raises:
        WebError: The request holds no video or photograph, or exceeds a limit; or the
            disk is full.
    """
    if request.headers.get("content-encoding", "identity") != "identity":
        raise WebError(415, "compressed bodies are not unpacked here.")
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limits.upload_bytes + 2**16:
        raise _too_large(limits)
    try:
        return await _written(request, path, limits)
    except OSError as error:
        if error.errno not in _NO_ROOM:
            raise
        raise WebError(507, "there is no room for the file just now.") from error


async def _written(request: Request, path: pathlib.Path, limits: WebLimits) -> Upload:
    kind, options = multipart.parse_options_header(
        request.headers.get("content-type", "")
    )
    with path.open("wb") as file:
        target = _File(file, limits)
        body: _Body
        if kind.decode("latin-1").lower() == _MULTIPART:
            body = _Form(options.get(b"boundary", b""), target)
        else:
            target.name = request.headers.get("x-filename", "")
            body = target
        try:
            async for chunk in _chunks(request, limits):
                body.write(chunk)
            body.finish()
        except MultipartParseError as error:
            raise WebError(400, "the form cannot be read.") from error
    if target.size == 0:
        raise WebError(
            400, f"send a video or a photograph as the form's part {FIELD!r}, or alone."
        )
    found = media_type(bytes(target.head))
    if found is None:
        raise WebError(
            415,
            f"cannot decode {target.title}: it does not begin as any video or "
            "photograph does that can be read here.",
        )
    return Upload(target.title, found)


class _Body(Protocol):
    """What takes the bytes of a request."""

    def write(self, chunk: bytes) -> object: ...

    def finish(self) -> None: ...


class _File:
    """The file that is written, up to a size."""

    def __init__(self, file: BinaryIO, limits: WebLimits):
        self._file = file
        self._limits = limits
        self.name = ""
        self.size = 0
        self.head = bytearray()

    @property
    def title(self) -> str:
        """The file's name without folders, as people read it."""
        name = urllib.parse.unquote(self.name).replace("\\", "/").rpartition("/")[2]
        printable = "".join(sign for sign in name if sign.isprintable())
        return printable[:_NAME] or "the file"

    def write(self, chunk: bytes) -> None:
        self.size += len(chunk)
        if self.size > self._limits.upload_bytes:
            raise _too_large(self._limits)
        if len(self.head) < HEAD_BYTES:
            self.head += chunk[: HEAD_BYTES - len(self.head)]
        self._file.write(chunk)

    def finish(self) -> None:
        """Nothing is left to do: every byte is the file's."""


class _Form:
    """A form, the first part `file` of which goes into the file."""

    def __init__(self, boundary: bytes, target: _File):
        if not boundary:
            raise MultipartParseError("no boundary")
        self._target = target
        self._header, self._value = b"", b""
        self._disposition = b""
        self._writes = self._found = False
        self._parser = multipart.MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_header_field": self._field,
                "on_header_value": self._add_value,
                "on_header_end": self._end_header,
                "on_headers_finished": self._choose,
                "on_part_data": self._data,
                "on_part_end": self._end,
            },
        )

    def write(self, chunk: bytes) -> None:
        self._parser.write(chunk)

    def finish(self) -> None:
        self._parser.finalize()
        if self._writes:
            raise MultipartParseError("the file's end is missing")

    def _begin(self) -> None:
        self._header, self._value, self._disposition = b"", b"", b""

    def _field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _add_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _end_header(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._disposition = self._value
        self._header, self._value = b"", b""

    def _choose(self) -> None:
        _, options = multipart.parse_options_header(self._disposition)
        if options.get(b"name") == FIELD.encode() and not self._found:
            self._writes = self._found = True
            self._target.name = options.get(b"filename", b"").decode(errors="replace")

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._writes:
            self._target.write(data[start:end])

    def _end(self) -> None:
        self._writes = False


async def _chunks(request: Request, limits: WebLimits) -> AsyncIterator[bytes]:
    """Yields a body that comes steadily; `WebError` if it stops, or its sender does."""
    deadline = time.monotonic() + limits.upload_seconds
    chunks = request.stream()
    total = 0
    while True:
        left = min(limits.silent_seconds, deadline - time.monotonic())
        try:
            chunk = await asyncio.wait_for(anext(chunks), max(left, 0.001))
        except StopAsyncIteration:
            return
        except asyncio.TimeoutError as error:
            raise WebError(408, "the file did not come in time.") from error
        except ClientDisconnect as error:
            raise WebError(499, "the caller has hung up.") from error
        total += len(chunk)
        if total > limits.upload_bytes + 2**20:  # a form's other parts
            raise _too_large(limits)
        yield chunk


def _too_large(limits: WebLimits) -> WebError:
    return WebError(
        413,
        f"files of more than {limits.upload_bytes / 2**20:.4g} MiB are not taken here.",
    )

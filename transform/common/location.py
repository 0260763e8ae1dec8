"""`Location`: where a file or a folder lies, on a disk or in a bucket."""

from __future__ import annotations

import os
import pathlib
import posixpath
import re
import stat
from collections.abc import Callable, Iterator
from typing import Any

from transform.common import failures
from transform.common.errors import KinescribeError

_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*)://", re.IGNORECASE)
_WEB = frozenset({"http", "https", "ftp", "ftps"})
_NOT_DOWNLOADED = "it is a web address; download it first and name the file"


class LocationError(KinescribeError, OSError):
    """Raised where a file cannot be read; `reason` says why, without its name."""

    def __init__(self, place: str, reason: str) -> None:
        super().__init__(f"cannot read {place}: {reason}.")
        self.place = place
        self.reason = reason

    def __reduce__(self) -> tuple:  # crosses process borders in Beam
        return type(self), (self.place, self.reason)


class Location(str):
    """A path, or the URI of a file system that TensorFlow knows, as `gs://bucket/x`.

    It is a string, to be handed to whatever opens files. Made of a path, it has `~`
    expanded and `file://` taken away; a URI stays letter for letter as it is, while
    `pathlib` would take a slash from it. As the type of a setting it refuses addresses
    of web pages, which nothing here downloads.

        Location("gs://bucket/data/train.csv").beside("clips/a.mp4")
        # Location("gs://bucket/data/clips/a.mp4")
    """

    def __new__(cls, place: str | os.PathLike[str] = "") -> Location:
        """Returns the location of a path or URI; one that is one already, itself."""
        if isinstance(place, Location):
            return place
        text = os.fspath(place)
        if text.lower().startswith("file://"):
            text = text[len("file://") :]
        if text.startswith("~"):
            text = os.path.expanduser(text)
        return super().__new__(cls, text)

    @property
    def scheme(self) -> str:
        """What stands before `://`, in lower case; '' of a path on this machine."""
        match = _SCHEME.match(self)
        return match[1].lower() if match else ""

    @property
    def is_remote(self) -> bool:
        """Whether it is a URI, which Python's own functions cannot open."""
        return bool(self.scheme)

    @property
    def is_web(self) -> bool:
        """Whether it is the address of a web page or download."""
        return self.scheme in _WEB

    @property
    def name(self) -> str:
        """The last part of it."""
        return posixpath.basename(self.rstrip("/"))

    @property
    def stem(self) -> str:
        """The last part without its ending."""
        return posixpath.splitext(self.name)[0]

    @property
    def parent(self) -> Location:
        """The folder that it lies in; '' for a bare name, as in `os.path`."""
        return Location(posixpath.dirname(self.rstrip("/")))

    def __truediv__(self, other: str | os.PathLike[str]) -> Location:
        """Returns a place in this folder; one that stands by itself stays as it is."""
        inner = Location(other)
        if inner.is_remote or posixpath.isabs(inner) or not self:
            return inner
        if self.is_remote:
            return Location(f"{self.rstrip('/')}/{inner}")
        return Location(pathlib.PurePosixPath(self, inner))

    def beside(self, other: str | os.PathLike[str]) -> Location:
        """Returns a place in the folder of this file, as annotations name clips."""
        return self.parent / other

    def read_bytes(self) -> bytes:
        """Returns the content of the file whole.

        Raises:
            LocationError: It cannot be read.
        """
        self.refuse_web()
        try:
            if not self.is_remote:
                with open(self, "rb") as local:
                    self._refuse_device(os.fstat(local.fileno()).st_mode)
                    return local.read()
            import tensorflow as tf  # buckets alone need it

            with tf.io.gfile.GFile(self, "rb") as file:
                return file.read()
        except LocationError:
            raise
        except Exception as error:
            if not failures.is_outside(error) and not isinstance(error, ValueError):
                raise
            raise LocationError(self, failures.reason(error)) from error

    def read_text(self) -> str:
        """Returns the text of a UTF-8 file, without a byte order mark.

        Raises:
            LocationError: It cannot be read, or is in another encoding.
        """
        data = self.read_bytes()
        try:
            return data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            utf16 = data.startswith((b"\xff\xfe", b"\xfe\xff"))
            raise LocationError(
                self,
                "it is not UTF-8 text"
                + (" but UTF-16" if utf16 else "")
                + f": byte {error.start} does not fit; save it as UTF-8",
            ) from error

    def refuse_device(self) -> None:
        """Raises `LocationError` if it is a device, which may give bytes for ever."""
        if not self.is_remote and os.path.exists(self):
            self._refuse_device(os.stat(self).st_mode)

    def _refuse_device(self, mode: int) -> None:
        """Refuses by a file's mode; pipes end, and so does what is typed."""
        if stat.S_ISBLK(mode) or (stat.S_ISCHR(mode) and not _is_terminal(self)):
            raise LocationError(self, "it is a device, not a file")

    def refuse_web(self) -> None:
        """Raises `LocationError` if it is a web address."""
        if self.is_web:
            raise LocationError(self, _NOT_DOWNLOADED)

    @classmethod
    def __get_validators__(cls) -> Iterator[Callable[[Any], Location]]:
        yield cls._validate

    @classmethod
    def _validate(cls, value: Any) -> Location:
        if not isinstance(value, str | os.PathLike):
            raise TypeError("a path or a URI is expected")
        location = cls(value)
        if location.is_web:
            raise ValueError(_NOT_DOWNLOADED)
        if "\0" in location:
            raise ValueError("it holds a NUL character")
        return location


def _is_terminal(path: str) -> bool:
    try:
        with open(path, "rb") as file:
            return os.isatty(file.fileno())
    except OSError:
        return False

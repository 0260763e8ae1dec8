"""`local_clip`: a clip's file on this machine, wherever it lies."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

from transform.common.location import Location, LocationError
from transform.video.video_info import DecodeError


@contextlib.contextmanager
def local_clip(clip: str) -> Iterator[str]:
    """Yields the path of a clip's file, which is copied if it lies in a bucket.

    Whoever asks for a clip while another has its copy shares that.

    Raises:
        DecodeError: There is no such file there.
    """
    location = Location(clip)
    if not location.is_remote:
        yield location  # the decoder says what is wrong with it
        return
    with _lock:
        copy = _copies.setdefault(clip, _Copy(location))
        copy.users += 1
    try:
        yield copy.path()
    finally:
        with _lock:
            copy.users -= 1
            if not copy.users:
                del _copies[clip]
                copy.remove()


class _Copy:
    """A copy of a clip in a bucket, made when it is first asked for."""

    def __init__(self, location: Location):
        self.users = 0
        self._location = location
        self._making = threading.Lock()
        self._stack = contextlib.ExitStack()
        self._path = ""

    def path(self) -> str:
        with self._making:
            if not self._path:
                from transform.common import storage  # TensorFlow's: buckets need it

                try:
                    copied = storage.local_copy(self._location)
                    self._path = self._stack.enter_context(copied)
                except FileNotFoundError as error:
                    raise DecodeError(
                        self._location, "there is no such file"
                    ) from error
                except LocationError as error:
                    raise DecodeError(self._location, error.reason) from error
            return self._path

    def remove(self) -> None:
        self._stack.close()


_lock = threading.Lock()
_copies: dict[str, _Copy] = {}  # that somebody uses, by the clips' names

"""Reads one clip's imported feature, and makes it fit its description."""

from __future__ import annotations

import io
import tokenize
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import h5py
import numpy as np
import tensorflow as tf

from transform.common.config import Config, ConfigError
from transform.common.location import Location
from transform.datasets import VideoRecord
from transform.schema import Imported
from transform.schema.features.feature_files import (
    PLACEHOLDERS,
    Evenly,
    FeatureFiles,
    First,
    H5File,
    NpyFiles,
    NpzFiles,
)

MAX_BYTES = 1 << 32  # of one clip's feature; more is damage, or the wrong file

_DAMAGED = (
    ValueError,  # a header that says nonsense, Python objects, too few values …
    TypeError,
    SyntaxError,
    tokenize.TokenError,
    EOFError,
    KeyError,
    OSError,  # … HDF5's own complaints …
    RuntimeError,
    NotImplementedError,
    MemoryError,
    zipfile.BadZipFile,
    zlib.error,
)


class ImportProblem(Exception):  # noqa: N818
    """A clip's feature cannot be used; the message names no clip, so that it counts.

    Names of files have their placeholders instead.
    """


class AbsentFeature(ImportProblem):
    """The files of an imported feature do not have the clip."""


def read(feature: Imported, clip: VideoRecord) -> np.ndarray:
    """Reads a clip's values: (1…max_steps, *shape) float16.

    An array without the axis of steps is one step, and leading axes of size 1 that are
    too many are left out.

    Raises:
        AbsentFeature: The files do not have the clip.
        ImportProblem: What they have cannot be used.
    """
    files = feature.files
    if files is None:
        raise ImportProblem(f"{feature.name}: its specification names no files")
    try:
        values = _READERS[type(files)](files, clip)
        return _halves(_limited(_shaped(values, feature, files), feature, files))
    except ImportProblem as error:
        raise type(error)(f"{feature.name}: {error}") from error.__cause__


def check_names(feature: Imported, clips: Sequence[VideoRecord]) -> None:
    """Raises `ConfigError` if clips of several videos would share one set of values.

    `{stem}` is the same for files of one name in two folders.
    """
    files = feature.files
    if files is None:
        return
    first: dict[tuple[str, str], VideoRecord] = {}
    for clip in clips:
        inside = getattr(files, "dataset", "")
        place = _filled(files.file, clip), _filled(inside, clip)
        other = first.setdefault(place, clip)
        if other.uri != clip.uri:
            raise ConfigError(
                f"feature {feature.name}: {' '.join(place).strip()} would be of clip "
                f"{other.video_id!r} and of {clip.video_id!r}, which are other videos; "
                "name files by {video_id}."
            )


def paths(feature: Imported, clip: VideoRecord) -> list[str]:
    """Returns the files in which a clip's values are looked for."""
    return [_filled(feature.files.file, clip)] if feature.files else []


# ------------------------------------------------------------------------- formats


def _read_npy(files: NpyFiles, clip: VideoRecord) -> np.ndarray:
    data = io.BytesIO(_content(files.file, clip))
    try:
        return np.lib.format.read_array(data, allow_pickle=False)
    except _DAMAGED as error:
        raise ImportProblem(
            f"{files.file} is damaged, or no .npy file of numbers"
        ) from error


def _read_npz(files: NpzFiles, clip: VideoRecord) -> np.ndarray:
    data = io.BytesIO(_content(files.file, clip))
    try:
        if not zipfile.is_zipfile(data):
            raise ImportProblem(f"{files.file} is damaged, or no .npz file of numbers")
        data.seek(0)
        with np.load(data, allow_pickle=False) as arrays:
            names = sorted(arrays.files)
            if not files.key and len(names) != 1:
                raise ImportProblem(
                    f"{files.file} has the arrays {', '.join(names) or '(none)'}: name "
                    "one by files.key"
                )
            key = files.key or names[0]
            if key not in names:
                raise AbsentFeature(f"{files.file} has no array {key}")
            return arrays[key]
    except _DAMAGED as error:
        raise ImportProblem(
            f"{files.file} is damaged, or no .npz file of numbers"
        ) from error


def _read_h5(files: H5File, clip: VideoRecord) -> np.ndarray:
    path = _filled(files.file, clip)
    name = _filled(files.dataset, clip)
    try:
        with _opened(path) as file, h5py.File(file, "r") as content:
            found = content.get(name)
            if found is None:
                raise AbsentFeature(f"{files.file} has no data set {files.dataset}")
            if not isinstance(found, h5py.Dataset):
                raise ImportProblem(
                    f"{files.file}: {files.dataset} is a group, of "
                    f"{', '.join(sorted(found)[:5])}: name a data set by files.dataset"
                )
            if found.nbytes > MAX_BYTES:
                raise ImportProblem(f"{files.file}: {files.dataset} is too large")
            return found[()]
    except FileNotFoundError as error:
        raise AbsentFeature(f"there is no {files.file}") from error
    except PermissionError as error:
        raise ImportProblem(f"{files.file} cannot be read") from error
    except _DAMAGED as error:
        raise ImportProblem(f"{files.file} is damaged, or no HDF5 file") from error


_READERS: Mapping[type[Config], Callable[[Any, VideoRecord], np.ndarray]] = {
    NpyFiles: _read_npy,
    NpzFiles: _read_npz,
    H5File: _read_h5,
}


def _content(template: str, clip: VideoRecord) -> bytes:
    try:
        with tf.io.gfile.GFile(_filled(template, clip), "rb") as file:
            if file.size() > MAX_BYTES:
                raise ImportProblem(f"{template} is too large")
            return file.read()
    except tf.errors.NotFoundError as error:
        raise AbsentFeature(f"there is no {template}") from error
    except tf.errors.OpError as error:
        raise ImportProblem(f"{template} cannot be read") from error


def _opened(path: str) -> io.IOBase:
    return _Remote(path) if Location(path).is_remote else open(path, "rb")


class _Remote(io.RawIOBase):
    """A file on any file system that TensorFlow knows, read where it is looked at."""

    def __init__(self, path: str):
        self._file = tf.io.gfile.GFile(path, "rb")
        try:
            self._size = self._file.size()
        except tf.errors.OpError as error:
            raise FileNotFoundError(path) from error

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._file.tell()

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = (0, self._file.tell(), self._size)[whence]
        self._file.seek(start + offset)
        return start + offset

    def readinto(self, buffer: Any) -> int:
        data = self._file.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


def _filled(template: str, clip: VideoRecord) -> str:
    stem = Location(clip.uri).stem
    return template.format_map(
        dict(zip(PLACEHOLDERS, (clip.video_id, stem, clip.split), strict=True))
    )


# --------------------------------------------------------------------------- values


def _shaped(values: Any, feature: Imported, files: FeatureFiles) -> np.ndarray:
    """Checks and reshapes values to (steps, *shape) numbers."""
    if not isinstance(values, np.ndarray) or values.dtype.kind not in "fiu":
        kind = getattr(values, "dtype", type(values).__name__)
        raise ImportProblem(f"{files.file} holds {kind}, not numbers")
    found = values
    if files.axes:
        if found.ndim != len(files.axes):
            raise ImportProblem(
                f"{files.file} has {_sizes(values)}, but files.axes orders "
                f"{len(files.axes)} axes"
            )
        found = found.transpose(files.axes)
    rank = len(feature.shape)
    while found.ndim > rank + 1 and found.shape[0] == 1:
        found = found[0]
    if found.ndim == rank:
        found = found[None]
    if found.shape[1:] != feature.shape:
        raise ImportProblem(
            f"{files.file} has {_sizes(values)}, but (steps, "
            f"{', '.join(map(str, feature.shape))}) is declared"
        )
    if not len(found):
        raise AbsentFeature(f"{files.file} has no step")
    return found


def _limited(values: np.ndarray, feature: Imported, files: FeatureFiles) -> np.ndarray:
    """Reduces the steps to at most `max_steps` of them."""
    steps, limit = len(values), feature.max_steps
    if steps <= limit:
        return values
    if isinstance(files.too_many, Evenly):
        # The centre of part n is (n + 1/2) · steps / limit, as in `FrameSampling`.
        return values[(2 * np.arange(limit) + 1) * steps // (2 * limit)]
    if isinstance(files.too_many, First):
        return values[:limit]
    raise ImportProblem(f"{files.file} has more than {limit} steps")


def _halves(values: np.ndarray) -> np.ndarray:
    if not np.isfinite(values).all():
        raise ImportProblem("it has values that are not finite")
    with np.errstate(over="ignore"):
        halves = values.astype(np.float16)
    if not np.isfinite(halves).all():
        raise ImportProblem(
            "it has values beyond ±65,504, which is as far as float16 goes"
        )
    return halves


def _sizes(values: np.ndarray) -> str:
    """Names the shape without the number of steps, which differs between clips."""
    if values.ndim < 2:
        return f"shape {values.shape}"
    return f"shape (…, {', '.join(map(str, values.shape[1:]))})"

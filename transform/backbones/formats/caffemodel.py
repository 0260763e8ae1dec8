"""Reads Caffe's binary files: `.caffemodel` (weights) and `.binaryproto` (a blob).

Both are protocol buffers, read here by their wire format alone. Of a network, its
layers' names and blobs are looked at, in Caffe's first form (`layers`) as well as its
second (`layer`). Blobs come in two dialects: BVLC's, with four sizes or a `shape` of
any number, and that of C3D's fork of Caffe, which put a fifth size, `length`, among
them and so moved every field behind it by one.
"""

from __future__ import annotations

import math
import mmap
import pathlib
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from transform.common.weight_files import WeightsError

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


class _LayerForm(NamedTuple):
    """Field numbers of a network's list of layers, and of a layer's name and blobs."""

    layers: int
    name: int
    blobs: int


class _BlobForm(NamedTuple):
    """Field numbers of a blob's sizes, in the order of its axes, and of its values."""

    sizes: tuple[int, ...]
    data: int


_LAYER_FORMS = (_LayerForm(2, name=4, blobs=6), _LayerForm(100, name=1, blobs=7))
_BVLC = _BlobForm(sizes=(1, 2, 3, 4), data=5)
_C3D = _BlobForm(sizes=(1, 2, 3, 4, 5), data=6)
_SHAPE = 7  # BVLC's message of sizes, which themselves are its field 1


def read(path: pathlib.Path) -> dict[str, tuple[np.ndarray, ...]]:
    """Reads the blobs of every layer that has some, by the layer's name.

    Packed values are not copied: they are read from the file when they are used.

    Returns:
        float32 arrays: of a convolution (out, in, [time,] rows, columns), of a fully
        connected layer (out, in); axes of one are as the file has them.

    Raises:
        WeightsError: The file is cut off, or is none of Caffe's.
    """
    try:
        layers = dict(_layers(_mapped(path)))
    except (ValueError, UnicodeDecodeError) as error:
        raise WeightsError(f"{path} is not a model of Caffe: {error}.") from error
    if not layers:
        raise WeightsError(f"{path} is not a model of Caffe: no layer has weights.")
    return layers


def read_blob(path: pathlib.Path) -> np.ndarray:
    """Reads the blob that is the whole of a file, as float32.

    Raises:
        WeightsError: The file is cut off, or is none of Caffe's.
    """
    try:
        return _blob(_mapped(path))
    except ValueError as error:
        raise WeightsError(f"{path} is not a blob of Caffe: {error}.") from error


def _layers(network: memoryview) -> Iterator[tuple[str, tuple[np.ndarray, ...]]]:
    for field in _fields(network):
        for form in _LAYER_FORMS:
            if field.number == form.layers and field.wire == _BYTES:
                parts = [part for part in _fields(field.content) if part.wire == _BYTES]
                names = [part.content for part in parts if part.number == form.name]
                blobs = [part.content for part in parts if part.number == form.blobs]
                if names and blobs:
                    yield bytes(names[0]).decode(), tuple(map(_blob, blobs))


def _blob(message: memoryview) -> np.ndarray:
    fields = list(_fields(message))
    # Field 5 is a size in C3D's dialect and holds the values in BVLC's.
    form = _C3D if any(f.number == 5 and f.wire == _VARINT for f in fields) else _BVLC
    sizes = {f.number: f.varint for f in fields if f.wire == _VARINT}
    shape = [sizes[number] for number in form.sizes if number in sizes]
    if form is _BVLC:
        for field in fields:
            if field.number == _SHAPE and field.wire == _BYTES:
                shape = _shape(field.content)
    data = [
        np.frombuffer(f.content, "<f4")
        for f in fields
        if f.number == form.data and f.wire in (_BYTES, _FIXED32)
    ]
    values = data[0] if len(data) == 1 else np.concatenate([*data, np.zeros(0, "<f4")])
    if not shape or math.prod(shape) != values.size:
        raise ValueError(f"a blob of shape {shape} has {values.size} values")
    return values.reshape(shape)


def _shape(message: memoryview) -> list[int]:
    sizes = []
    for field in _fields(message):
        if field.number == 1 and field.wire == _VARINT:
            sizes.append(field.varint)
        if field.number == 1 and field.wire == _BYTES:
            start = 0
            while start < len(field.content):
                size, start = _varint(field.content, start)
                sizes.append(size)
    return sizes


# ------------------------------------------------------------------ wire format


class _Field(NamedTuple):
    """One field of a message: a varint, or the bytes of anything else."""

    number: int
    wire: int
    varint: int
    content: memoryview


def _mapped(path: pathlib.Path) -> memoryview:
    with path.open("rb") as file:
        if path.stat().st_size == 0:
            raise ValueError("it is empty")
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


def _fields(message: memoryview) -> Iterator[_Field]:
    start = 0
    while start < len(message):
        key, start = _varint(message, start)
        number, wire = key >> 3, key & 7
        varint = size = 0
        if wire == _VARINT:
            varint, start = _varint(message, start)
        elif wire == _BYTES:
            size, start = _varint(message, start)
        elif wire in (_FIXED32, _FIXED64):
            size = 4 if wire == _FIXED32 else 8
        else:
            raise ValueError(f"field {number} has the unknown wire type {wire}")
        if start + size > len(message):
            raise ValueError(f"field {number} is cut off")
        yield _Field(number, wire, varint, message[start : start + size])
        start += size


def _varint(message: memoryview, start: int) -> tuple[int, int]:
    """Returns the number that begins at `start`, and the index behind it."""
    number = shift = 0
    for position in range(start, min(start + 10, len(message))):
        byte = message[position]
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, position + 1
        shift += 7
    raise ValueError("a number is cut off")

"""Writes the parts of Caffe's protocol buffers that a file of weights consists of."""

import numpy as np


def varint(value):
    content = bytearray()
    while value >= 0x80:
        content.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*content, value])


def number(field, value):
    return varint(field << 3) + varint(value)


def message(field, content):
    return varint(field << 3 | 2) + varint(len(content)) + content


def text(field, value):
    return message(field, value.encode())


def packed(field, values):
    return message(field, np.asarray(values, "<f4").tobytes())


def loose(field, values):
    return b"".join(
        varint(field << 3 | 5) + value.tobytes()
        for value in np.asarray(values, "<f4").ravel()
    )


def c3d_blob(values, is_packed=True):
    """A blob as C3D's fork writes it: five sizes, the first ones being 1."""
    sizes = (1,) * (5 - values.ndim) + values.shape
    numbers = [number(index + 1, size) for index, size in enumerate(sizes)]
    return b"".join(numbers) + (packed if is_packed else loose)(6, values)


def shaped_blob(values, is_packed=True):
    """A blob as later versions of Caffe write it."""
    sizes = message(1, b"".join(map(varint, values.shape)))
    return (packed if is_packed else loose)(5, values) + message(7, sizes)


def first_form(name, blobs):
    """A layer of the list `layers`."""
    content = text(2, "a blob below") + text(4, name) + number(5, 30)
    return message(2, content + b"".join(message(6, blob) for blob in blobs))


def second_form(name, blobs):
    """A layer of the list `layer`."""
    content = text(1, name) + text(2, "Convolution")
    return message(100, content + b"".join(message(7, blob) for blob in blobs))

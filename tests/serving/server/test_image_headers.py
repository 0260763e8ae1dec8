"""Pictures are judged by their headers: what a decoder would suffer from is refused."""

from __future__ import annotations

import io
import struct
import time
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from serving.server.image_headers import ImageHeaderError, jpeg_size, png_size


def picture(height: int = 48, width: int = 16, mode: str = "L", **options) -> bytes:
    noise = np.random.default_rng(1).integers(0, 256, (height, width), np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).convert(mode).save(file, **options)
    return file.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + bytes(4)


def test_our_own_encoders_pictures_pass():
    assert jpeg_size(picture(format="JPEG", quality=90)) == (48, 16)
    assert png_size(picture(format="PNG")) == (48, 16)


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (picture(format="JPEG", progressive=True), "no baseline JPEG"),
        (picture(format="JPEG", mode="RGB"), "no baseline JPEG in grey"),
        (picture(format="PNG"), "is no JPEG"),
        (picture(format="GIF"), "is no JPEG"),
        (picture(format="BMP"), "is no JPEG"),
        (picture(format="JPEG")[:30], "damaged"),
        (b"\xff\xd8" + b"\xff\xda\x00\x08" + bytes(6), "damaged"),
        (b"", "is no JPEG"),
    ],
)
def test_other_pictures_are_no_jpeg_of_ours(data, fault):
    with pytest.raises(ImageHeaderError, match=fault):
        jpeg_size(data)


def test_a_second_frame_header_does_not_hide_behind_the_first():
    data = picture(format="JPEG")
    frame = data.index(b"\xff\xc0")
    header = data[frame : frame + 13]
    with pytest.raises(ImageHeaderError):
        jpeg_size(data[:frame] + header + data[frame:])


def test_thousands_of_scans_are_refused_at_once():
    progressive = picture(format="JPEG", progressive=True)
    scan = progressive.index(b"\xff\xda")
    bomb = progressive[:scan] + progressive[scan : scan + 10] * 100_000
    begun = time.perf_counter()
    with pytest.raises(ImageHeaderError):
        jpeg_size(bomb)
    assert time.perf_counter() - begun < 0.05


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (picture(format="PNG", mode="RGB"), "no plain PNG"),
        (picture(format="PNG", mode="1"), "no plain PNG"),
        (picture(format="JPEG"), "is no PNG"),
        (picture(format="PNG")[:40], "damaged"),
        (picture(format="PNG")[:-12], "damaged"),
    ],
)
def test_other_pictures_are_no_png_of_ours(data, fault):
    with pytest.raises(ImageHeaderError, match=fault):
        png_size(data)


def test_compressed_text_beside_a_picture_is_refused():
    data = picture(format="PNG")
    text = chunk(b"zTXt", b"bomb\0\0" + zlib.compress(bytes(10**6)))
    end = data.index(b"IDAT") - 4
    with pytest.raises(ImageHeaderError, match="more than a picture"):
        png_size(data[:end] + text + data[end:])


@given(st.binary(max_size=60), st.integers(0, 200))
def test_no_bytes_do_worse_than_a_refusal(noise, position):
    for size_of, kind in ((jpeg_size, "JPEG"), (png_size, "PNG")):
        data = bytearray(picture(format=kind))
        data[position : position + len(noise)] = noise
        for bytes_ in (bytes(data), noise):
            try:
                size = size_of(bytes_)
            except ImageHeaderError:
                continue
            assert size.height >= 0 and size.width >= 0

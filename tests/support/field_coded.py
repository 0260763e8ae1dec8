"""H.264 whose pictures are coded as two fields each, as camcorders write it.

No encoder at hand writes such streams, so the bits are put together here: pictures of
raw samples (I_PCM), each field in a slice and in a packet of its own.
"""

from __future__ import annotations

import pathlib
from fractions import Fraction

import av

_COLUMNS, _ROWS = 4, 2  # macroblocks of a field: frames of 64 × 64
SIZE = (16 * _COLUMNS, 32 * _ROWS)  # width and height of frames


class _Bits:
    """Bits in the order in which H.264 writes them."""

    def __init__(self) -> None:
        self._bits: list[int] = []

    def fixed(self, size: int, value: int) -> None:
        self._bits += [value >> place & 1 for place in reversed(range(size))]

    def golomb(self, *values: int) -> None:
        """Adds unsigned exponential Golomb codes."""
        for value in values:
            size = (value + 1).bit_length()
            self.fixed(2 * size - 1, value + 1)

    def align(self) -> None:
        self._bits += [0] * (-len(self._bits) % 8)

    def unit(self, importance: int, kind: int) -> bytes:
        """Returns a NAL unit of all bits, with its start code."""
        self._bits.append(1)
        self.align()
        text = "".join(map(str, self._bits))
        payload = int(text, 2).to_bytes(len(text) // 8, "big")
        escaped, zeros = bytearray(), 0
        for byte in payload:
            if zeros >= 2 and byte <= 3:
                escaped.append(3)
                zeros = 0
            escaped.append(byte)
            zeros = zeros + 1 if byte == 0 else 0
        return b"\0\0\0\1" + bytes([importance << 5 | kind]) + bytes(escaped)


def _headers(rate: int) -> bytes:
    """Returns sequence and picture parameters: fields, twice as many as frames."""
    sequence = _Bits()
    for size, value in ((8, 77), (8, 0x40), (8, 20)):  # main profile, level 2
        sequence.fixed(size, value)
    sequence.golomb(0, 4, 2, 1)  # id, 8 bits of frame numbers, order as coded, 1 frame
    sequence.fixed(1, 0)
    sequence.golomb(_COLUMNS - 1, _ROWS - 1)
    for value in (0, 0, 1, 0):  # not frames alone, no pairs, direct 8 × 8, no crop
        sequence.fixed(1, value)
    sequence.fixed(1, 1)  # how it is to be shown:
    sequence.fixed(4, 0)
    for size, value in ((1, 1), (32, 1), (32, 2 * rate), (1, 1)):
        sequence.fixed(size, value)
    sequence.fixed(4, 0)
    picture = _Bits()
    picture.golomb(0, 0)
    picture.fixed(2, 0)
    picture.golomb(0, 0, 0)
    picture.fixed(3, 0)
    picture.golomb(0, 0, 0)
    picture.fixed(3, 0)
    return sequence.unit(3, 7) + picture.unit(3, 8)


def _field(number: int, bottom: bool) -> bytes:
    first = number == 0 and not bottom
    bits = _Bits()
    bits.golomb(0, 7, 0)  # the first macroblock, an intra slice, the parameters
    bits.fixed(8, number % 256)
    bits.fixed(1, 1)
    bits.fixed(1, bottom)
    if first:
        bits.golomb(0)
        bits.fixed(2, 0)
    else:
        bits.fixed(1, 0)
    bits.golomb(0)
    for block in range(_COLUMNS * _ROWS):
        bits.golomb(25)  # I_PCM
        bits.align()
        grey = 40 + (7 * number + 11 * block) % 180
        for sample in [grey] * 256 + [128] * 128:
            bits.fixed(8, sample)
    return bits.unit(3, 5 if first else 1)


def write(
    path: pathlib.Path, frames: int, *, second_stamped: bool, rate: int = 25
) -> None:
    """Writes a clip, of a size that cannot be chosen.

    Args:
        path: The file; in MPEG-TS each field has a packet, elsewhere each frame.
        frames: Their number.
        second_stamped: Whether a frame's second field has a stamp of its own.
        rate: Frames a second.
    """
    ticks_of_field = 90_000 // (2 * rate)
    delimiter = b"\0\0\0\1\x09\x10"
    fields = [
        delimiter
        + (_headers(rate) if number % 12 == 0 and not bottom else b"")
        + _field(number, bottom)
        for number in range(frames)
        for bottom in (False, True)
    ]
    apart = path.suffix == ".ts" and second_stamped
    pairs = [fields[at] + fields[at + 1] for at in range(0, len(fields), 2)]
    units, ticks = (fields, ticks_of_field) if apart else (pairs, 2 * ticks_of_field)
    raw = path.with_suffix(".h264")
    raw.write_bytes(b"".join(fields))
    with (
        av.open(str(raw), format="h264") as source,
        av.open(str(path), "w") as container,
    ):
        stream = container.add_stream_from_template(source.streams.video[0])
        for number, data in enumerate(units):
            packet = av.Packet(data)
            packet.stream, packet.time_base = stream, Fraction(1, 90_000)
            packet.pts = packet.dts = number * ticks
            packet.duration = ticks
            packet.is_keyframe = number == 0
            container.mux(packet)
    raw.unlink()

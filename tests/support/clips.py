"""Real clips whose every frame says its own number, and the traps among them."""

from __future__ import annotations

import pathlib
import struct
from collections.abc import Callable, Sequence
from fractions import Fraction

import av
import numpy as np

SOUND_RATE = 48_000
BARS = 10  # binary digits of a frame's number, lowest first, from left to right


def picture(number: int, width: int = 160, height: int = 120) -> np.ndarray:
    """(height, width, 3) uint8: the number as bars above, a moving ramp below."""
    bits = (number >> np.arange(BARS)) & 1
    columns = np.arange(width) * BARS // width
    image = np.empty((height, width, 3), np.uint8)
    image[:] = np.where(bits[columns], 220, 30)[None, :, None]
    below = slice(height // 2, height)
    image[below, :, 0] = (np.arange(width) + 5 * number) % 128 + 60
    image[below, :, 1] = 40
    image[below, :, 2] = 200
    return image


def number_of(image: np.ndarray) -> int:
    """The number of an RGB or grey picture, of any size."""
    grey = image if image.ndim == 2 else image.mean(axis=-1)
    height, width = grey.shape
    row = grey[height // 8 : height // 4].mean(axis=0)
    centres = ((np.arange(BARS) + 0.5) * width / BARS).astype(int)
    return int(((row[centres] > 125) << np.arange(BARS)).sum())


def write(
    path: pathlib.Path,
    frames: int = 60,
    *,
    codec: str = "libx264",
    pixel_format: str = "yuv420p",
    size: tuple[int, int] = (160, 120),
    rate: int = 30,
    options: dict[str, str] | None = None,
    container_options: dict[str, str] | None = None,
    milliseconds: Sequence[int] | None = None,
    sound: str = "",
    turn: Callable[[np.ndarray], np.ndarray] = lambda image: image,
) -> pathlib.Path:
    """Encodes numbered frames, with a tone of 440 Hz where `sound` names a codec."""
    # Matroska draws identifiers whose size varies, and with it where damage falls.
    repeatable = {"fflags": "+bitexact", **(container_options or {})}
    with av.open(str(path), "w", options=repeatable) as container:
        stream = container.add_stream(codec, rate=rate)
        shown = turn(picture(0, *size))
        stream.height, stream.width = shown.shape[:2]
        stream.pix_fmt = pixel_format
        stream.options = options or {}
        stream.codec_context.thread_count = 1
        if milliseconds is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        track = container.add_stream(sound, rate=SOUND_RATE) if sound else None
        for number in range(frames):
            image = np.ascontiguousarray(turn(picture(number, *size)))
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            # The encoder's own conversion, on several threads, may give other bytes.
            frame = frame.reformat(format=pixel_format, threads=1)
            if milliseconds is not None:
                frame.pts = milliseconds[number]
                frame.time_base = Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if track is not None:
            _write_tone(container, track, frames / rate)
    return path


def write_tone(path: pathlib.Path, codec: str = "aac", seconds: float = 1.0) -> None:
    """A file with sound only."""
    with av.open(str(path), "w") as container:
        track = container.add_stream(codec, rate=SOUND_RATE)
        _write_tone(container, track, seconds)


def write_two_streams(path: pathlib.Path) -> pathlib.Path:
    """An unnumbered thumbnail stream before the numbered one, which is the default."""
    with av.open(str(path), "w") as container:
        small = container.add_stream("libx264", rate=30)
        small.width, small.height, small.pix_fmt = 64, 48, "yuv420p"
        large = container.add_stream("libx264", rate=30)
        large.width, large.height, large.pix_fmt = 160, 120, "yuv420p"
        small.disposition = av.stream.Disposition(0)
        large.disposition = av.stream.Disposition.default
        for number in range(30):
            blank = np.full((48, 64, 3), 90, np.uint8)
            for stream, image in ((small, blank), (large, picture(number))):
                frame = av.VideoFrame.from_ndarray(image, format="rgb24")
                container.mux(stream.encode(frame))
        for stream in (small, large):
            container.mux(stream.encode(None))
    return path


def rotate(path: pathlib.Path, degrees_clockwise: int) -> pathlib.Path:
    """Makes players turn an MP4 or MOV, as cameras that were held upright do."""
    data = bytearray(path.read_bytes())
    cosine, sine = {90: (0, 1), 180: (-1, 0), 270: (0, -1)}[degrees_clockwise]
    matrix = [cosine, sine, 0, -sine, cosine, 0, 0, 0]
    fixed = struct.pack(">9i", *(value << 16 for value in matrix), 1 << 30)
    at = data.index(b"tkhd") + 4 + 40
    data[at : at + 36] = fixed
    path.write_bytes(data)
    return path


def truncate(path: pathlib.Path, share: float) -> pathlib.Path:
    """Keeps the first part of a file."""
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    return path


def scramble(
    path: pathlib.Path, start: float, count: int, seed: int = 0
) -> pathlib.Path:
    """Overwrites `count` bytes from a relative position with random ones."""
    data = bytearray(path.read_bytes())
    at = int(len(data) * start)
    data[at : at + count] = np.random.default_rng(seed).bytes(count)
    path.write_bytes(data)
    return path


def scramble_packet(path: pathlib.Path, number: int, seed: int = 0) -> pathlib.Path:
    """Overwrites all of one picture's packet but its first bytes; no other's."""
    with av.open(str(path)) as container:
        packets = [bytes(packet) for packet in container.demux(video=0)]
    data = bytearray(path.read_bytes())
    at, end = data.index(packets[number]), len(packets[number])
    kept = 16  # the headers, without which the packet itself were lost
    data[at + kept : at + end] = np.random.default_rng(seed).bytes(end - kept)
    path.write_bytes(data)
    return path


def flip(path: pathlib.Path, target: pathlib.Path, seed: int) -> pathlib.Path:
    """A copy with up to 64 random bytes changed, anywhere."""
    generator = np.random.default_rng(seed)
    data = np.frombuffer(path.read_bytes(), np.uint8).copy()
    count = int(generator.integers(1, 65))
    places = generator.integers(0, len(data), count)
    data[places] = generator.integers(0, 256, count, dtype=np.uint8)
    target.write_bytes(data.tobytes())
    return target


def _write_tone(container: av.container.OutputContainer, track, seconds: float) -> None:
    time = np.arange(round(seconds * SOUND_RATE)) / SOUND_RATE
    tone = (0.5 * np.sin(2 * np.pi * 440 * time)).astype(np.float32)
    resampler = av.AudioResampler(
        track.codec_context.format,
        track.codec_context.layout,
        SOUND_RATE,
        frame_size=1024,
    )
    for begin in range(0, tone.size, 1024):
        part = tone[None, begin : begin + 1024]
        frame = av.AudioFrame.from_ndarray(part, format="fltp", layout="mono")
        frame.sample_rate = SOUND_RATE
        frame.pts = begin
        for ready in resampler.resample(frame):
            container.mux(track.encode(ready))
    for ready in resampler.resample(None):
        container.mux(track.encode(ready))
    container.mux(track.encode(None))

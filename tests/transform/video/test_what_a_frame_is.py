"""Fields, pixels that are not square, stamps that begin anew: as players show it."""

from __future__ import annotations

import pathlib
from fractions import Fraction

import av
import numpy as np
import pytest

from tests.support import clips, field_coded
from transform.schema.frame_placement import FrameSampling
from transform.schema.resize import CentreCrop, Letterbox, OwnShape, ShortSide, Stretch
from transform.video import reader
from transform.video.frame_requests import FrameRequest

FITS = (
    Stretch(),
    CentreCrop(rows=64, columns=86),
    ShortSide(side=64),
    Letterbox(),
    OwnShape(),
)


def read(path, fits=(), start=None, end=None):
    requests = [FrameRequest(60, resize=fit) for fit in fits]
    frames = reader.read_frames(path, FrameSampling(frames=4), requests, start, end)
    return frames, [frames.frame_sets[request] for request in requests]


# --------------------------------------------------------------------------- fields


@pytest.mark.parametrize("name", ["a.ts", "a.mp4", "a.mkv"])
@pytest.mark.parametrize("stamped", [True, False])
def test_two_packets_of_one_picture_are_one_frame(name, stamped, tmp_path):
    field_coded.write(tmp_path / name, 24, second_stamped=stamped)
    info = reader.inspect(tmp_path / name)
    assert (info.status, info.reason) == ("ok", "")
    assert (info.frames, info.packets_lost, info.fps) == (24, 0, 25.0)
    assert info.seconds == pytest.approx(24 / 25)
    frames, _ = read(tmp_path / name)
    np.testing.assert_allclose(frames.frame_seconds, np.arange(24) / 25, atol=1e-6)


def test_a_progressive_clip_of_many_frames_a_second_keeps_them(tmp_path):
    clips.write(tmp_path / "a.ts", 50, rate=50)
    info = reader.inspect(tmp_path / "a.ts")
    assert (info.status, info.frames, info.fps) == ("ok", 50, 50.0)


# -------------------------------------------------------------------- pixels' aspect


@pytest.fixture(scope="module")
def wide(tmp_path_factory):
    """Clips of 90 × 120 pixels that are shown as 160 × 120, and one of such pixels."""
    folder = tmp_path_factory.mktemp("wide")
    for name in ("a.mp4", "a.mkv", "a.ts"):
        anamorphic(folder / name, Fraction(16, 9))
    return folder


def anamorphic(path: pathlib.Path, aspect: Fraction) -> pathlib.Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 90, 120, "yuv420p"
        stream.codec_context.sample_aspect_ratio = aspect
        for number in range(10):
            image = np.ascontiguousarray(clips.picture(number, 90, 120))
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts"])
def test_frames_have_the_proportions_that_players_show(wide, name):
    info = reader.inspect(wide / name)
    assert (info.width, info.height, info.status) == (160, 120, "ok")
    assert info.pixel_aspect == pytest.approx(16 / 9)
    _, (_, _, short, letter, own) = read(wide / name, FITS)
    assert own.frames.shape[1:3] == (45, 60)
    assert short.frames.shape[1:3] == letter.frames.shape[1:3] == (60, 60)
    grey = letter.frames[0].mean(axis=(1, 2))  # of each row
    assert (grey[:6] < 3).all() and (grey[-6:] < 3).all() and grey[10] > 20


def test_every_fit_is_that_of_a_clip_with_square_pixels(wide, tmp_path):
    clips.write(tmp_path / "square.mp4", 10, rate=10, options={"qp": "1"})
    (tmp_path / "wide").mkdir()
    _, found = read(wide / "a.mp4", FITS)
    _, expected = read(tmp_path / "square.mp4", FITS)
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.frames.shape == theirs.frames.shape
        near = np.abs(ours.frames.astype(int) - theirs.frames.astype(int))
        assert near.mean() < 12  # a clip of other pixels, encoded anew


@pytest.mark.parametrize("aspect", [Fraction(1, 1), Fraction(200, 1), Fraction(1, 99)])
def test_an_aspect_that_no_camera_has_is_not_believed(aspect, tmp_path):
    info = reader.inspect(anamorphic(tmp_path / "a.mp4", aspect))
    assert (info.width, info.height, info.pixel_aspect) == (90, 120, 1.0)


def test_a_turned_clip_is_widened_the_right_way(tmp_path):
    clips.rotate(anamorphic(tmp_path / "a.mp4", Fraction(16, 9)), 90)
    info = reader.inspect(tmp_path / "a.mp4")
    assert (info.width, info.height) == (120, 160)
    _, [own] = read(tmp_path / "a.mp4", [OwnShape()])
    assert own.frames.shape[1:3] == (60, 45)


# ------------------------------------------------------------- stamps that begin anew


@pytest.fixture(scope="module")
def joined(tmp_path_factory):
    """Two recordings of 20 frames at 10 a second, and a third one, joined by bytes."""
    folder = tmp_path_factory.mktemp("joined")
    part = clips.write(folder / "part.ts", 20, rate=10).read_bytes()
    (folder / "joined.ts").write_bytes(part * 3)
    return folder / "joined.ts"


def test_joined_recordings_follow_each_other(joined):
    info = reader.inspect(joined)
    assert (info.frames, info.packets_lost, info.fps) == (60, 0, 10.0)
    assert info.seconds == pytest.approx(6.0)
    assert info.reason == "time stamps begin anew: 3 parts, one after another"
    frames, _ = read(joined)
    np.testing.assert_allclose(frames.frame_seconds, np.arange(60) / 10, atol=1e-6)


@pytest.mark.parametrize(("start", "end", "numbers"), [(1, 3, 20), (2, None, 40)])
def test_a_part_of_joined_recordings_is_where_it_is_shown(joined, start, end, numbers):
    assert reader.inspect(joined, start, end).frames == numbers
    _, [own] = read(joined, [OwnShape()], start, end)
    centres = (np.arange(4) * 2 + 1) * numbers // 8 + start * 10
    assert [clips.number_of(f) for f in own.frames] == list(centres % 20)


def test_one_damaged_stamp_is_no_part(tmp_path):
    packets = [timeline_packet(n) for n in range(20)]
    packets[7] = packets[7]._replace(dts=90_000 * 500, stamp=90_000 * 500)
    assert leaps_of(packets) == ()
    packets[7] = packets[7]._replace(dts=0, stamp=0)
    assert leaps_of(packets) == ()


def test_a_clock_that_wraps_or_leaps_goes_on():
    first = [timeline_packet(n, 2**33 - 50_000) for n in range(5)]
    second = [timeline_packet(n, first=5) for n in range(5)]
    [(at, offset)] = leaps_of([*first, *second])
    assert at == 5 and second[0].stamp + offset == first[-1].stamp + 9_000
    third = [timeline_packet(n, 90_000 * 3600, first=10) for n in range(5)]
    assert [at for at, _ in leaps_of([*first, *second, *third])] == [5, 10]


def timeline_packet(number, stamp=0, first=0):
    from transform.video.timeline import _Packet

    stamp += 9_000 * number
    return _Packet(first + number, stamp, stamp, 9_000, True, True)


def leaps_of(packets):
    from transform.video.timeline import _leaps

    return _leaps(packets, Fraction(1, 90_000), True)


# -------------------------------------------------- what is no other frame, or another


def test_a_picture_of_the_cover_is_not_the_video(tmp_path):
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as container:
        cover = container.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 640, 360, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        film = container.add_stream("libx264", rate=10)
        film.width, film.height, film.pix_fmt = 64, 48, "yuv420p"
        for stream, count in ((cover, 1), (film, 10)):
            for number in range(count):
                image = clips.picture(number, stream.width, stream.height)
                frame = av.VideoFrame.from_ndarray(image, format="rgb24")
                container.mux(stream.encode(frame.reformat(format=stream.pix_fmt)))
            container.mux(stream.encode(None))
    info = reader.inspect(path)
    assert (info.status, info.frames, info.width, info.height) == ("ok", 10, 64, 48)


def test_frames_of_another_size_on_the_way_have_that_of_the_first(tmp_path):
    small = clips.write(tmp_path / "small.ts", 10, rate=10, size=(64, 48))
    large = clips.write(tmp_path / "large.ts", 10, rate=10, size=(128, 96))
    (tmp_path / "both.ts").write_bytes(small.read_bytes() + large.read_bytes())
    info = reader.inspect(tmp_path / "both.ts")
    assert (info.frames, info.packets_lost, info.width) == (20, 0, 64)
    _, [own] = read(tmp_path / "both.ts", [OwnShape()])
    assert own.frames.shape[:3] == (4, 45, 60)
    assert [clips.number_of(frame) for frame in own.frames] == [2, 7, 2, 7]

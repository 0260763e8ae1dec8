"""One pass over a film gives what reading each of its segments by itself gives."""

import itertools

import av
import numpy as np
import pytest

from tests.support import clips
from tests.transform.video.test_segments import RATE, SCENES, film
from transform.schema import FrameSampling
from transform.video import one_pass, reader, segments, timeline
from transform.video.decoder import StreamDecoder
from transform.video.frame_requests import FrameRequest

__all__ = ["film"]

SAMPLING = FrameSampling(frames=3, window=3)
REQUESTS = (FrameRequest(48), FrameRequest(32, pixels="gray", chunk_size=3))


def by_length(path, seconds, start=None, end=None):
    wanted = one_pass.Wanted(SAMPLING, REQUESTS, start, end)
    return list(one_pass.by_length(path, timeline.demux(path), seconds, wanted))


def by_scenes(path, longest=float("inf"), start=None, end=None):
    wanted = one_pass.Wanted(SAMPLING, REQUESTS, start, end)
    return list(one_pass.by_scenes(path, timeline.demux(path), wanted, longest))


def assert_as_read_alone(path, found):
    """Holds what has frames against `read_frames` of the same seconds."""
    for segment, frames in found:
        if frames is None:
            continue
        alone = reader.read_frames(path, SAMPLING, REQUESTS, *segment)
        assert frames.info == alone.info
        assert np.array_equal(frames.key_seconds, alone.key_seconds)
        assert np.array_equal(frames.frame_seconds, alone.frame_seconds)
        for request in REQUESTS:
            one, other = frames.frame_sets[request], alone.frame_sets[request]
            assert np.array_equal(one.rows, other.rows)
            assert np.array_equal(one.frames, other.frames)


@pytest.fixture
def decoded(monkeypatch):
    """The number of times that frames were decoded, file by file."""
    opened = []
    original = StreamDecoder.frames

    def frames(self, *bounds):
        opened.append(self.path)
        return original(self, *bounds)

    monkeypatch.setattr(StreamDecoder, "frames", frames)
    return opened


@pytest.mark.parametrize(
    ("seconds", "start", "end"),
    [(1.0, None, None), (0.7, None, None), (2.5, 1.3, 6.05), (1e9, None, None)],
)
def test_lengths_are_what_reading_each_gives(film, decoded, seconds, start, end):
    found = by_length(film, seconds, start, end)
    assert len(decoded) == 1
    assert all(frames is not None for _, frames in found)
    cut = segments.by_length(timeline.demux(film), seconds)
    assert [each.segment for each in found] == segments.clipped(cut, start, end)
    assert_as_read_alone(film, found)


def test_scenes_are_found_and_read_at_once(film, decoded):
    found = by_scenes(film)
    assert len(decoded) == 1
    assert all(frames is not None for _, frames in found)
    expected = segments.by_scenes(film, timeline.demux(film))
    assert [each.segment for each in found] == expected
    assert_as_read_alone(film, found)


def test_long_scenes_are_cut(film):
    found = by_scenes(film, longest=1.2)
    lengths = [segment.end - segment.start for segment, _ in found]
    assert max(lengths) <= 1.2 + 1 / RATE
    assert len(found) > len(SCENES)
    for one, other in itertools.pairwise(found):
        assert one.segment.end == other.segment.start
    assert found[-1].segment.end == pytest.approx(sum(SCENES) / RATE)
    assert_as_read_alone(film, found)


def test_scenes_between_two_moments(film):
    found = by_scenes(film, start=1.0, end=5.0)
    assert (found[0].segment.start, found[-1].segment.end) == (1.0, 5.0)
    assert found[0].segment.end == pytest.approx(SCENES[0] / RATE)
    assert_as_read_alone(film, found)


def test_frames_that_take_too_much_room_are_held_as_requests_need_them(
    film, monkeypatch
):
    monkeypatch.setattr(one_pass, "_HELD_BYTES", 10 * 160 * 120)
    found = by_scenes(film)
    assert all(frames is not None for _, frames in found)
    assert_as_read_alone(film, found)


def test_scenes_too_long_even_so_are_left_to_be_read_by_themselves(film, monkeypatch):
    monkeypatch.setattr(one_pass, "_HELD_BYTES", 0)
    picture = 48 * 48 * 3 + 32 * 32
    monkeypatch.setattr(one_pass, "_CONVERTED_BYTES", 45 * picture)
    found = by_scenes(film)
    assert [each.segment for each in found] == segments.by_scenes(
        film, timeline.demux(film)
    )
    # The third scene of 50 frames is too long; the last begins among lost frames.
    assert [frames is not None for _, frames in found] == [True, True, False, False]
    assert_as_read_alone(film, found)


def test_damage_is_read_by_itself_and_the_rest_in_one_pass(tmp_path):
    path = clips.write(tmp_path / "c.mkv", 200, rate=20, options={"g": "10", "bf": "0"})
    with av.open(str(path)) as container:
        packets = [p for p in container.demux(video=0) if p.size]
        hurt = packets[105]
        position, size = hurt.pos, hurt.size
    data = bytearray(path.read_bytes())
    place = data.find(bytes(hurt), position) + size // 2
    data[place : place + size // 4] = bytes(size // 4)
    path.write_bytes(data)
    found = by_length(path, 1.0)
    assert reader.inspect(path).status == "repaired"
    without = [number for number, each in enumerate(found) if each.frames is None]
    assert without == [5, 6]  # frames 100 to 119, and what may share its damage
    assert_as_read_alone(path, found)


def test_long_segments_are_left_to_seeking(tmp_path, decoded):
    path = clips.write(tmp_path / "c.mp4", 900, rate=30, options={"g": "15"})
    found = by_length(path, 15.0)
    assert [frames for _, frames in found] == [None, None]
    assert not decoded


def test_a_gap_without_frames_is_told_by_reading_it(tmp_path):
    stamps = [50 * n for n in range(20)] + [4000 + 50 * n for n in range(20)]
    path = clips.write(tmp_path / "c.mkv", 40, rate=20, milliseconds=stamps)
    found = by_length(path, 1.0)
    assert [frames is not None for _, frames in found] == [
        *(True, False, False, False, True),
    ]
    assert_as_read_alone(path, found)

import itertools

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support import clips
from transform.schema import FrameSampling
from transform.video import reader, segments, timeline
from transform.video.frame_requests import FrameRequest
from transform.video.video_info import DecodeError

RATE = 20
COLOURS = ((200, 30, 30), (20, 180, 40), (40, 40, 220), (230, 220, 60))
SCENES = (40, 30, 50, 35)  # frames


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """Four scenes, of a colour and a moving bar each."""
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=RATE, options={"g": "12"})
        stream.width, stream.height = 160, 120
        for colour, frames in zip(COLOURS, SCENES, strict=True):
            for number in range(frames):
                picture = np.full((120, 160, 3), colour, np.uint8)
                picture[:, number : number + 20] = 128
                frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
                container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def test_scenes_begin_where_the_picture_changes(film):
    index = timeline.demux(film)
    found = segments.by_scenes(film, index)
    begins = np.cumsum([0, *SCENES]) / RATE
    assert [segment.start for segment in found] == pytest.approx(begins[:-1], abs=0.051)
    assert [segment.end for segment in found] == pytest.approx(begins[1:], abs=0.051)


@settings(deadline=None)
@given(seconds=st.floats(0.1, 20))
def test_pieces_follow_one_another_over_the_whole_film(film, seconds):
    index = timeline.demux(film)
    found = segments.by_length(index, seconds)
    assert found[0].start == 0.0
    assert found[-1].end == pytest.approx(sum(SCENES) / RATE)
    for one, other in itertools.pairwise(found):
        assert one.end == other.start
        assert one.end - one.start == pytest.approx(seconds)
    assert found[-1].end - found[-1].start <= max(1.5 * seconds, 0) + 1e-6 or (
        len(found) == 1
    )


def test_parts_of_a_kept_index_are_what_scanning_each_gives(film):
    bounds = [(None, None), (0.0, 1.0), (1.33, 2.0), (5.0, None), (7.7, 7.75)]
    alone = [timeline.scan(film, start, end) for start, end in bounds]
    with timeline.kept(film):
        cut = [timeline.scan(film, start, end) for start, end in bounds]
    for one, other in zip(alone, cut, strict=True):
        assert np.array_equal(one.timestamps, other.timestamps)
        assert (one.first, one.fps, one.missing) == (
            *(other.first, other.fps, other.missing),
        )
        assert one.seconds == pytest.approx(other.seconds)


def test_a_kept_file_is_demuxed_once(film, monkeypatch):
    demuxed = []
    original = timeline._demux
    monkeypatch.setattr(
        timeline, "_demux", lambda *args: demuxed.append(1) or original(*args)
    )
    request = FrameRequest(32)
    with timeline.kept(film):
        for start in range(5):
            frames = reader.read_frames(
                film, FrameSampling(frames=3), [request], start, start + 1
            )
            assert frames.info.frames == RATE
    assert len(demuxed) == 1
    timeline.scan(film, None, None)
    assert len(demuxed) == 2


def test_a_stream_that_begins_late_says_how_late(tmp_path):
    path = clips.write(tmp_path / "late.mkv", 20, sound="aac")
    assert timeline.demux(path).offset == pytest.approx(0, abs=0.05)
    late = tmp_path / "shifted.mkv"
    with av.open(str(path)) as source, av.open(str(late), "w") as target:
        streams = {s.index: target.add_stream_from_template(s) for s in source.streams}
        for packet in source.demux():
            if packet.dts is None:
                continue
            if packet.stream.type == "video":
                shift = round(0.5 / packet.time_base)
                packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
            packet.stream = streams[packet.stream.index]
            target.mux(packet)
    assert timeline.demux(late).offset == pytest.approx(0.5, abs=0.05)


def test_a_broken_file_is_one_sentence(tmp_path):
    path = tmp_path / "broken.mp4"
    path.write_text("no video")
    with pytest.raises(DecodeError), timeline.kept(path):
        pass
    assert not timeline._kept

"""Whatever a clip is, it is what FFmpeg's own decoding says, which PyAV brings.

Drawn are container, codec, rate, fields, aspect of pixels, rotation and time stamps.
"""

from __future__ import annotations

import pathlib
from fractions import Fraction

import av
import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.support import any_clips, clips
from tests.support.any_clips import AnyClip
from transform.schema.frame_placement import FrameSampling
from transform.schema.resize import OwnShape
from transform.video import reader
from transform.video.frame_requests import FrameRequest

OWN = FrameRequest(60, resize=OwnShape())


def check_like_ffmpeg(folder: pathlib.Path, clip: AnyClip) -> None:
    path = clip.write(folder)
    info = reader.inspect(path, wanted=1)
    try:
        container = av.open(str(path))
    except av.error.FFmpegError:  # a file of less bytes than it takes to know its kind
        assert info.status == "failed"
        return
    with container:
        stream = container.streams.video[0]
        decoded = list(container.decode(stream))
        aspect = stream.sample_aspect_ratio or Fraction(1)
        stamps = np.array([float(frame.pts * frame.time_base) for frame in decoded])
    count = len(decoded)
    seconds = stamps - stamps[0]
    said = ""
    if clip.stamps == "joined":  # whose stamps only FFmpeg's tool would put right
        assert (np.diff(seconds) < 0).any()
        seconds = np.arange(count) / float(clip.rate)
        said = "time stamps begin anew: 2 parts, one after another"
    assert (info.reason, info.packets_lost) == (said, 0), clip
    assert info.status == ("repaired" if said else "ok")
    assert info.frames == count == len(clip.indices())
    if count > 1:
        rate = (count - 1) / (seconds[-1] - seconds[0])
        assert info.fps == pytest.approx(rate, rel=0.06)
        assert info.seconds == pytest.approx(count / info.fps, rel=0.06)
    turned = decoded[0].rotation % 360
    assert info.rotation == turned == clip.turn
    shown = decoded[0].width * aspect / decoded[0].height
    upright = shown if turned % 180 == 0 else 1 / shown
    assert info.width / info.height == pytest.approx(float(upright), rel=0.03)
    found = reader.read_frames(path, FrameSampling(frames=3), [OWN])
    np.testing.assert_allclose(found.frame_seconds, seconds, atol=0.002)
    pictures = found.frame_sets[OWN].frames
    assert pictures.shape[2] / pictures.shape[1] == pytest.approx(
        float(upright), rel=0.05
    )
    if clip.fields.startswith("apart"):
        return
    keys = (2 * np.arange(len(pictures)) + 1) * count // (2 * len(pictures))
    assert [
        clips.number_of(np.rot90(picture, -turned // 90)) for picture in pictures
    ] == [int(key) % clip.frames for key in keys]


CLIPS = st.builds(
    AnyClip,
    kind=st.sampled_from(any_clips.KINDS),
    rate=st.sampled_from(any_clips.RATES),
    frames=st.integers(2, 24),
    fields=st.sampled_from(any_clips.FIELDS),
    aspect=st.sampled_from(any_clips.ASPECTS),
    size=st.sampled_from(any_clips.SIZES),
    turn=st.sampled_from([0, 90, 180, 270]),
    stamps=st.sampled_from(any_clips.STAMPS),
).map(AnyClip.fitted)
QUICK = settings(
    max_examples=16,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@QUICK
@given(clip=CLIPS)
@example(AnyClip(("ts", "libx264"), fields="apart"))
@example(AnyClip(("ts", "libx264"), fields="apart, one stamp", stamps="joined"))
@example(AnyClip(("ts", "mpeg2video"), stamps="wrapping"))
@example(AnyClip(("mpg", "mpeg2video"), aspect=Fraction(16, 11), stamps="joined"))
@example(AnyClip(("mkv", "libx264"), frames=2, rate=24, stamps="late"))
@example(AnyClip(("webm", "libvpx"), stamps="late"))
@example(AnyClip(("mp4", "libx264"), aspect=Fraction(16, 11), turn=90, stamps="slow"))
def test_a_clip_is_what_ffmpeg_says(tmp_path, clip):
    check_like_ffmpeg(tmp_path, clip)


@pytest.mark.slow
@settings(QUICK, max_examples=600, derandomize=False)
@given(clip=CLIPS)
def test_many_clips_are_what_ffmpeg_says(tmp_path, clip):
    check_like_ffmpeg(tmp_path, clip)

import contextlib
import json
import pathlib
import pickle
import types

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support import clips
from tests.support.paths import SHARED
from transform import schema
from transform.video import decoder, reader, timeline
from transform.video.decoder import StreamDecoder
from transform.video.frame_requests import FrameRequest
from transform.video.video_info import DecodeError, VideoInfo

REAL = SHARED / "clips"
SAMPLING = schema.FrameSampling(frames=6, window=3)
KEYS = FrameRequest(48)
WINDOWS = FrameRequest(64, pixels="gray", chunk_size=3)
CLOCK = FrameRequest(48, schema.WholeClip(max_frames=99, fps=2))


def _read(path: pathlib.Path, **bounds: float) -> reader.ClipFrames:
    return reader.read_frames(path, SAMPLING, [KEYS, WINDOWS], **bounds)


def _numbers(read: reader.ClipFrames, request: FrameRequest) -> list[list[int]]:
    """The numbers that the frames of each run show."""
    frames, rows = read.frame_sets[request]
    return np.array([clips.number_of(image) for image in frames])[rows].tolist()


def _keys(read: reader.ClipFrames) -> list[int]:
    return [number for (number,) in _numbers(read, KEYS)]


def _windows(read: reader.ClipFrames) -> list[list[int]]:
    return _numbers(read, WINDOWS)


def _steps(read: reader.ClipFrames, request: FrameRequest) -> np.ndarray:
    """(N, size, size, 3): the first frame of each run."""
    frames, rows = read.frame_sets[request]
    return frames[rows[:, 0]]


# ------------------------------------------------------------- which frames


def test_key_frames_stand_at_the_centres_of_equal_segments(tmp_path) -> None:
    read = _read(clips.write(tmp_path / "a.mp4", 60))
    assert read.info.status == "ok"
    assert _keys(read) == [5, 15, 25, 35, 45, 55]
    assert _windows(read) == [[key - 1, key, key + 1] for key in _keys(read)]
    np.testing.assert_allclose(read.key_seconds, np.array(_keys(read)) / 30)


def test_every_size_is_read_in_one_pass(tmp_path) -> None:
    path = clips.write(tmp_path / "a.mp4", 20)
    small, large = FrameRequest(16), FrameRequest(40)
    grey = FrameRequest(24, pixels="gray", chunk_size=3)
    read = reader.read_frames(path, SAMPLING, [small, large, grey])
    assert read.frame_sets[small].frames.shape == (6, 16, 16, 3)
    assert read.frame_sets[large].frames.shape == (6, 40, 40, 3)
    assert read.frame_sets[grey].frames.shape[1:] == (24, 24)
    assert read.frame_sets[grey].rows.shape == (6, 3)


def test_key_frames_are_timed_though_no_feature_asks_for_them(tmp_path) -> None:
    read = reader.read_frames(clips.write(tmp_path / "a.mp4", 20), SAMPLING)
    assert not read.frame_sets
    np.testing.assert_allclose(read.key_seconds * 30, [1, 5, 8, 11, 15, 18])


def test_what_several_features_ask_for_is_kept_once(tmp_path) -> None:
    path = clips.write(tmp_path / "a.mp4", 40)
    chunks = FrameRequest(48, schema.Strided(frames=8, max_steps=9), chunk_size=16)
    read = reader.read_frames(path, SAMPLING, [KEYS, chunks])
    assert read.frame_sets[KEYS].frames is read.frame_sets[chunks].frames
    assert len(read.frame_sets[KEYS].frames) == 40
    assert _keys(read) == [3, 10, 16, 23, 30, 36]
    assert _numbers(read, chunks) == [
        list(range(first, first + 16)) for first in (0, 8, 16, 24)
    ]


def test_windows_are_clamped_at_the_ends(tmp_path) -> None:
    read = _read(clips.write(tmp_path / "a.mp4", 6))
    assert _windows(read)[0] == [0, 0, 1]
    assert _windows(read)[-1] == [4, 5, 5]


@pytest.mark.parametrize("resize", ["area", "bilinear", "bicubic"])
def test_resize_filter_is_honoured(tmp_path, resize) -> None:
    path = clips.write(tmp_path / "a.mp4", 1, size=(320, 240))
    one = schema.FrameSampling(frames=1, resize=resize)
    other = schema.FrameSampling(
        frames=1, resize="area" if resize != "area" else "bilinear"
    )
    request = FrameRequest(24)
    ours = reader.read_frames(path, one, [request]).frame_sets[request].frames
    theirs = reader.read_frames(path, other, [request]).frame_sets[request].frames
    assert clips.number_of(ours[0]) == 0
    assert (ours != theirs).any()


def test_colours_arrive_as_red_green_blue(tmp_path) -> None:
    read = _read(clips.write(tmp_path / "a.mp4", 1))
    red, green, blue = _steps(read, KEYS)[0, -8:, 4:-4].mean((0, 1))
    assert 80 < red < 180
    assert green == pytest.approx(40, abs=12)
    assert blue == pytest.approx(200, abs=12)


# ----------------------------------------------------------- codecs and traps


@pytest.mark.parametrize(
    ("name", "settings_", "codec", "pixel_format"),
    [
        ("a.mp4", {}, "h264", "yuv420p"),
        ("a.mkv", {}, "h264", "yuv420p"),
        ("a.ts", {}, "h264", "yuv420p"),
        ("b.avi", {"codec": "mpeg4"}, "mpeg4", "yuv420p"),
        ("reordered.avi", {"options": {"bf": "3"}}, "h264", "yuv420p"),
        ("444.mp4", {"pixel_format": "yuv444p"}, "h264", "yuv444p"),
        ("odd.mp4", {"pixel_format": "yuv444p", "size": (161, 121)}, "h264", "yuv444p"),
        (
            "ten_bit.mp4",
            {
                "codec": "libx265",
                "pixel_format": "yuv420p10le",
                "options": {"x265-params": "log-level=none"},
            },
            "hevc",
            "yuv420p10le",
        ),
        ("vp8.webm", {"codec": "libvpx"}, "vp8", "yuv420p"),
        ("vp9.webm", {"codec": "libvpx-vp9"}, "vp9", "yuv420p"),
        ("a.gif", {"codec": "gif", "pixel_format": "rgb8"}, "gif", "bgra"),
    ],
)
def test_formats(tmp_path, name, settings_, codec, pixel_format) -> None:
    read = _read(clips.write(tmp_path / name, 30, **settings_))
    info = read.info
    assert (info.status, info.reason, info.frames) == ("ok", "", 30)
    assert (info.codec, info.pixel_format) == (codec, pixel_format)
    assert (info.width, info.height) == settings_.get("size", (160, 120))
    assert info.seconds == pytest.approx(1.0, abs=0.01)
    assert _keys(read) == [2, 7, 12, 17, 22, 27]
    assert reader.inspect(tmp_path / name) == info


@pytest.mark.parametrize("frames", [1, 3])
def test_fewer_frames_than_wanted_is_short(tmp_path, frames) -> None:
    read = _read(clips.write(tmp_path / "a.mp4", frames))
    assert read.info.status == "short"
    assert read.info.reason.endswith("fewer than the 6 wanted")
    assert _keys(read) == list(range(frames))
    assert read.frame_sets[WINDOWS].rows.shape == (frames, 3)


def test_variable_rate_is_sampled_by_frames_and_timed_by_stamps(tmp_path) -> None:
    stamps = [0, 10, 20, 30, 1000, 1010, 1020, 2000, 2500, 2510]
    for name in ("a.mp4", "a.mkv"):
        path = clips.write(tmp_path / name, 10, milliseconds=stamps)
        read = _read(path)
        assert read.info.status == "ok"
        assert _keys(read) == [0, 2, 4, 5, 7, 9]
        np.testing.assert_allclose(
            read.key_seconds, np.array(stamps)[_keys(read)] / 1000, atol=1e-3
        )
        assert read.info.fps == pytest.approx(9 / 2.51, rel=0.01)


@pytest.mark.parametrize("clockwise", [90, 180, 270])
def test_rotated_clips_are_upright(tmp_path, clockwise) -> None:
    def against(image: np.ndarray) -> np.ndarray:
        return np.rot90(image, clockwise // 90)

    path = clips.write(tmp_path / "a.mov", 12, turn=against)
    read = _read(clips.rotate(path, clockwise))
    assert read.info.rotation == 360 - clockwise
    assert (read.info.width, read.info.height) == (160, 120)
    assert _keys(read) == [1, 3, 5, 7, 9, 11]
    assert _windows(read)[0] == [0, 1, 2]


def test_of_two_video_streams_the_default_is_read(tmp_path) -> None:
    read = _read(clips.write_two_streams(tmp_path / "a.mp4"))
    assert (read.info.width, read.info.frames) == (160, 30)
    assert _keys(read) == [2, 7, 12, 17, 22, 27]


def test_hidden_reference_frames_of_vp8_are_not_lost_frames(tmp_path) -> None:
    import av

    path = clips.write(tmp_path / "a.webm", 30, codec="libvpx")
    with av.open(str(path)) as container:
        packets = [bytes(packet) for packet in container.demux(video=0)]
    data = path.read_bytes()
    assert data.count(packets[-2]) == 1
    hidden = bytes([packets[-2][0] & ~0x10]) + packets[-2][1:]
    path.write_bytes(data.replace(packets[-2], hidden))
    info = reader.inspect(path)
    assert (info.status, info.frames, info.packets_lost) == ("ok", 29, 0)


# --------------------------------------------------------------- bad files


def _failure(path: pathlib.Path, **bounds: float) -> str:
    with pytest.raises(DecodeError) as caught:
        _read(path, **bounds)
    assert str(path) in str(caught.value)
    info = reader.inspect(path, **bounds)
    assert info == VideoInfo.failed(caught.value.reason)
    return caught.value.reason


def test_files_that_are_no_videos_say_so(tmp_path) -> None:
    assert _failure(tmp_path / "missing.mp4") == "there is no such file"
    assert _failure(tmp_path) == "it is not a file"
    empty = tmp_path / "empty.mp4"
    empty.touch()
    assert _failure(empty) == "the file is empty"
    text = tmp_path / "text.mp4"
    text.write_text("This is not a video.\n" * 100)
    assert _failure(text) == "it is neither a video nor a photograph of a known format"
    noise = tmp_path / "noise.mp4"
    noise.write_bytes(np.random.default_rng(0).bytes(50_000))
    assert _failure(noise) == "it is neither a video nor a photograph of a known format"
    assert _failure(tmp_path / ("x" * 300)) == (
        "the file is out of reach: File name too long (choose a shorter name)"
    )
    with pytest.raises(DecodeError, match="out of reach"):
        _read(tmp_path / "nul\0.mp4")


@pytest.mark.parametrize(
    ("name", "codec"), [("a.m4a", "aac"), ("a.mp3", "libmp3lame"), ("a.ogg", "libopus")]
)
def test_sound_alone_has_no_video_stream(tmp_path, name, codec) -> None:
    clips.write_tone(tmp_path / name, codec)
    assert _failure(tmp_path / name) == "it has no video stream"


def test_a_cut_off_index_is_named(tmp_path) -> None:
    path = clips.truncate(clips.write(tmp_path / "a.mp4"), 0.5)
    assert _failure(path) == "its index (moov) is missing or damaged, as if cut short"


def test_lists_that_name_other_files_are_not_followed(tmp_path) -> None:
    clips.write(tmp_path / "a.ts")
    playlist = tmp_path / "list.m3u8"
    playlist.write_text("#EXTM3U\n#EXTINF:10,\na.ts\n#EXT-X-ENDLIST\n")
    script = tmp_path / "script.mp4"
    script.write_text("ffconcat version 1.0\nfile a.ts\n")
    for path in (playlist, script):
        assert (
            _failure(path) == "it is neither a video nor a photograph of a known format"
        )


def test_odd_names_are_names_not_addresses(tmp_path) -> None:
    for name in ("pipe:0.mp4", "http:a.mp4", "50% — ünï code.mp4", "-i.mp4"):
        assert _read(clips.write(tmp_path / "a.mp4", 6).rename(tmp_path / name))


def test_decode_errors_cross_processes() -> None:
    error = pickle.loads(pickle.dumps(DecodeError("a.mp4", "the file is x")))
    assert (error.path, error.reason) == ("a.mp4", "the file is x")
    assert str(error) == "cannot decode a.mp4: the file is x."


def test_frames_too_large_to_decode_are_refused(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(decoder, "MAX_PIXELS", 1000)
    path = clips.write(tmp_path / "a.mp4", 3)
    assert _failure(path) == "frames of 160 × 120 pixels are too large to decode"


# ------------------------------------------------------------------- damage


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_a_cut_off_file_is_repaired_from_what_it_holds(tmp_path, name) -> None:
    options = {"movflags": "faststart"} if name.endswith("mp4") else {}
    path = clips.write(tmp_path / name, 120, container_options=options, rate=30)
    read = _read(clips.truncate(path, 0.6))
    info = read.info
    assert info.status == "repaired"
    assert 6 < info.frames < 120
    assert info.frames + info.packets_lost == pytest.approx(120, abs=3)
    assert info.reason.startswith(f"{info.packets_lost} of 1")
    centres = (2 * np.arange(6) + 1) * info.frames // 12
    np.testing.assert_array_equal(_keys(read), centres)


def test_key_frames_are_placed_anew_among_the_frames_that_decode(tmp_path) -> None:
    options = {"g": "10", "bf": "0"}
    path = clips.write(tmp_path / "a.mp4", 60, options=options, size=(320, 240))
    read = _read(clips.scramble(path, 0.4, 1500))
    info = read.info
    assert info.status == "repaired"
    assert 0 < info.packets_lost < 40
    assert info.reason.startswith(f"{info.packets_lost} of 60 packets lost")
    assert len(read.key_seconds) == 6
    assert (np.diff(read.key_seconds) > 0).all()
    assert read.key_seconds[0] < 0.3
    assert read.key_seconds[-1] > 1.7
    assert (_keys(read)[0], _keys(read)[-1]) == tuple(
        np.round(read.key_seconds[[0, -1]] * 30).astype(int)
    )
    assert reader.inspect(path)[:4] == info[:4]


@pytest.mark.parametrize("name", ["a.mkv", "b.avi"])
def test_frames_that_the_decoder_patched_up_are_reported(tmp_path, name) -> None:
    codec = "mpeg4" if name == "b.avi" else "libx264"
    path = clips.write(tmp_path / name, 60, codec=codec, size=(320, 240))
    info = reader.inspect(clips.scramble_packet(path, 30))
    assert info.status == "repaired"
    assert "1 frame damaged" in info.reason


def test_damage_outside_the_clip_is_not_reported(tmp_path) -> None:
    options = {"g": "10", "bf": "0"}
    path = clips.write(tmp_path / "a.mkv", 60, options=options, size=(320, 240))
    clips.scramble_packet(path, 22)
    assert reader.inspect(path).status == "repaired"
    late = _read(path, start=1.5)
    assert late.info.status == "ok"
    assert _keys(late) == sorted(_keys(late))


def test_an_index_that_repeats_itself_ends() -> None:
    packet = types.SimpleNamespace(size=1000, stream_index=0, dts=None)
    source = object.__new__(StreamDecoder)
    source._bytes = 100_000
    source.damaged = 0
    source.stream = types.SimpleNamespace(index=1)

    def endless(*streams: object):
        while True:
            yield packet

    source.container = types.SimpleNamespace(demux=endless)
    assert sum(1 for _ in source.packets()) < 2000


def test_a_container_that_never_reads_ends() -> None:
    import av

    source = object.__new__(StreamDecoder)
    source._bytes = 100_000
    source.damaged = 0

    def unreadable(*streams: object):
        raise av.error.InvalidDataError(1, "bad")
        yield

    source.container = types.SimpleNamespace(demux=unreadable)
    assert list(source.packets()) == []
    assert source.damaged == decoder._MAX_UNREADABLE


# ------------------------------------------------------ parts of long videos


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.avi"])
def test_bounds_select_the_part(tmp_path, name) -> None:
    path = clips.write(tmp_path / name, 60, codec="mpeg4")
    read = _read(path, start=0.5, end=1.1)
    assert read.info.frames == 18
    assert _keys(read) == [16, 19, 22, 25, 28, 31]
    assert read.info.seconds == pytest.approx(0.6, abs=0.01)
    assert (read.key_seconds >= 0.5).all() and (read.key_seconds < 1.1).all()
    assert reader.inspect(path, start=0.5, end=1.1) == read.info


def test_bounds_beyond_the_video_are_named(tmp_path) -> None:
    path = clips.write(tmp_path / "a.mp4", 30)
    assert _failure(path, start=5.0, end=8.0) == (
        "no frame lies in the clip from 5 s to 8 s; the last is at 0.97 s"
    )
    assert _failure(path, start=2.0, end=1.0) == (
        "the clip ends at 1 s, before it begins"
    )


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
@pytest.mark.parametrize("bounds", [{}, {"start": 12.0}, {"start": 5.0, "end": 30.0}])
def test_seeking_through_long_videos_finds_the_same_frames(
    tmp_path, monkeypatch, name, bounds
) -> None:
    path = clips.write(
        tmp_path / name, 1000, options={"g": "40", "preset": "ultrafast", "bf": "2"}
    )
    decoded = []
    counted = StreamDecoder._counted
    monkeypatch.setattr(
        StreamDecoder,
        "_counted",
        lambda source, frames, *bounds: (
            decoded.extend(frames) or counted(source, frames, *bounds)
        ),
    )
    seeking = _read(path, **bounds)
    assert len(decoded) < 400
    monkeypatch.setattr(timeline, "_SEEK_THRESHOLD", 10**9)
    straight = _read(path, **bounds)
    assert seeking.info == straight.info
    assert _keys(seeking) == _keys(straight)
    for request, frame_set in seeking.frame_sets.items():
        for ours, theirs in zip(frame_set, straight.frame_sets[request], strict=True):
            np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_array_equal(seeking.key_seconds, straight.key_seconds)


def test_damage_met_on_a_seek_falls_back_to_the_whole_way(tmp_path) -> None:
    path = clips.write(
        tmp_path / "a.mp4",
        1000,
        options={"g": "40", "preset": "ultrafast", "bf": "0"},
    )
    for share in (0.2, 0.35, 0.5, 0.65, 0.8):
        clips.scramble(path, share, 8000, seed=int(100 * share))
    read = _read(path)
    assert read.info.status == "repaired"
    assert read.info.frames + read.info.packets_lost == 1000
    assert len(read.key_seconds) == 6


def test_a_seek_that_misses_the_last_window_frame_falls_back(
    tmp_path, monkeypatch
) -> None:
    path = clips.write(tmp_path / "a.mp4", 1000, options={"g": "40", "bf": "0"})
    seek_frames = reader.seek_frames

    def without_the_last(*arguments):
        frames = list(seek_frames(*arguments))
        yield from frames[:-1]

    monkeypatch.setattr(reader, "seek_frames", without_the_last)
    assert _windows(_read(path))[-1] == [915, 916, 917]


# -------------------------------------------------------------------- sound


@pytest.mark.parametrize(
    ("name", "codec"),
    [("a.mp4", "aac"), ("a.mkv", "libopus"), ("a.avi", "libmp3lame")],
)
def test_sound_arrives_as_mono_at_the_wanted_rate(tmp_path, name, codec) -> None:
    path = clips.write(tmp_path / name, 60, codec="mpeg4", sound=codec)
    samples = reader.read_audio(path)
    assert samples.dtype == np.float32
    assert samples.size == pytest.approx(32_000, abs=1600)
    spectrum = np.abs(np.fft.rfft(samples[8000:24_000]))
    assert spectrum.argmax() == 440
    assert np.abs(samples[8000:24_000]).max() == pytest.approx(0.5, abs=0.05)
    assert reader.inspect(path).audio == {"libmp3lame": "mp3", "libopus": "opus"}.get(
        codec, codec
    )
    part = reader.read_audio(path, start=0.5, end=1.25)
    assert part.size == 12_000
    assert np.abs(np.fft.rfft(part)).argmax() == 330  # 440 Hz in 0.75 s


def test_a_silent_clip_has_no_samples(tmp_path) -> None:
    path = clips.write(tmp_path / "a.mp4", 3)
    assert reader.read_audio(path).shape == (0,)
    assert reader.inspect(path).audio == ""


def test_sound_of_a_missing_file_is_a_decode_error(tmp_path) -> None:
    with pytest.raises(DecodeError, match="there is no such file"):
        reader.read_audio(tmp_path / "missing.mp4")


# ------------------------------------------------------------------ fuzzing

BASES = {
    "a.mp4": {"sound": "aac"},
    "b.mkv": {"sound": "libopus"},
    "c.avi": {"codec": "mpeg4", "sound": "libmp3lame"},
    "d.ts": {"sound": "aac"},
    "e.webm": {"codec": "libvpx-vp9"},
    "f.gif": {"codec": "gif", "pixel_format": "rgb8"},
}


@pytest.fixture(scope="module")
def bases(tmp_path_factory) -> list[pathlib.Path]:
    folder = tmp_path_factory.mktemp("bases")
    return [
        clips.write(folder / name, 30, **settings_) for name, settings_ in BASES.items()
    ]


def _ends_with_a_status(path: pathlib.Path) -> None:
    info = reader.inspect(path)
    assert info.status in ("ok", "repaired", "failed")
    assert (info.reason == "") == (info.status == "ok")
    assert (info.frames > 0) == (info.status != "failed")
    try:
        read = _read(path)
    except DecodeError as error:
        assert error.reason
    else:
        assert len(read.frame_sets[KEYS].rows) == min(6, read.info.frames)
        windows = read.frame_sets[WINDOWS]
        assert windows.rows.max() < len(windows.frames)
        json.dumps(read.info)
    try:
        assert np.isfinite(reader.read_audio(path)).all()
    except DecodeError as error:
        assert error.reason


@settings(
    max_examples=60,
    deadline=5000,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(base=st.integers(0, len(BASES) - 1), seed=st.integers(0, 2**32 - 1))
def test_flipped_bytes_end_with_a_status(bases, tmp_path, base, seed) -> None:
    path = bases[base]
    _ends_with_a_status(clips.flip(path, tmp_path / path.name, seed))


@pytest.mark.slow
@pytest.mark.parametrize("base", range(len(BASES)))
def test_two_hundred_damaged_copies_end_with_a_status(bases, tmp_path, base) -> None:
    path = bases[base]
    for seed in range(200):
        _ends_with_a_status(clips.flip(path, tmp_path / path.name, seed))


# ---------------------------------------------------------------- real clips

real = pytest.mark.skipif(
    not REAL.is_dir(), reason="the real clips (../shared/data/clips) are absent"
)


@real
@pytest.mark.parametrize(
    "name", sorted(path.name for path in REAL.iterdir()) if REAL.is_dir() else []
)
def test_real_clips_end_with_the_right_status(name) -> None:
    expected = {
        "decord_corrupted.mp4": "repaired",
        "decord_video_180.mov": "short",
    }.get(name, "ok")
    request = FrameRequest(56)
    read = reader.read_frames(REAL / name, schema.FrameSampling(), [request, WINDOWS])
    assert read.info.status == expected
    assert (
        read.info.reason
        == {
            "repaired": "1 of 50 packets lost; 1 frame damaged",
            "short": "3 frames, fewer than the 20 wanted",
            "ok": "",
        }[expected]
    )
    assert len(read.key_seconds) == min(20, read.info.frames)
    assert (np.diff(read.key_seconds) > 0).all()
    flat = _steps(read, request).reshape(len(read.key_seconds), -1)
    assert flat.std(axis=1).min() > 1  # no frame was left unfilled


@real
def test_real_damaged_rotated_and_two_stream_clips() -> None:
    damaged = reader.inspect(REAL / "decord_corrupted.mp4")
    assert damaged.frames == 49
    assert damaged.packets_lost == 1
    assert damaged.reason == "1 of 50 packets lost; 1 frame damaged"

    request = FrameRequest(64)
    turned = reader.read_frames(
        REAL / "decord_video_180.mov", schema.FrameSampling(), [request]
    )
    assert turned.info.rotation == 180
    assert turned.info.frames == 3
    stored = _without_rotation(REAL / "decord_video_180.mov", 64)
    difference = np.abs(_steps(turned, request)[0] - stored[::-1, ::-1].astype(float))
    assert difference.mean() < 2

    nasa = reader.inspect(REAL / "torchcodec_nasa_13013.mp4")
    assert (nasa.width, nasa.height, nasa.frames, nasa.audio) == (480, 270, 390, "aac")


@real
@pytest.mark.parametrize(
    ("name", "stream", "frames"),
    [
        ("decord_corrupted.mp4", 0, 49),
        ("torchcodec_nasa_13013.mp4", 3, 390),
        ("decord_flipping_a_pancake.mkv", 0, 310),
        ("MSVD_j2Dhf-xFUxU_13_20.avi", 0, 106),
        ("torchcodec_av1_video.mkv", 0, 125),
    ],
)
def test_key_frames_of_real_clips_are_those_at_the_centres(
    name, stream, frames
) -> None:
    every = _every_frame(REAL / name, stream, 48)
    assert len(every) == frames
    read = reader.read_frames(REAL / name, schema.FrameSampling(), [KEYS, CLOCK])
    centres = (2 * np.arange(20) + 1) * frames // 40
    np.testing.assert_array_equal(_steps(read, KEYS), every[centres])
    if name.endswith(".mkv") and frames == 310:  # 30 frames a second, less a little
        np.testing.assert_array_equal(_steps(read, CLOCK), every[np.arange(0, 310, 15)])


def _every_frame(path: pathlib.Path, stream: int, size: int) -> np.ndarray:
    """(F, size, size, 3): what comes out if each packet is tried on its own."""
    import av

    found = []
    with av.open(str(path)) as container:
        chosen = container.streams[stream]
        chosen.codec_context.thread_count = 1
        for packet in container.demux(chosen):
            with contextlib.suppress(av.error.FFmpegError):
                found += [
                    frame.reformat(
                        size, size, "rgb24", interpolation="BILINEAR"
                    ).to_ndarray()
                    for frame in packet.decode()
                ]
    return np.stack(found)


def _without_rotation(path: pathlib.Path, size: int) -> np.ndarray:
    import av

    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
        return frame.to_ndarray(format="rgb24", width=size, height=size)

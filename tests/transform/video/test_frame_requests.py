import numpy as np
import pytest

from tests.support import clips
from transform.schema.frame_placement import (
    FrameSampling,
    KeyFrames,
    Strided,
    WholeClip,
)
from transform.schema.resize import (
    CentreCrop,
    Letterbox,
    OwnShape,
    ShortSide,
    Stretch,
)
from transform.video import reader
from transform.video.frame_requests import FrameRequest

ONE = FrameSampling(frames=1)
LOSSLESS = {"codec": "png", "pixel_format": "rgb24"}


def _ramp(height: int, width: int) -> np.ndarray:
    """(height, width, 3): red grows by column, green by row, blue falls by column."""
    rows, columns = np.mgrid[:height, :width]
    red = 255 * columns / (width - 1)
    green = 255 * rows / (height - 1)
    return np.stack([red, green, 255 - red], -1).round().astype(np.uint8)


def _read(path, *requests: FrameRequest, sampling: FrameSampling = ONE, **bounds):
    found = reader.read_frames(path, sampling, requests, **bounds)
    return [found.frame_sets[request] for request in requests]


# -------------------------------------------------------------------------- fits


def _cut(image: np.ndarray, size: int) -> np.ndarray:
    """The middle: as much on the right and below as on the left and above, or more."""
    top, left = (image.shape[0] - size) // 2, (image.shape[1] - size) // 2
    assert image.shape[1] - size - left - left in (0, 1)
    return image[top : top + size, left : left + size]


@pytest.mark.parametrize(
    ("fit", "height", "width"),
    [
        (CentreCrop(rows=128, columns=171), 128, 171),
        (CentreCrop(rows=61, columns=50), 61, 50),
        (ShortSide(side=64), 64, 85),
        (ShortSide(side=64), 85, 64),
        (Stretch(), 48, 48),
    ],
)
def test_a_frame_of_the_right_size_is_only_cut(tmp_path, fit, height, width) -> None:
    image = _ramp(height, width)
    path = clips.write(tmp_path / "a.mov", 1, turn=lambda _: image, **LOSSLESS)
    [frame_set] = _read(path, FrameRequest(48, resize=fit))
    np.testing.assert_array_equal(frame_set.frames[0], _cut(image, 48))


@pytest.mark.parametrize("resize", ["area", "bilinear", "bicubic"])
@pytest.mark.parametrize(
    ("fit", "height", "width", "resized"),
    [
        (CentreCrop(rows=60, columns=81), 240, 320, (60, 81)),
        (ShortSide(side=60), 240, 320, (60, 80)),
        (ShortSide(side=60), 322, 241, (80, 60)),
        (Stretch(), 240, 320, (48, 48)),
    ],
)
def test_the_middle_of_the_resized_frame_is_cut(
    tmp_path, fit, height, width, resized, resize
) -> None:
    image = _ramp(height, width)
    path = clips.write(tmp_path / "a.mov", 1, turn=lambda _: image, **LOSSLESS)
    sampling = FrameSampling(frames=1, resize=resize)
    [frame_set] = _read(path, FrameRequest(48, resize=fit), sampling=sampling)
    # Any filter keeps a ramp a ramp, away from the frame's border. The centre of a
    # pixel of the small frame lies at the same share of the width as in the large one.
    rows, columns = resized
    x = (np.arange(columns) + 0.5) * width / columns - 0.5
    y = (np.arange(rows) + 0.5) * height / rows - 0.5
    red = np.broadcast_to(255 * x / (width - 1), resized)
    green = np.broadcast_to(255 * y[:, None] / (height - 1), resized)
    expected = _cut(np.stack([red, green, 255 - red], -1), 48)
    inside = (slice(2, -2), slice(2, -2))
    step = 255 / max(resized)  # from one pixel to the next
    difference = np.abs(frame_set.frames[0] - expected)[inside]
    assert difference.max() < min(1.6, step / 2)
    assert difference.mean() < 0.5


@pytest.mark.parametrize(("height", "width"), [(48, 36), (36, 48), (48, 31), (48, 48)])
def test_a_letterboxed_frame_lies_in_the_middle_of_black(
    tmp_path, height, width
) -> None:
    image = _ramp(height, width) // 2 + 100
    path = clips.write(tmp_path / "a.mov", 1, turn=lambda _: image, **LOSSLESS)
    [frame_set] = _read(path, FrameRequest(48, resize=Letterbox()))
    top, left, bottom, right = Letterbox().window(height, width, 48)
    expected = np.zeros((48, 48, 3), np.uint8)
    expected[top:bottom, left:right] = image
    np.testing.assert_array_equal(frame_set.frames[0], expected)


@pytest.mark.parametrize(("size", "shape"), [(90, (64, 90)), (99, (64, 90))])
def test_a_frame_of_its_own_shape_is_not_touched(tmp_path, size, shape) -> None:
    image = _ramp(*shape)
    path = clips.write(tmp_path / "a.mov", 1, turn=lambda _: image, **LOSSLESS)
    [frame_set] = _read(path, FrameRequest(size, resize=OwnShape()))
    np.testing.assert_array_equal(frame_set.frames[0], image)


def test_a_frame_too_large_for_its_own_shape_is_scaled_down(tmp_path) -> None:
    path = clips.write(tmp_path / "a.mp4", 1, size=(160, 120))
    [frame_set] = _read(path, FrameRequest(100, resize=OwnShape(), pixels="gray"))
    assert frame_set.frames.shape == (1, 75, 100)
    assert clips.number_of(frame_set.frames[0]) == 0


def test_frames_of_their_own_shape_have_that_of_the_clips_first(tmp_path) -> None:
    sizes = {"a.ts": (160, 120), "b.ts": (320, 176)}
    parts = [clips.write(tmp_path / n, 9, size=size) for n, size in sizes.items()]
    path = tmp_path / "both.ts"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    every = FrameRequest(999, WholeClip(max_frames=99), OwnShape(), "gray")
    [frame_set] = _read(path, every)
    assert frame_set.frames.shape[1:] == (120, 160)
    assert len(frame_set.frames) > 9


@pytest.mark.parametrize("clockwise", [90, 180, 270])
@pytest.mark.parametrize(
    "fit",
    [CentreCrop(rows=60, columns=90), ShortSide(side=70), Letterbox(), OwnShape()],
)
def test_rotated_clips_are_turned_before_they_are_cut(tmp_path, fit, clockwise) -> None:
    request = FrameRequest(56, resize=fit)
    [plain] = _read(clips.write(tmp_path / "plain.mov", 1), request)
    turned = clips.write(
        tmp_path / "turned.mov", 1, turn=lambda image: np.rot90(image, clockwise // 90)
    )
    [upright] = _read(clips.rotate(turned, clockwise), request)
    difference = np.abs(upright.frames[0] - plain.frames[0].astype(float))
    assert difference.mean() < 3


def test_grey_frames_are_fitted_alike(tmp_path) -> None:
    path = clips.write(tmp_path / "a.mp4", 1)
    colour, grey = (
        FrameRequest(48, resize=ShortSide(side=60), pixels=pixels)
        for pixels in ("rgb24", "gray")
    )
    [colour, grey] = _read(path, colour, grey)
    assert grey.frames.shape == (1, 48, 48)
    weights = np.array([0.299, 0.587, 0.114])
    assert np.abs(colour.frames[0] @ weights - grey.frames[0]).mean() < 12


# -------------------------------------------------------------------------- runs


def _numbers(frame_set) -> list[list[int]]:
    shown = np.array([clips.number_of(frame) for frame in frame_set.frames])
    return shown[frame_set.rows].tolist()


def test_chunks_follow_each_other_and_the_flow_needs_one_frame_more(tmp_path) -> None:
    path = clips.write(tmp_path / "a.mp4", 50)
    at = Strided(frames=16, max_steps=9)
    [chunks, motion] = _read(
        path,
        FrameRequest(48, at, chunk_size=16),
        FrameRequest(64, at, pixels="gray", chunk_size=16, lookahead=1),
    )
    assert _numbers(chunks) == [list(range(f, f + 16)) for f in (0, 16, 32)]
    assert _numbers(motion) == [list(range(f, f + 17)) for f in (0, 16, 32)]
    assert len(motion.frames) == 49


def test_the_last_flow_of_a_clip_is_from_its_last_frame_to_itself(tmp_path) -> None:
    path = clips.write(tmp_path / "a.mp4", 16)
    at = Strided(frames=16, max_steps=9)
    [motion] = _read(
        path, FrameRequest(64, at, pixels="gray", chunk_size=16, lookahead=1)
    )
    assert _numbers(motion) == [[*range(16), 15]]


def test_a_clip_of_less_than_a_chunk_repeats_its_last_frame(tmp_path) -> None:
    path = clips.write(tmp_path / "a.mp4", 5)
    for at in (Strided(frames=16, max_steps=9), WholeClip(max_frames=64)):
        [chunks] = _read(path, FrameRequest(48, at, chunk_size=16))
        assert _numbers(chunks) == [[0, 1, 2, 3] + [4] * 12]
        assert len(chunks.frames) == 5


def test_a_clock_takes_the_frames_that_are_shown_then(tmp_path) -> None:
    stamps = [0, 10, 20, 30, 1000, 1010, 1020, 2000, 2500, 2510]
    path = clips.write(tmp_path / "a.mkv", 10, milliseconds=stamps)
    [frames] = _read(path, FrameRequest(48, WholeClip(max_frames=99, fps=2)))
    assert _numbers(frames) == [[0], [3], [4], [6], [7], [8]]
    assert len(frames.frames) == 6


def test_placements_are_within_the_part_of_the_video(tmp_path) -> None:
    path = clips.write(tmp_path / "a.mp4", 60)
    request = FrameRequest(48, WholeClip(max_frames=99, fps=10))
    [frames] = _read(path, request, start=1.0, end=1.5)
    assert _numbers(frames) == [[30], [33], [36], [39], [42]]


def test_runs_are_placed_anew_among_the_frames_that_decode(tmp_path) -> None:
    options = {"g": "10", "bf": "0"}
    path = clips.write(tmp_path / "a.mp4", 60, options=options, size=(320, 240))
    request = FrameRequest(48, Strided(frames=8, max_steps=99), chunk_size=8)
    found = reader.read_frames(clips.scramble(path, 0.4, 1500), ONE, [request])
    assert found.info.status == "repaired"
    there = found.info.frames
    assert there < 60
    runs = found.frame_sets[request].rows
    np.testing.assert_array_equal(
        runs, np.arange(there // 8 * 8).reshape(there // 8, 8)
    )
    clock = FrameRequest(48, WholeClip(max_frames=99, fps=30))
    filled = reader.read_frames(path, ONE, [clock]).frame_sets[clock]
    assert len(filled.rows) == 60  # the gap is filled with its neighbours
    assert len(filled.frames) == there


def test_a_clip_of_4k_is_read_at_any_fit(tmp_path) -> None:
    path = clips.write(
        tmp_path / "a.mp4", 3, size=(3840, 2160), options={"preset": "ultrafast"}
    )
    requests = (
        FrameRequest(112, KeyFrames(), CentreCrop(rows=128, columns=171)),
        FrameRequest(
            224, Strided(frames=2, max_steps=4), ShortSide(side=256), chunk_size=2
        ),
        FrameRequest(64, pixels="gray", chunk_size=3),
    )
    found = reader.read_frames(path, FrameSampling(frames=3), requests)
    assert (found.info.status, found.info.width, found.info.height) == (
        "ok",
        3840,
        2160,
    )
    assert _numbers(found.frame_sets[requests[2]]) == [[0, 0, 1], [0, 1, 2], [1, 2, 2]]
    assert [f.frames.shape[1] for f in found.frame_sets.values()] == [112, 224, 64]

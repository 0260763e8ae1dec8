"""Photographs and animated pictures as clips: what is seen, and what is refused."""

import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image

from tests.support import clips
from tests.support.corpus import SPEC
from transform.extractors.clip_extractor import Extractor
from transform.schema import FrameSampling
from transform.video import photograph, reader
from transform.video.frame_requests import FrameRequest
from transform.video.video_info import DecodeError

SAMPLING = FrameSampling(frames=4, resize="bicubic")
REQUEST = FrameRequest(64)
SMOOTH = cv2.resize(
    np.random.default_rng(0).integers(0, 256, (6, 8, 3), np.uint8),
    (128, 96),
    interpolation=cv2.INTER_CUBIC,
)
PICTURE = Image.fromarray(SMOOTH)
GREY = np.asarray(PICTURE.convert("L"))


def seen(path, sampling=SAMPLING, **bounds):
    """The squares that a network would be given, and the findings."""
    read = reader.read_frames(path, sampling, [REQUEST], **bounds)
    return read.frame_sets[REQUEST].first_frames().astype(float), read


def small(array):
    """What `SMOOTH` and its like are when they are resized by another library."""
    picture = Image.fromarray(array).convert("RGB")
    return np.asarray(picture.resize((64, 64), Image.Resampling.BICUBIC), float)


def assert_shows(path, array):
    frames, read = seen(path)
    assert frames.shape == (1, 64, 64, 3)
    assert np.abs(frames[0] - small(array)).mean() < 3
    assert read.info.status == "ok"
    assert read.info.frames == 1
    assert read.key_seconds.tolist() == [0.0]
    assert read.info == reader.inspect(path, wanted=4)
    assert not read.info.audio


# ------------------------------------------------------------------------- whole


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp", "named.mp4", "none"])
def test_picture_is_a_clip_of_one_frame_whatever_it_is_called(tmp_path, name):
    form = {"png": "PNG", "webp": "WEBP"}.get(name[2:], "JPEG")
    PICTURE.save(tmp_path / name, format=form, quality=95)
    assert_shows(tmp_path / name, SMOOTH)
    info = reader.inspect(tmp_path / name)
    assert (info.width, info.height, info.codec) == (128, 96, form.lower())


@pytest.mark.parametrize("mode", ["CMYK", "YCbCr", "L"])
def test_jpeg_of_any_colours_becomes_rgb(tmp_path, mode):
    PICTURE.convert(mode).save(tmp_path / "a.jpg", quality=95)
    assert_shows(tmp_path / "a.jpg", GREY if mode == "L" else SMOOTH)


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGBA"])
def test_png_of_any_mode_becomes_rgb(tmp_path, mode):
    picture = PICTURE.convert("P", colors=256) if mode == "P" else PICTURE.convert(mode)
    picture.save(tmp_path / "a.png")
    shown = np.asarray(picture.convert("RGB"))
    assert_shows(tmp_path / "a.png", shown)


@pytest.mark.parametrize("orientation", [1, 6])
def test_sixteen_bits_of_grey_keep_their_brightness(tmp_path, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    deep = Image.fromarray(GREY.astype(np.uint16) * 257)
    deep.save(tmp_path / "a.png", exif=exif)
    assert_shows(tmp_path / "a.png", np.rot90(GREY, -1) if orientation == 6 else GREY)


@pytest.mark.parametrize("name", ["a.png", "a.webp", "palette.png"])
def test_what_is_transparent_is_white(tmp_path, name):
    alpha = np.zeros((96, 128), np.uint8)
    alpha[:, :64] = 255
    picture = Image.fromarray(np.dstack([SMOOTH, alpha]))
    if name.startswith("palette"):
        picture = picture.quantize(64)
        picture.save(tmp_path / name)
    else:
        picture.save(tmp_path / name, lossless=True)
    frames, _ = seen(tmp_path / name)
    assert frames[0, :, 34:].min() == 255
    assert frames[0, :, :30].mean() < 250


@pytest.mark.parametrize(
    ("orientation", "upright", "rotation"),
    [
        (1, lambda x: x, 0),
        (2, lambda x: x[:, ::-1], 0),
        (3, lambda x: x[::-1, ::-1], 180),
        (4, lambda x: x[::-1], 0),
        (5, lambda x: x.transpose(1, 0, 2), 0),
        (6, lambda x: np.rot90(x, -1), 270),
        (7, lambda x: x[::-1, ::-1].transpose(1, 0, 2), 0),
        (8, lambda x: np.rot90(x), 90),
    ],
)
@pytest.mark.parametrize("form", ["jpg", "png", "webp"])
def test_pictures_are_turned_as_exif_says(
    tmp_path, orientation, upright, rotation, form
):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"a.{form}"
    PICTURE.save(path, exif=exif, quality=95)
    expected = np.ascontiguousarray(upright(SMOOTH))
    assert_shows(path, expected)
    info = reader.inspect(path)
    assert (info.height, info.width) == expected.shape[:2]
    assert info.rotation == rotation


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_broken_exif_hides_no_picture(tmp_path):
    PICTURE.save(tmp_path / "a.jpg", exif=b"Exif\0\0II*\0\xff\xff\xff\xff", quality=95)
    assert_shows(tmp_path / "a.jpg", SMOOTH)


# ---------------------------------------------------------------------- animated


@pytest.mark.parametrize("form", ["webp", "png", "gif"])
def test_animated_pictures_are_clips(tmp_path, form):
    greys = [Image.fromarray(np.full((96, 128, 3), 20 * n, np.uint8)) for n in range(8)]
    path = tmp_path / f"a.{form}"
    greys[0].save(path, save_all=True, append_images=greys[1:], duration=500)
    frames, read = seen(path)
    assert frames.mean(axis=(1, 2, 3)) == pytest.approx([20, 60, 100, 140], abs=3)
    assert read.key_seconds == pytest.approx([0.5, 1.5, 2.5, 3.5])
    info = read.info
    assert (info.status, info.frames) == ("ok", 8)
    assert (info.fps, info.seconds) == pytest.approx((2, 4), rel=0.15)
    part, read = seen(path, start=2.0, end=3.0)
    assert part.mean(axis=(1, 2, 3)) == pytest.approx([80, 100], abs=3)
    assert read.info.status == "short"


def test_a_part_of_a_photograph_begins_at_its_only_frame(tmp_path):
    PICTURE.save(tmp_path / "a.png")
    assert len(seen(tmp_path / "a.png", start=0.0, end=0.1)[0]) == 1
    with pytest.raises(DecodeError, match=r"no frame of the picture lies .* from 1 s"):
        seen(tmp_path / "a.png", start=1.0)


# ----------------------------------------------------------------- what is wrong


def png(width, height):
    """A small file that claims to be a picture of any size."""

    def chunk(kind, data):
        crc = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + crc

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = zlib.compress(bytes(1000))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        chunk(*part) for part in ((b"IHDR", header), (b"IDAT", rows), (b"IEND", b""))
    )


def failure(path):
    with pytest.raises(DecodeError) as raised:
        seen(path)
    info = reader.inspect(path)
    assert info.status == "failed"
    assert info.reason == raised.value.reason
    return info.reason


def test_gigapixel_pictures_are_refused_before_they_are_decoded(tmp_path):
    (tmp_path / "bomb.png").write_bytes(png(40_000, 40_000))
    assert failure(tmp_path / "bomb.png") == (
        "frames of 40000 × 40000 pixels are too large to decode"
    )


def test_endless_animations_are_refused(tmp_path, monkeypatch):
    greys = [Image.fromarray(np.full((96, 128), 20 * n, np.uint8)) for n in range(8)]
    greys[0].save(tmp_path / "a.webp", save_all=True, append_images=greys[1:])
    monkeypatch.setattr(photograph, "_MAX_ANIMATION", 7 * 96 * 128)
    assert failure(tmp_path / "a.webp").startswith("8 frames of 128 × 96 pixels")


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp"])
def test_damaged_pictures_say_so(tmp_path, name):
    PICTURE.save(tmp_path / name)
    clips.truncate(tmp_path / name, 0.5)
    assert failure(tmp_path / name).startswith("the picture is damaged: ")


@pytest.mark.parametrize("name", ["text.jpg", "text.webp", "riff.webp"])
def test_what_is_no_picture_says_so(tmp_path, name):
    head = b"RIFF\x10\0\0\0JUNK" if name == "riff.webp" else b""
    (tmp_path / name).write_bytes(head + b"This is no picture.\n" * 9)
    assert failure(tmp_path / name) == (
        "it is neither a video nor a photograph of a known format"
    )


@pytest.mark.parametrize("form", ["jpg", "png", "webp"])
@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
def test_damage_anywhere_ends_with_a_verdict(tmp_path, form):
    whole = tmp_path / f"whole.{form}"
    PICTURE.save(whole)
    for seed in range(60):
        info = reader.inspect(clips.flip(whole, tmp_path / f"a.{form}", seed))
        assert info.status in ("ok", "failed")
        assert bool(info.reason) == (info.status == "failed")


# ---------------------------------------------------------------------- features


def test_features_of_a_photograph_have_no_motion_and_one_step(tmp_path):
    PICTURE.save(tmp_path / "a.jpg")
    features = Extractor(SPEC).extract(tmp_path / "a.jpg").features
    names = {feature.kind: feature.name for feature in SPEC.features}
    assert names["flow"] not in features
    assert len(features[names["frame_grid"]]) == 1

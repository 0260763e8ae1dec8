"""Encodes a scene as an .mp4 file: H.264 pictures, and AAC sound if there is any."""

from __future__ import annotations

import os
import pathlib
from fractions import Fraction

import av
import numpy as np

from transform.common.config import Config, Field
from transform.moving_world import render, sound
from transform.moving_world.scenes import Scene


class Picture(Config):
    """The picture format and quality of a clip."""

    width: int = Field(192, ge=32, multiple_of=2)  # 4:2:0 wants even sides
    height: int = Field(144, ge=32, multiple_of=2)
    fps: int = Field(12, ge=1)
    quality: int = Field(20, ge=0, le=51)  # x264's constant rate factor

    @property
    def size(self) -> tuple[int, int]:
        """The (width, height) of the pictures."""
        return self.width, self.height


def render_clip(
    scene: Scene,
    path: str | os.PathLike[str],
    picture: Picture = Picture(),  # noqa: B008  (immutable)
    comment: str = "",
) -> pathlib.Path:
    """Writes the scene to `path`, which appears only when it is complete.

    One thread and no CPU-specific code in the encoder: the same scene gives the same
    file on every machine. `comment` goes into the file's metadata.
    """
    path = pathlib.Path(path)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with av.open(str(partial), "w", format="mp4") as container:
            container.metadata["comment"] = comment
            _write(container, scene, picture)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
    return path


def read_comment(path: str | os.PathLike[str]) -> str:
    """Returns the comment that `render_clip` wrote, '' in any other file."""
    try:
        with av.open(str(path)) as container:
            return container.metadata.get("comment", "")
    except (OSError, av.error.FFmpegError):
        return ""


def _write(
    container: av.container.OutputContainer, scene: Scene, picture: Picture
) -> None:
    video = container.add_stream("libx264", rate=picture.fps)
    video.width, video.height = picture.size
    video.pix_fmt = "yuv420p"
    video.options = {
        "preset": "veryfast",
        "crf": str(picture.quality),
        "x264-params": "threads=1:cpu-independent=1",
    }
    samples = sound.synthesise(scene)
    audio = container.add_stream("aac", rate=sound.RATE) if len(samples) else None
    if audio:
        audio.layout = "mono"
    for image in render.frames(scene, picture.size, picture.fps):
        frame = av.VideoFrame.from_ndarray(image, format="rgb24")
        # The encoder's own conversion, on several threads, may give other bytes.
        frame = frame.reformat(format=video.pix_fmt, threads=1)
        container.mux(video.encode(frame))
    container.mux(video.encode())
    if audio:
        sheet = np.round(32767 * samples).astype(np.int16)[None]
        track = av.AudioFrame.from_ndarray(sheet, format="s16", layout="mono")
        track.sample_rate = sound.RATE
        track.time_base = Fraction(1, sound.RATE)
        track.pts = 0
        container.mux(audio.encode(track))
        container.mux(audio.encode())

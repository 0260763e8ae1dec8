"""What is known of a drawn clip: where its things are, and when they move."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import NamedTuple

import cv2
import numpy as np

from transform.moving_world.encode import Picture
from transform.moving_world.motions import Pose
from transform.moving_world.render import Size, frame_count, outline
from transform.moving_world.scenes import HEIGHT, WIDTH, Scene, Shot, Thing
from transform.moving_world.subsets import sample_scene
from transform.schema.frame_placement import frame_edges

_URL = re.compile(r"moving-world://(\w+)/(\d+)")
_INSTANTS = 200  # of a shot, at which it is looked for motion


class EventTime(NamedTuple):
    """An event with its place in the clip."""

    verb: str
    shot: int
    subject: int  # the actor of the shot that does it
    begin: float  # seconds from the clip's beginning
    end: float


class DrawnClip(NamedTuple):
    """A clip of which it is known where things are and when they act."""

    scene: Scene
    picture: Picture

    @property
    def edges(self) -> np.ndarray:
        """The (F + 1,) seconds at which its frames begin, and its end."""
        fps = self.picture.fps
        frames = sum(frame_count(shot, fps) for shot in self.scene.shots)
        return frame_edges(np.arange(frames) / fps)

    @property
    def events(self) -> np.ndarray:
        """The (E, 2) seconds at which its events begin and end."""
        events = event_times(self.scene, self.picture.fps)
        return np.array([(event.begin, event.end) for event in events]).reshape(-1, 2)

    def actors_at(self, second: float) -> np.ndarray:
        """Returns where the things are that do something: (height, width) bool."""
        fps = self.picture.fps
        shot, _ = _shot_at(self.scene, second, fps)
        acting = sorted({event.subject for event in shot.events})
        return masks_at(self.scene, second, self.picture.size, fps)[acting].any(axis=0)


def scene_of(url: str) -> Scene:
    """Returns the scene of a clip, as the corpus' annotation names it under `url`.

    Raises:
        ValueError: It is not the address of a drawn clip.
    """
    match = _URL.fullmatch(url)
    if match is None:
        raise ValueError(f"{url!r} is no address of a drawn clip")
    return sample_scene(seed=int(match[2]), subset=match[1])


def event_times(scene: Scene, fps: int) -> tuple[EventTime, ...]:
    """Returns when each event of a scene takes place: from first to last motion.

    An event whose subject never moves, such as `stay`, lasts as long as its shot.

    Args:
        scene: The clip's content.
        fps: Frames a second of the clip.
    """
    return tuple(_event_times(scene, fps))


def _event_times(scene: Scene, fps: int) -> Iterator[EventTime]:
    start = 0.0
    for number, shot in enumerate(scene.shots):
        seconds = frame_count(shot, fps) / fps
        for event in shot.events:
            begin, end = _motion_times(shot, event.subject)
            yield EventTime(
                event.verb,
                number,
                event.subject,
                start + begin * seconds,
                start + end * seconds,
            )
        start += seconds


def masks_at(scene: Scene, second: float, size: Size, fps: int) -> np.ndarray:
    """Returns where each thing of the shot at a moment is, whatever covers it.

    Args:
        scene: The clip's content.
        second: From the clip's beginning.
        size: Width and height of the clip in pixels.
        fps: Frames a second of the clip.

    Returns:
        (A, height, width) bool, in the order of the shot's actors.
    """
    shot, t = _shot_at(scene, second, fps)
    width, height = size
    unit = min(height / HEIGHT, width / WIDTH)
    corner = np.array([width - WIDTH * unit, height - HEIGHT * unit]) / 2
    moved = corner + unit * np.array(shot.camera.offset(t))
    masks = np.zeros((len(shot.actors), height, width), np.uint8)
    for mask, actor in zip(masks, shot.actors, strict=True):
        corners = unit * _corners(actor.thing, actor.motion.pose(t)) + moved
        points = np.round((corners - 0.5) * 16).astype(np.int32)  # pixels' centres
        cv2.fillPoly(mask, [points], (1,), shift=4)
    return masks.astype(bool)


def _shot_at(scene: Scene, second: float, fps: int) -> tuple[Shot, float]:
    """Returns the shot of the frame that is shown at a moment, and its time there."""
    frame = max(0, math.floor(second * fps + 1e-6))
    for shot in scene.shots:
        count = frame_count(shot, fps)
        if frame < count:
            return shot, frame / (count - 1)
        frame -= count
    return scene.shots[-1], 1.0


def _corners(thing: Thing, pose: Pose) -> np.ndarray:
    """Returns the (points, 2) corners of a thing, in units of the world."""
    cos, sin = math.cos(pose.angle), math.sin(pose.angle)
    turn = np.array([[cos, sin], [-sin, cos]])  # of rows (x, y), y downwards
    shape = outline(thing.shape) * thing.radius * pose.scale
    return shape @ turn + (pose.x, pose.y)


def _motion_times(shot: Shot, actor: int) -> tuple[float, float]:
    """Returns the first and last time in [0, 1] at which an actor's pose changes."""
    times = np.linspace(0, 1, _INSTANTS + 1)
    poses = np.array([shot.actors[actor].motion.pose(float(t)) for t in times])
    moving = np.flatnonzero(np.abs(np.diff(poses, axis=0)).max(axis=1) > 1e-9)
    if not moving.size:
        return 0.0, 1.0
    return float(times[moving[0]]), float(times[moving[-1] + 1])

"""The motions of things: one class a trajectory.

A motion has one method, `pose(t)`, with t running from 0 to 1 over its shot. Positions
are in units of the picture's height, x to the right and y downwards.
"""

from __future__ import annotations

import bisect
import math
from typing import NamedTuple, Protocol


class Pose(NamedTuple):
    """A thing's centre, relative size, and angle in radians, clockwise."""

    x: float
    y: float
    scale: float = 1.0
    angle: float = 0.0


class Motion(Protocol):
    """The protocol of a thing's pose over a shot."""

    def pose(self, t: float) -> Pose:
        """Returns the pose at time t in [0, 1]."""


class Rest(NamedTuple):
    """A motion that stays at one pose."""

    at: Pose

    def pose(self, t: float) -> Pose:
        """Returns the same pose at all times."""
        del t
        return self.at


class Path(NamedTuple):
    """A motion straight from pose to pose, each reached at its time."""

    times: tuple[float, ...]
    poses: tuple[Pose, ...]

    def pose(self, t: float) -> Pose:
        """Interpolates linearly; still before the first pose and after the last."""
        if t <= self.times[0]:
            return self.poses[0]
        if t >= self.times[-1]:
            return self.poses[-1]
        right = bisect.bisect_right(self.times, t)
        begin, end = self.times[right - 1], self.times[right]
        share = (t - begin) / (end - begin)
        pairs = zip(self.poses[right - 1], self.poses[right], strict=True)
        return Pose(*(a + (b - a) * share for a, b in pairs))


class Bounce(NamedTuple):
    """A motion of equal hops while the foot point goes from start to end."""

    start: Pose
    end: Pose
    height: float
    hops: int

    def pose(self, t: float) -> Pose:
        """Returns the pose on the parabola of a hop."""
        share = (self.hops * t) % 1.0 if t < 1.0 else 0.0
        foot = Path((0.0, 1.0), (self.start, self.end)).pose(t)
        return foot._replace(y=foot.y - self.height * 4 * share * (1 - share))


class Orbit(NamedTuple):
    """A motion round an ellipse at even speed; negative turns go anticlockwise."""

    x: float
    y: float
    radius_x: float
    radius_y: float
    turns: float
    phase: float  # radians; 0 starts on the right

    def pose(self, t: float) -> Pose:
        """Returns the place on the ellipse, with the thing upright."""
        angle = self.phase + 2 * math.pi * self.turns * t
        return Pose(
            self.x + self.radius_x * math.cos(angle),
            self.y + self.radius_y * math.sin(angle),
        )


class During(NamedTuple):
    """Another motion in a part of the shot, and at rest outside it."""

    motion: Motion
    begin: float
    end: float

    def pose(self, t: float) -> Pose:
        """Returns the motion's first pose before `begin`, its last after `end`."""
        share = (t - self.begin) / (self.end - self.begin)
        return self.motion.pose(min(max(share, 0.0), 1.0))


class Reversed(NamedTuple):
    """Another motion that runs backwards in time."""

    motion: Motion

    def pose(self, t: float) -> Pose:
        """Returns the other motion's pose at 1 - t."""
        return self.motion.pose(1.0 - t)


# ----------------------------------------------------- one constructor a movement


def slide(start: Pose, end: Pose) -> Motion:
    """Moves from start to end without turning."""
    return Path((0.0, 1.0), (start, end))


def roll(start: Pose, end: Pose, radius: float) -> Motion:
    """Moves from start to end, turning as a wheel of that radius would."""
    angle = start.angle + (end.x - start.x) / radius
    return Path((0.0, 1.0), (start, end._replace(angle=angle)))


def spin(at: Pose, turns: float) -> Motion:
    """Turns a thing in place."""
    end = at._replace(angle=at.angle + 2 * math.pi * turns)
    return Path((0.0, 1.0), (at, end))


def scale(at: Pose, begin: float, end: float) -> Motion:
    """Grows or shrinks a thing in place."""
    return Path((0.0, 1.0), (at._replace(scale=begin), at._replace(scale=end)))


def split(at: Pose, gap: float) -> tuple[Motion, Motion]:
    """Splits one thing, which is two that coincide, into two smaller ones."""
    half = at._replace(scale=0.62)
    left, right = (half._replace(x=at.x + side * gap) for side in (-1, 1))
    times = (0.4, 0.75)
    return Path(times, (at, left)), Path(times, (at, right))

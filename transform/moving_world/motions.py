"""Where a thing is at every moment: one trajectory a motion.

A motion has one method, `pose(t)`, with t running from 0 to 1 over its shot. Positions
are in units of the picture's height, x to the right and y downwards.
"""

from __future__ import annotations

import bisect
import math
from typing import NamedTuple, Protocol


class Pose(NamedTuple):
    """Centre, size relative to the thing's own, and angle in radians, clockwise."""

    x: float
    y: float
    scale: float = 1.0
    angle: float = 0.0


class Motion(Protocol):
    """A thing's pose over a shot."""

    def pose(self, t: float) -> Pose:
        """The pose at time t in [0, 1]."""


class Rest(NamedTuple):
    """Stays where it is."""

    at: Pose

    def pose(self, t: float) -> Pose:
        """The same at all times."""
        del t
        return self.at


class Path(NamedTuple):
    """Straight from pose to pose, each reached at its time."""

    times: tuple[float, ...]
    poses: tuple[Pose, ...]

    def pose(self, t: float) -> Pose:
        """Linear between the two neighbours; still before the first, after the last."""
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
    """Hops of equal height while the foot point goes from start to end."""

    start: Pose
    end: Pose
    height: float
    hops: int

    def pose(self, t: float) -> Pose:
        """A parabola a hop."""
        share = (self.hops * t) % 1.0 if t < 1.0 else 0.0
        foot = Path((0.0, 1.0), (self.start, self.end)).pose(t)
        return foot._replace(y=foot.y - self.height * 4 * share * (1 - share))


class Orbit(NamedTuple):
    """Round an ellipse at even speed; negative turns go anticlockwise."""

    x: float
    y: float
    radius_x: float
    radius_y: float
    turns: float
    phase: float  # radians; 0 starts on the right

    def pose(self, t: float) -> Pose:
        """The thing itself stays upright."""
        angle = self.phase + 2 * math.pi * self.turns * t
        return Pose(
            self.x + self.radius_x * math.cos(angle),
            self.y + self.radius_y * math.sin(angle),
        )


class During(NamedTuple):
    """Another motion, squeezed into a part of the shot; at rest outside it."""

    motion: Motion
    begin: float
    end: float

    def pose(self, t: float) -> Pose:
        """The other motion's first pose before `begin`, its last after `end`."""
        share = (t - self.begin) / (self.end - self.begin)
        return self.motion.pose(min(max(share, 0.0), 1.0))


class Reversed(NamedTuple):
    """Another motion, backwards."""

    motion: Motion

    def pose(self, t: float) -> Pose:
        """The other motion's pose at 1 - t."""
        return self.motion.pose(1.0 - t)


# ----------------------------------------------------- one constructor a movement


def slide(start: Pose, end: Pose) -> Motion:
    """From start to end without turning."""
    return Path((0.0, 1.0), (start, end))


def roll(start: Pose, end: Pose, radius: float) -> Motion:
    """From start to end, turning as a wheel of that radius would."""
    angle = start.angle + (end.x - start.x) / radius
    return Path((0.0, 1.0), (start, end._replace(angle=angle)))


def spin(at: Pose, turns: float) -> Motion:
    """Turns in place."""
    end = at._replace(angle=at.angle + 2 * math.pi * turns)
    return Path((0.0, 1.0), (at, end))


def scale(at: Pose, begin: float, end: float) -> Motion:
    """Grows or shrinks in place."""
    return Path((0.0, 1.0), (at._replace(scale=begin), at._replace(scale=end)))


def split(at: Pose, gap: float) -> tuple[Motion, Motion]:
    """One thing (two that coincide) that falls into two smaller ones."""
    half = at._replace(scale=0.62)
    left, right = (half._replace(x=at.x + side * gap) for side in (-1, 1))
    times = (0.4, 0.75)
    return Path(times, (at, left)), Path(times, (at, right))

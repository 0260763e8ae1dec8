"""The content of a clip: things, what they do, the camera, the sound.

Lengths are in units of the picture's height; the world is 4:3.
"""

from __future__ import annotations

import hashlib
import math
import random
from collections.abc import Mapping
from typing import NamedTuple, Protocol

from transform.moving_world.motions import Motion

WIDTH, HEIGHT = 4 / 3, 1.0

COLOURS: Mapping[str, tuple[int, int, int]] = {  # RGB
    "red": (214, 38, 38),
    "orange": (246, 142, 22),
    "yellow": (250, 228, 55),
    "green": (46, 163, 72),
    "blue": (42, 92, 220),
    "purple": (142, 58, 172),
    "white": (245, 245, 245),
}
SHAPES = ("circle", "square", "triangle", "star", "cross", "diamond")
TEXTURES = ("plain", "striped", "dotted", "checkered")
SIZES: Mapping[str, float] = {"small": 0.095, "large": 0.17}  # radius
TONES: Mapping[str, tuple[int, int, int]] = {  # of backgrounds, all of little colour
    "dark": (38, 42, 52),
    "grey": (126, 129, 134),
    "beige": (190, 174, 146),
}
PATTERNS = ("plain", "tiles", "clutter")
CARDS = ("bars", "snow", "title", "blank")  # shots in which nothing happens


class Thing(NamedTuple):
    """An object, described by its looks."""

    shape: str
    colour: str
    texture: str
    size: str

    @property
    def radius(self) -> float:
        """The radius of the circle around the thing, at scale 1."""
        return SIZES[self.size]


class Actor(NamedTuple):
    """A thing with its motion through a shot."""

    thing: Thing
    motion: Motion


class Event(NamedTuple):
    """An event: `subject` and `object` are indices of a shot's actors."""

    verb: str
    subject: int
    object: int = -1  # -1: nobody
    direction: str = ""  # left, right, up, down or none
    step: int = 0  # events of one step happen together, those of a later one after


class Relation(NamedTuple):
    """The place of an actor relative to another, before anything moves."""

    subject: int
    place: str  # "left of", "right of", "above", "below"
    object: int


class Background(NamedTuple):
    """The background behind the things."""

    tone: str
    pattern: str  # of PATTERNS, or a card that fills the shot
    floor: bool
    seed: int


class Camera(Protocol):
    """The protocol of a movement of the camera."""

    def offset(self, t: float) -> tuple[float, float]:
        """Returns the displacement of the picture's content at t in [0, 1]."""


class Fixed(NamedTuple):
    """A camera on a tripod."""

    def offset(self, t: float) -> tuple[float, float]:
        """Returns no displacement at any time."""
        del t
        return 0.0, 0.0


class Pan(NamedTuple):
    """A camera that turns to one side: the content goes to the other."""

    direction: str  # left or right
    extent: float

    def offset(self, t: float) -> tuple[float, float]:
        """Returns an even displacement, zero in the middle of the shot."""
        sign = 1 if self.direction == "left" else -1
        return sign * self.extent * (t - 0.5), 0.0


class Shake(NamedTuple):
    """A camera in an unsteady hand: two incommensurable swings an axis."""

    amount: float

    def offset(self, t: float) -> tuple[float, float]:
        """Returns a displacement within the amount on both axes."""
        x = 0.6 * math.sin(37 * t) + 0.4 * math.sin(61 * t + 1)
        y = 0.6 * math.sin(43 * t + 2) + 0.4 * math.sin(71 * t)
        return self.amount * x, self.amount * y


class Shot(NamedTuple):
    """The part of a clip between two cuts."""

    seconds: float
    actors: tuple[Actor, ...]
    background: Background
    camera: Camera = Fixed()
    events: tuple[Event, ...] = ()
    relations: tuple[Relation, ...] = ()


class Scene(NamedTuple):
    """A clip's whole content; everything told about the clip follows from it."""

    subset: str
    seed: int
    category: str
    shots: tuple[Shot, ...]
    sound: str = "none"  # "none": no track; "motion": of the events; else a SIGNAL

    @property
    def seconds(self) -> float:
        """The length of the clip in seconds."""
        return sum(shot.seconds for shot in self.shots)

    @property
    def digest(self) -> str:
        """Returns sixteen hex digits of everything that decides the clip."""
        return hashlib.sha256(repr(self).encode()).hexdigest()[:16]

    def random(self, purpose: str) -> random.Random:
        """Returns a random generator of its own for each purpose."""
        return random.Random(f"{purpose}:{self.subset}:{self.seed}")


SIGNALS = ("bell", "whistle", "drum", "horn")  # sounds from outside the picture

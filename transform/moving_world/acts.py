"""The acts of things, one function an act: its actors, motions and event.

Every act is sampled so that what it says can be seen: what spins is not a plain
circle, what slides sideways is not a circle (that would roll), nothing leaves the
picture.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import NamedTuple

from transform.moving_world import motions
from transform.moving_world.motions import Motion, Pose
from transform.moving_world.scenes import (
    COLOURS,
    HEIGHT,
    SHAPES,
    SIZES,
    TEXTURES,
    WIDTH,
    Actor,
    Event,
    Thing,
)

FLOOR = 0.82
_EDGE = 0.04  # what is kept free at the picture's edges


class Act(NamedTuple):
    """An act: some actors, and the events among them."""

    actors: tuple[Actor, ...]
    events: tuple[Event, ...]

    def then(self, step: int) -> Act:
        """Returns the same act as a later step of the clip."""
        return self._replace(
            events=tuple(event._replace(step=step) for event in self.events)
        )

    def during(self, begin: float, end: float) -> Act:
        """Returns the same act in a part of the shot."""
        return self._replace(
            actors=tuple(
                Actor(actor.thing, motions.During(actor.motion, begin, end))
                for actor in self.actors
            )
        )


def together(*acts: Act) -> Act:
    """Joins several acts in one shot."""
    actors: tuple[Actor, ...] = ()
    events: tuple[Event, ...] = ()
    for act in acts:
        shift = len(actors)
        events += tuple(
            event._replace(
                subject=event.subject + shift,
                object=event.object + shift if event.object >= 0 else -1,
            )
            for event in act.events
        )
        actors += act.actors
    return Act(actors, events)


# ---------------------------------------------------------------------- things


def thing(rng: random.Random, size: str = "") -> Thing:
    """Draws one thing; half of all are plain and two thirds large."""
    return Thing(
        rng.choice(SHAPES),
        rng.choice(tuple(COLOURS)),
        rng.choices(TEXTURES, (3, 1, 1, 1))[0],
        size or rng.choices(tuple(SIZES), (1, 2))[0],
    )


def things(rng: random.Random, count: int, size: str = "") -> tuple[Thing, ...]:
    """Draws several things, no two of one shape or one colour."""
    shapes = rng.sample(SHAPES, count)
    colours = rng.sample(tuple(COLOURS), count)
    return tuple(
        thing(rng, size)._replace(shape=shape, colour=colour)
        for shape, colour in zip(shapes, colours, strict=True)
    )


def turnable(of: Thing) -> Thing:
    """Returns the thing, striped if it is a plain circle, which shows no turn."""
    if (of.shape, of.texture) == ("circle", "plain"):
        return of._replace(texture="striped")
    return of


def spot(rng: random.Random) -> Pose:
    """Draws a place around the picture's middle."""
    return Pose(rng.uniform(0.45, WIDTH - 0.45), rng.uniform(0.42, 0.58))


# -------------------------------------------------------------- acts at one place


def stay(rng: random.Random, of: Thing, at: Pose, reach: float = 0.3) -> Act:
    """An act in which nothing moves."""
    del rng, reach
    return _alone(of, "stay", motions.Rest(at))


def spin(rng: random.Random, of: Thing, at: Pose, reach: float = 0.3) -> Act:
    """A thing that turns in place."""
    del reach
    turns = rng.choice((-1, 1)) * rng.uniform(1.2, 2.2)
    return _alone(turnable(of), "spin", motions.spin(at, turns))


def grow(rng: random.Random, of: Thing, at: Pose, reach: float = 0.3) -> Act:
    """A thing that becomes three times as large."""
    del rng
    of = of._replace(size="large")
    end = min(1.5, reach / of.radius)
    return _alone(of, "grow", motions.scale(at, end / 3, end))


def shrink(rng: random.Random, of: Thing, at: Pose, reach: float = 0.3) -> Act:
    """A thing that shrinks to a third: the reverse of `grow`."""
    del rng
    of = of._replace(size="large")
    begin = min(1.5, reach / of.radius)
    return _alone(of, "shrink", motions.scale(at, begin, begin / 3))


def bounce(rng: random.Random, of: Thing, at: Pose, reach: float = 0.3) -> Act:
    """A thing that bounces up and down in place."""
    foot = at._replace(y=at.y + reach - of.radius)
    height = max(0.15, 2 * (reach - of.radius) + 0.1)
    motion = motions.Bounce(foot, foot, height, rng.randint(3, 5))
    return _alone(of, "bounce", motion)


def jump(rng: random.Random, of: Thing, at: Pose, reach: float = 0.3) -> Act:
    """A thing that makes a single hop."""
    del rng, reach
    foot = at._replace(y=FLOOR - of.radius)
    return _alone(of, "jump", motions.Bounce(foot, foot, 0.4, 1))


def circle(rng: random.Random, of: Thing, at: Pose, reach: float = 0.3) -> Act:
    """A thing that circles around an empty centre."""
    radius = max(0.1, reach - of.radius + 0.04)
    turns = rng.choice((-1, 1)) * rng.uniform(1.5, 2.5)
    motion = motions.Orbit(at.x, at.y, radius, radius, turns, rng.uniform(0, 6.28))
    return _alone(of, "circle", motion)


def split(rng: random.Random, of: Thing, at: Pose, reach: float = 0.3) -> Act:
    """A thing that splits into two."""
    del rng
    of = of._replace(size="large")
    left, right = motions.split(at, reach)
    return Act((Actor(of, left), Actor(of, right)), (Event("split", 0),))


IN_PLACE: Mapping[str, Callable[..., Act]] = {
    "bounce": bounce,
    "circle": circle,
    "grow": grow,
    "shrink": shrink,
    "spin": spin,
}


# ---------------------------------------------------------- acts across the picture


def slide(rng: random.Random, of: Thing, direction: str, across: float) -> Act:
    """A thing that slides left, right, up or down at the coordinate `across`."""
    if of.shape == "circle" and direction in ("left", "right"):
        return roll(rng, of, direction, across)
    start, end = _ends(rng, of, direction, across)
    return _alone(of, "slide", motions.slide(start, end), direction)


def roll(rng: random.Random, of: Thing, direction: str, across: float) -> Act:
    """A thing that rolls to the left or right."""
    start, end = _ends(rng, of, direction, across)
    return _alone(of, "roll", motions.roll(start, end, of.radius), direction)


def stop(rng: random.Random, of: Thing, direction: str, across: float) -> Act:
    """A thing that moves left or right and stops halfway."""
    moving = roll if of.shape == "circle" else slide
    (actor,) = moving(rng, of, direction, across).actors
    motion = motions.During(actor.motion, 0.0, 0.5)
    return _alone(of, "stop", motion, direction)


def line(rng: random.Random, of: Thing, floor: bool) -> float:
    """Returns the height of a path: on the floor where there is one."""
    return FLOOR - of.radius if floor else rng.uniform(0.35, 0.65)


# ------------------------------------------------------------------ acts of a pair


def chase(rng: random.Random, pair: tuple[Thing, Thing], y: float) -> Act:
    """A thing that chases another and comes close."""
    first, second = pair
    direction, sign, x0 = _side(rng)
    touch = first.radius + second.radius
    begin = _EDGE + first.radius
    end = WIDTH - _EDGE - second.radius
    hunter = (begin, end - touch - 0.06)
    prey = (begin + touch + 0.15, end)
    return Act(
        tuple(
            Actor(one, motions.roll(_at(x0, sign, a, y), _at(x0, sign, b, y), r))
            if one.shape == "circle"
            else Actor(one, motions.slide(_at(x0, sign, a, y), _at(x0, sign, b, y)))
            for one, (a, b), r in (
                (first, hunter, first.radius),
                (second, prey, second.radius),
            )
        ),
        (Event("chase", 0, 1, direction),),
    )


def hit(rng: random.Random, pair: tuple[Thing, Thing], y: float) -> Act:
    """A thing that hits a resting one and pushes it on."""
    first, second = pair
    direction, sign, x0 = _side(rng)
    rest = rng.uniform(0.78, 0.85)
    contact = rest - 0.92 * (first.radius + second.radius)
    end = WIDTH - _EDGE - second.radius
    runner = motions.Path(
        (0.0, 0.5),
        (_at(x0, sign, _EDGE + first.radius, y), _at(x0, sign, contact, y)),
    )
    pushed = motions.Path((0.5, 1.0), (_at(x0, sign, rest, y), _at(x0, sign, end, y)))
    return Act(
        (Actor(first, runner), Actor(second, pushed)),
        (Event("hit", 0, 1, direction),),
    )


def collide(rng: random.Random, pair: tuple[Thing, Thing], y: float) -> Act:
    """Two things that collide in the middle and fly back."""
    first, second = pair
    _, sign, x0 = _side(rng)
    gap = 0.46 * (first.radius + second.radius)
    middle = WIDTH / 2
    left = (_EDGE + first.radius, middle - gap)
    right = (WIDTH - _EDGE - second.radius, middle + gap)
    times = (0.0, 0.5, 1.0)
    return Act(
        tuple(
            Actor(
                one,
                motions.Path(
                    times,
                    tuple(_at(x0, sign, x, y) for x in (far, near, far)),
                ),
            )
            for one, (far, near) in ((first, left), (second, right))
        ),
        (Event("collide", 0, 1),),
    )


def orbit(rng: random.Random, pair: tuple[Thing, Thing], y: float) -> Act:
    """A thing that orbits another one."""
    del y
    first, second = pair[0]._replace(size="small"), pair[1]
    turns = rng.choice((-1, 1)) * rng.uniform(1.2, 2.0)
    ring = motions.Orbit(WIDTH / 2, HEIGHT / 2, 0.46, 0.34, turns, rng.uniform(0, 6.28))
    centre = motions.Rest(Pose(WIDTH / 2, HEIGHT / 2))
    return Act(
        (Actor(first, ring), Actor(second, centre)),
        (Event("orbit", 0, 1),),
    )


PAIRED: Mapping[str, Callable[..., Act]] = {
    "chase": chase,
    "hit": hit,
    "collide": collide,
    "orbit": orbit,
}


# --------------------------------------------------------------------- helpers


def _alone(of: Thing, verb: str, motion: Motion, direction: str = "") -> Act:
    return Act((Actor(of, motion),), (Event(verb, 0, direction=direction),))


def _ends(
    rng: random.Random, of: Thing, direction: str, across: float
) -> tuple[Pose, Pose]:
    """Draws start and end of a straight run over most of the picture."""
    length = WIDTH if direction in ("left", "right") else HEIGHT
    near = _EDGE + of.radius + rng.uniform(0, 0.1)
    far = length - _EDGE - of.radius - rng.uniform(0, 0.1)
    if direction in ("left", "up"):
        near, far = far, near
    if direction in ("left", "right"):
        return Pose(near, across), Pose(far, across)
    return Pose(across, near), Pose(across, far)


def _side(rng: random.Random) -> tuple[str, int, float]:
    """Draws a direction; returns it, the sign of x along it, and the first x."""
    return rng.choice((("right", 1, 0.0), ("left", -1, WIDTH)))


def _at(x0: float, sign: int, x: float, y: float) -> Pose:
    return Pose(x0 + sign * x, y)

"""Samples scenes from seeds: a mixed corpus, and one subset a mechanism.

A diagnostic subset's clips come in pairs (seeds 2k and 2k + 1) that are equal in
everything but the one thing which the subset is about, so that a model that cannot
see it can do no better than guess.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Mapping, Sequence

from transform.moving_world import acts, motions
from transform.moving_world.acts import Act
from transform.moving_world.motions import Pose
from transform.moving_world.scenes import (
    CARDS,
    HEIGHT,
    PATTERNS,
    SHAPES,
    SIGNALS,
    TEXTURES,
    TONES,
    WIDTH,
    Actor,
    Background,
    Camera,
    Event,
    Fixed,
    Pan,
    Relation,
    Scene,
    Shake,
    Shot,
)

_OPPOSITE = {
    "grow": "shrink",
    "shrink": "grow",
    "left": "right",
    "right": "left",
    "up": "down",
    "down": "up",
}


def sample_scene(seed: int, subset: str = "mixed") -> Scene:
    """Returns the scene of a seed, always the same one."""
    if subset not in SUBSETS:
        names = ", ".join(SUBSETS)
        raise ValueError(f"subset must be one of {names}; received {subset!r}")
    if seed < 0:
        raise ValueError(f"seed must be 0 or more; received {seed}")
    return SUBSETS[subset](seed)


# ----------------------------------------------------------------------- mixed


def _mixed(seed: int) -> Scene:
    """Samples mostly one or two large things; a fifth is harder."""
    rng = random.Random(f"mixed:{seed}")
    families, weights = zip(*_FAMILIES, strict=True)
    (family,) = rng.choices(families, weights)
    shots = family(rng)
    return Scene(
        "mixed",
        seed,
        shots[0].events[0].verb,
        shots,
        sound=rng.choices(("none", "motion"), (2, 1))[0],
    )


def _single(rng: random.Random) -> tuple[Shot, ...]:
    background = _background(rng)
    return (_shot(rng, _solo(rng, background.floor), background),)


def _solo(rng: random.Random, floor: bool) -> Act:
    """Samples one thing and one of ten verbs, with the four directions of slides."""
    of = acts.thing(rng)
    verb = rng.choices(
        ("roll", "slide", "stop", "split", "stay", *acts.IN_PLACE),
        (4, 6, 2, 2, 1, 2, 2, 2, 2, 2),
    )[0]
    at = acts.spot(rng)
    if verb == "bounce" and floor:
        at = at._replace(y=acts.FLOOR - 0.3)
    if verb in acts.IN_PLACE:
        return acts.IN_PLACE[verb](rng, of, at)
    if verb == "split":
        return acts.split(rng, of, at)
    if verb == "stay":
        return acts.stay(rng, of, at)
    sideways = rng.choice(("left", "right"))
    if verb == "roll":
        return acts.roll(rng, of, sideways, acts.line(rng, of, floor))
    if verb == "stop":
        return acts.stop(rng, of, sideways, acts.line(rng, of, floor))
    direction = rng.choice(("left", "right", "up", "down"))
    if of.shape == "circle":
        direction = rng.choice(("up", "down"))
    across = at.y if direction in ("left", "right") else at.x
    return acts.slide(rng, of, direction, across)


def _interacting(rng: random.Random) -> tuple[Shot, ...]:
    pair = acts.things(rng, 2)
    verb = rng.choice(tuple(acts.PAIRED))
    act = acts.PAIRED[verb](rng, pair, rng.uniform(0.4, 0.6))
    return (_shot(rng, act, _background(rng)),)


def _side_by_side(rng: random.Random) -> tuple[Shot, ...]:
    """Samples two things, each with its own act; one of them may do nothing."""
    pair = acts.things(rng, 2)
    slots = [_slot(rng, 0.36), _slot(rng, WIDTH - 0.36)]
    rng.shuffle(slots)
    verbs = rng.sample(tuple(acts.IN_PLACE), 2)
    first = acts.IN_PLACE[verbs[0]](rng, pair[0], slots[0], 0.24)
    second_act = rng.choice((acts.stay, acts.IN_PLACE[verbs[1]]))
    second = second_act(rng, pair[1], slots[1], 0.24)
    return (_shot(rng, acts.together(first, second), _background(rng)),)


def _passing(rng: random.Random) -> tuple[Shot, ...]:
    """Samples a thing that goes by while another stays where it is."""
    mover, rest = acts.things(rng, 2)
    heights = [0.25, 0.75]
    rng.shuffle(heights)
    direction = rng.choice(("left", "right"))
    go = rng.choice((acts.roll, acts.slide))
    still = acts.stay(rng, rest, Pose(rng.uniform(0.4, WIDTH - 0.4), heights[1]))
    act = acts.together(go(rng, mover, direction, heights[0]), still)
    return (_shot(rng, act, _background(rng)),)


def _filmed(rng: random.Random) -> tuple[Shot, ...]:
    """Samples a moving camera, on a pattern that lets it be seen."""
    act = _act_in_place(rng, Pose(WIDTH / 2, HEIGHT / 2), 0.26)
    camera: Camera = rng.choice((Pan("left", 0.35), Pan("right", 0.35), Shake(0.03)))
    background = _background(rng, rng.choice(("tiles", "clutter")))
    return (_shot(rng, act, background)._replace(camera=camera),)


def _crowd(rng: random.Random) -> tuple[Shot, ...]:
    """Samples three or four small things of which one moves."""
    cast = acts.things(rng, rng.choice((3, 4)), size="small")
    slots = rng.sample(_grid(), len(cast))
    verb = rng.choice(("spin", "bounce", "circle"))
    lead = acts.IN_PLACE[verb](rng, cast[0], slots[0], 0.17)
    others = [
        acts.stay(rng, of, at) for of, at in zip(cast[1:], slots[1:], strict=True)
    ]
    return (_shot(rng, acts.together(lead, *others), _background(rng)),)


def _cut(rng: random.Random) -> tuple[Shot, ...]:
    """Samples two shots, one after the other."""
    first, second = acts.things(rng, 2)
    at = Pose(WIDTH / 2, HEIGHT / 2)
    verbs = rng.sample(tuple(acts.IN_PLACE), 2)
    halves = (
        acts.IN_PLACE[verbs[0]](rng, first, at),
        acts.IN_PLACE[verbs[1]](rng, second, at).then(1),
    )
    return tuple(
        _shot(rng, half, _background(rng, floor=False))._replace(
            seconds=rng.uniform(2, 3)
        )
        for half in halves
    )


_FAMILIES: tuple[tuple[Callable[[random.Random], tuple[Shot, ...]], int], ...] = (
    (_single, 50),  # with its weight
    (_interacting, 20),
    (_side_by_side, 10),
    (_passing, 8),
    (_filmed, 4),
    (_crowd, 4),
    (_cut, 4),
)

# ------------------------------------------------------------------ diagnostic


def _motion(seed: int) -> Scene:
    """Asks who moves: a pair shows the same things at the same places.

    Motion-guided attention should matter: what a single frame shows is the same.
    """
    rng, side = _pair("motion", seed)
    cast = acts.things(rng, rng.choice((2, 2, 3)), size="small")
    slots = rng.sample(_grid(), len(cast))
    verb = rng.choice(("spin", "bounce", "circle"))
    cast = tuple(acts.turnable(of) for of in cast)
    mover = (rng.randrange(len(cast)) + side) % len(cast)
    parts = [
        acts.IN_PLACE[verb](random.Random(seed // 2), of, at, 0.16)
        if index == mover
        else acts.stay(rng, of, at)
        for index, (of, at) in enumerate(zip(cast, slots, strict=True))
    ]
    shot = _shot(rng, acts.together(*parts), _background(rng, "plain"))
    lead_first = sorted(shot.events, key=lambda event: event.subject != mover)
    return Scene("motion", seed, "motion", (shot._replace(events=tuple(lead_first)),))


def _order(seed: int) -> Scene:
    """Asks what comes first: the second of a pair is the first one backwards.

    Ranked attention should matter: the two clips show the same set of pictures.
    """
    rng, side = _pair("order", seed)
    kind = rng.choices(
        (_order_of_size, _order_of_ends, _order_of_jumps, _order_of_shots),
        (2, 2, 1, 1),
    )[0]
    scene = Scene("order", seed, "order", kind(rng))
    return _backwards(scene) if side else scene


def _order_of_size(rng: random.Random) -> tuple[Shot, ...]:
    act = acts.grow(rng, acts.thing(rng), acts.spot(rng))
    return (_shot(rng, act, _background(rng)),)


def _order_of_ends(rng: random.Random) -> tuple[Shot, ...]:
    direction = rng.choice(("left", "up"))
    background = _background(rng)
    of = acts.thing(rng)
    while of.shape == "circle":
        of = acts.thing(rng)
    act = acts.slide(rng, of, direction, rng.uniform(0.45, 0.55))
    return (_shot(rng, act, background),)


def _order_of_jumps(rng: random.Random) -> tuple[Shot, ...]:
    first, second = acts.things(rng, 2)
    places = [0.38, WIDTH - 0.38]
    rng.shuffle(places)
    act = acts.together(
        acts.jump(rng, first, Pose(places[0], 0.5)).during(0.0, 0.5),
        acts.jump(rng, second, Pose(places[1], 0.5)).during(0.5, 1.0).then(1),
    )
    return (_shot(rng, act, _background(rng, "plain", floor=True)),)


def _order_of_shots(rng: random.Random) -> tuple[Shot, ...]:
    first, second = acts.things(rng, 2)
    background = _background(rng)
    at = Pose(WIDTH / 2, HEIGHT / 2)
    seconds = rng.uniform(1.8, 2.5)
    verb = rng.choice(("spin", "circle"))
    return tuple(
        Shot(seconds, act.actors, background, events=act.events)
        for act in (
            acts.IN_PLACE[verb](rng, first, at),
            acts.IN_PLACE[verb](rng, second, at).then(1),
        )
    )


def _noise(seed: int) -> Scene:
    """Asks for the middle third; opening and ending are test cards and snow.

    A key frame found by refocusing should matter. The pair shares its middle's
    things and differs in what they do.
    """
    rng, side = _pair("noise", seed)
    of = acts.turnable(acts.thing(rng, size="large"))
    verbs = rng.sample(tuple(acts.IN_PLACE), 2)
    at = acts.spot(rng)
    background = _background(rng)
    seconds = rng.uniform(1.6, 2.2)
    opening, ending = (
        Shot(
            rng.uniform(0.9, 1.9),
            (),
            Background(rng.choice(tuple(TONES)), card, False, rng.randrange(2**31)),
        )
        for card in rng.sample(CARDS, 2)
    )
    middle = acts.IN_PLACE[verbs[side]](rng, of, at)
    core = Shot(seconds, middle.actors, background, events=middle.events)
    return Scene("noise", seed, "noise", (opening, core, ending))


def _detail(seed: int) -> Scene:
    """Asks for the texture: fine texture on a coarse movement.

    Attention over layers should matter: the pair differs in the texture alone.
    """
    rng, side = _pair("detail", seed)
    textures = rng.sample(TEXTURES, 2)
    of = acts.thing(rng)._replace(texture=textures[side])
    shapes = [shape for shape in SHAPES if shape != "circle"]
    of = of._replace(shape=rng.choice(shapes))  # a plain one could not be seen to spin
    background = _background(rng)
    direction = rng.choice(("left", "right", "up", "down"))
    act = rng.choice(
        (
            acts.slide(rng, of, direction, rng.uniform(0.45, 0.55)),
            acts.spin(rng, of, acts.spot(rng)),
            acts.circle(rng, of, acts.spot(rng)),
        )
    )
    return Scene("detail", seed, "detail", (_shot(rng, act, background),))


def _entities(seed: int) -> Scene:
    """Asks which of several: three or four things, and their relative places.

    Attention over objects should matter. The pair has the same things at the same
    places; either another one is gone to, or two have changed places.
    """
    rng, side = _pair("entities", seed)
    cast = list(acts.things(rng, rng.choice((3, 4)), size="small"))
    slots = rng.sample(_grid(), len(cast))
    while not _neighbours(slots):
        slots = rng.sample(_grid(), len(cast))
    approach = rng.random() < 0.5
    if not approach and side:
        cast[0], cast[1] = cast[1], cast[0]
    parts = [acts.stay(rng, of, at) for of, at in zip(cast, slots, strict=True)]
    act = acts.together(*parts)
    if approach:
        act = _approaching(act, goal=1 + side)
    shot = _shot(rng, act, _background(rng))
    places = [actor.motion.pose(0) for actor in act.actors]
    shot = shot._replace(relations=_neighbours(places))
    return Scene("entities", seed, "entities", (shot,))


def _approaching(act: Act, goal: int) -> Act:
    """Returns the motion of the first actor to the one at `goal`, where it stops."""
    first, target = act.actors[0], act.actors[goal]
    start, goal_pose = first.motion.pose(0), target.motion.pose(0)
    dx, dy = goal_pose.x - start.x, goal_pose.y - start.y
    distance = (dx * dx + dy * dy) ** 0.5
    near = (first.thing.radius + target.thing.radius + 0.02) / distance
    end = Pose(goal_pose.x - dx * near, goal_pose.y - dy * near)
    path = motions.Path((0.1, 0.8), (start, end))
    actors = (Actor(first.thing, path), *act.actors[1:])
    rest = tuple(event for event in act.events if event.subject)
    return Act(actors, (Event("approach", 0, goal), *rest))


def _sound(seed: int) -> Scene:
    """Asks what is heard: a quiet picture under a bell, whistle, drum, horn, nothing.

    The sound track should matter: the pair's pictures are the same.
    """
    rng, side = _pair("sound", seed)
    act = _act_in_place(rng, acts.spot(rng), 0.3)
    signals = rng.sample((*SIGNALS, "none"), 2)
    shot = _shot(rng, act, _background(rng))
    return Scene("sound", seed, "sound", (shot,), sound=signals[side])


SUBSETS: Mapping[str, Callable[[int], Scene]] = {
    "mixed": _mixed,
    "motion": _motion,
    "order": _order,
    "noise": _noise,
    "detail": _detail,
    "entities": _entities,
    "sound": _sound,
}

# --------------------------------------------------------------------- helpers


def _neighbours(places: Sequence[Pose]) -> tuple[Relation, ...]:
    """Returns the relations of actors that are right beside, above or below others."""
    relations = []
    for (one, a), (two, b) in itertools.permutations(enumerate(places), 2):
        dx, dy = a.x - b.x, a.y - b.y
        if dy == 0 and abs(dx) < 0.5:
            relations.append(Relation(one, "left of" if dx < 0 else "right of", two))
        if dx == 0 and abs(dy) < 0.5:
            relations.append(Relation(one, "above" if dy < 0 else "below", two))
    return tuple(relations)


def _pair(subset: str, seed: int) -> tuple[random.Random, int]:
    """Returns a pair's common generator, and which of the two this seed is."""
    return random.Random(f"{subset}:{seed // 2}"), seed % 2


def _backwards(scene: Scene) -> Scene:
    """Returns the scene played from its end to its beginning."""
    steps = 1 + max(event.step for shot in scene.shots for event in shot.events)
    shots = tuple(
        shot._replace(
            actors=tuple(
                Actor(actor.thing, motions.Reversed(actor.motion))
                for actor in shot.actors
            ),
            events=tuple(
                event._replace(
                    verb=_OPPOSITE.get(event.verb, event.verb),
                    direction=_OPPOSITE.get(event.direction, event.direction),
                    step=steps - 1 - event.step,
                )
                for event in shot.events
            ),
        )
        for shot in reversed(scene.shots)
    )
    return scene._replace(shots=shots)


def _act_in_place(rng: random.Random, at: Pose, reach: float) -> Act:
    verb = rng.choice(tuple(acts.IN_PLACE))
    return acts.IN_PLACE[verb](rng, acts.thing(rng), at, reach)


def _slot(rng: random.Random, x: float) -> Pose:
    return Pose(x + rng.uniform(-0.04, 0.04), rng.uniform(0.42, 0.58))


def _grid() -> list[Pose]:
    """Returns six places, three a row."""
    return [Pose(x, y) for x in (0.24, WIDTH / 2, WIDTH - 0.24) for y in (0.27, 0.73)]


def _background(
    rng: random.Random, pattern: str = "", floor: bool | None = None
) -> Background:
    return Background(
        rng.choice(tuple(TONES)),
        pattern or rng.choices(PATTERNS, (6, 3, 1))[0],
        rng.random() < 0.4 if floor is None else floor,
        rng.randrange(2**31),
    )


def _shot(rng: random.Random, act: Act, background: Background) -> Shot:
    seconds = rng.uniform(3, 6)
    return Shot(seconds, act.actors, background, Fixed(), act.events)

"""What scenes promise: events that can be seen, pairs that differ in one thing."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transform.moving_world import SUBSETS, frames, sample_scene
from transform.moving_world.motions import Pose
from transform.moving_world.scenes import HEIGHT, WIDTH, Event, Fixed, Scene, Shot

SIZE, FPS = (96, 72), 8
TIMES = np.linspace(0, 1, 201)
DIAGNOSTIC = [name for name in SUBSETS if name != "mixed"]

seeds = st.integers(0, 10**9)
scenes = st.builds(sample_scene, seeds, st.sampled_from(tuple(SUBSETS)))


def track(shot: Shot, actor: int) -> list[Pose]:
    return [shot.actors[actor].motion.pose(float(t)) for t in TIMES]


def events(scene: Scene) -> list[tuple[Shot, Event]]:
    return [(shot, event) for shot in scene.shots for event in shot.events]


# ------------------------------------------------------------------ what happens


def distance(a: Pose, b: Pose) -> float:
    return math.hypot(a.x - b.x, a.y - b.y)


def goes(poses: list[Pose], direction: str) -> bool:
    dx, dy = poses[-1].x - poses[0].x, poses[-1].y - poses[0].y
    along = {"left": -dx, "right": dx, "up": -dy, "down": dy}[direction]
    across = dy if direction in ("left", "right") else dx
    return along > 0.2 and abs(across) < 1e-9


def tops(values: list[float]) -> int:
    """How often a series turns from rising to falling."""
    signs = np.sign(np.round(np.diff(values), 9))
    signs = signs[signs != 0]
    return int(((signs[:-1] > 0) & (signs[1:] < 0)).sum())


def turns_round(poses: list[Pose], centres: list[Pose]) -> float:
    pairs = zip(poses, centres, strict=True)
    angles = np.unwrap([math.atan2(p.y - c.y, p.x - c.x) for p, c in pairs])
    return abs(angles[-1] - angles[0]) / (2 * math.pi)


def is_true(shot: Shot, event: Event) -> bool:
    """Whether the trajectories do what the event says."""
    one = track(shot, event.subject)
    radius = shot.actors[event.subject].thing.radius
    first, last, middle = one[0], one[-1], one[100]
    if event.object >= 0:
        two = track(shot, event.object)
        touching = radius + shot.actors[event.object].thing.radius
        gaps = [distance(a, b) for a, b in zip(one, two, strict=True)]
    match event.verb:
        case "stay":
            return all(pose == first for pose in one)
        case "roll":
            wheel = abs(last.angle - first.angle) * radius
            return goes(one, event.direction) and math.isclose(
                wheel, distance(first, last)
            )
        case "slide":
            return goes(one, event.direction) and first.angle == last.angle
        case "stop":
            rest = all(distance(pose, last) < 1e-9 for pose in one[101:])
            return goes(one[:101], event.direction) and rest
        case "bounce":
            return tops([-pose.y for pose in one]) >= 3 and first.x == last.x
        case "jump":
            return tops([-pose.y for pose in one]) == 1
        case "circle":
            centre = Pose(
                (min(p.x for p in one) + max(p.x for p in one)) / 2,
                (min(p.y for p in one) + max(p.y for p in one)) / 2,
            )
            return turns_round(one, [centre] * len(one)) > 1.2
        case "grow" | "shrink":
            ratio = last.scale / first.scale
            return ratio > 2.9 if event.verb == "grow" else ratio < 1 / 2.9
        case "spin":
            turned = abs(last.angle - first.angle) / (2 * math.pi)
            return turned > 1 and distance(first, last) == 0
        case "split":
            other = track(shot, event.subject + 1)
            return other[0] == first and distance(other[-1], last) > 2 * radius * 0.62
        case "chase":
            behind = all(
                (b.x - a.x > 0) == (event.direction == "right")
                for a, b in zip(one, two, strict=True)
            )
            closer = touching < gaps[-1] < gaps[0]
            both = goes(one, event.direction) and goes(two, event.direction)
            return behind and closer and both
        case "hit":
            rest = all(distance(pose, two[0]) < 1e-9 for pose in two[:100])
            pushed = goes(two, event.direction) and goes(one[:101], event.direction)
            return rest and pushed and gaps[100] < touching
        case "collide":
            met = gaps[100] < touching and min(gaps[0], gaps[-1]) > gaps[100] + 0.2
            return met and distance(middle, first) > 0.1
        case "orbit":
            return turns_round(one, two) > 1 and min(gaps) > touching
        case "approach":
            return gaps[-1] < touching + 0.03 < gaps[0]
    raise AssertionError(f"no such verb: {event.verb}")


@settings(max_examples=300, deadline=None)
@given(scenes)
def test_every_event_is_true_of_the_trajectories(scene):
    for shot, event in events(scene):
        assert is_true(shot, event), event


@settings(max_examples=300, deadline=None)
@given(scenes)
def test_everything_stays_in_the_picture(scene):
    for shot in scene.shots:
        for index, actor in enumerate(shot.actors):
            for pose in track(shot, index):
                radius = actor.thing.radius * pose.scale
                assert radius - 0.01 < pose.x < WIDTH - radius + 0.01
                assert radius - 0.01 < pose.y < HEIGHT - radius + 0.01


@settings(max_examples=200, deadline=None)
@given(seeds, st.sampled_from(["mixed", *DIAGNOSTIC]))
def test_no_two_things_of_a_shot_are_of_one_shape_or_colour(seed, subset):
    for shot in sample_scene(seed, subset).shots:
        cast = {actor.thing for actor in shot.actors}  # what splits is there twice
        assert len({thing.shape for thing in cast}) == len(cast)
        assert len({thing.colour for thing in cast}) == len(cast)


def test_the_mix_is_balanced_and_mostly_of_one_or_two_things():
    sample = [sample_scene(seed) for seed in range(600)]
    leads = [scene.shots[0].actors[0].thing for scene in sample]
    for kind in ("shape", "colour"):
        values = [getattr(thing, kind) for thing in leads]
        shares = [values.count(value) / len(values) for value in set(values)]
        assert max(shares) < 2 * min(shares)
    categories = [scene.category for scene in sample]
    assert len(set(categories)) == 14
    assert max(categories.count(name) for name in set(categories)) < 0.2 * 600
    small = [scene for scene in sample if len(scene.shots[0].events) <= 2]
    assert len(small) > 0.9 * 600


def test_unknown_subset_is_refused_with_the_names():
    with pytest.raises(ValueError, match=r"mixed, motion.*received 'colour'"):
        sample_scene(0, "colour")


# ------------------------------------------------------------------------ pairs


def pairs(subset: str, count: int = 25):
    return [
        (sample_scene(seed, subset), sample_scene(seed + 1, subset))
        for seed in range(0, 2 * count, 2)
    ]


def still(scene: Scene) -> np.ndarray:
    return next(frames(scene, SIZE, FPS)).astype(int)


def film(scene: Scene) -> np.ndarray:
    return np.stack(list(frames(scene, SIZE, FPS))).astype(int)


def story(scene: Scene) -> list:
    """Who does what, in order."""
    steps = sorted(events(scene), key=lambda pair: pair[1].step)
    return [
        (shot.actors[event.subject].thing, event.verb, event.direction)
        for shot, event in steps
    ]


def without_words(scene: Scene) -> list:
    """The scene without its seed, its events and its sound."""
    return [shot._replace(events=()) for shot in scene.shots]


def test_subset_motion_pairs_have_the_same_things_and_another_mover():
    for one, two in pairs("motion"):
        (a,), (b,) = one.shots, two.shots
        assert [x.thing for x in a.actors] == [x.thing for x in b.actors]
        assert a.background == b.background
        movers = [shot.events[0].subject for shot in (a, b)]
        assert movers[0] != movers[1]
        assert a.events[0].verb == b.events[0].verb != "stay"
        assert {event.verb for event in a.events[1:]} == {"stay"}


def test_subset_order_clips_differ_only_in_order():
    for one, two in pairs("order"):
        difference = np.abs(film(one) - film(two)[::-1])
        assert difference.max() <= 1  # 1 − t is not exact
        assert story(one) != story(two)


def test_subset_noise_shows_something_only_in_the_middle():
    for one, two in pairs("noise"):
        for scene in (one, two):
            assert [bool(shot.actors) for shot in scene.shots] == [False, True, False]
            assert scene.shots[1].seconds < 0.65 * scene.seconds
        assert one.shots[0] == two.shots[0]
        assert one.shots[2] == two.shots[2]
        assert (
            one.shots[1].actors[0].thing.colour == two.shots[1].actors[0].thing.colour
        )
        assert one.shots[1].events != two.shots[1].events


def test_subset_detail_pairs_differ_in_texture_alone():
    for one, two in pairs("detail"):
        a, b = (scene.shots[0].actors[0] for scene in (one, two))
        assert a.thing.texture != b.thing.texture
        assert a.thing._replace(texture="") == b.thing._replace(texture="")
        assert a.motion == b.motion


def test_subset_entities_pairs_share_things_and_places():
    for one, two in pairs("entities"):
        a, b = one.shots[0], two.shots[0]
        assert {x.thing for x in a.actors} == {x.thing for x in b.actors}
        assert [x.motion.pose(0) for x in a.actors] == [
            x.motion.pose(0) for x in b.actors
        ]
        assert a.relations
        assert (a.events, a.actors) != (b.events, b.actors)


def test_subset_sound_pairs_look_the_same_and_sound_different():
    for one, two in pairs("sound"):
        assert without_words(one) == without_words(two)
        assert one.sound != two.sound


def test_relations_are_true_of_the_places():
    signs = {"left of": (-1, 0), "right of": (1, 0), "above": (0, -1), "below": (0, 1)}
    for scene in itertools.chain(*pairs("entities")):
        shot = scene.shots[0]
        for relation in shot.relations:
            a = shot.actors[relation.subject].motion.pose(0)
            b = shot.actors[relation.object].motion.pose(0)
            way = np.sign([round(a.x - b.x, 6), round(a.y - b.y, 6)])
            assert tuple(way) == signs[relation.place]


def test_cameras_move_the_picture_and_fixed_ones_do_not():
    moving = [
        scene
        for scene in map(sample_scene, range(300))
        if not isinstance(scene.shots[0].camera, Fixed)
    ]
    assert moving
    for scene in moving[:4]:
        corner = film(scene)[:, :16, :16]
        assert np.abs(corner[0] - corner[-1]).mean() > 0.5
    calm = sample_scene(1, "detail")
    corner = film(calm)[:, :8, :8]
    assert (corner == corner[0]).all()

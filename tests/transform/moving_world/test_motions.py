"""Trajectories: where they begin and end, and what turns them round."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transform.moving_world.motions import (
    Bounce,
    During,
    Orbit,
    Path,
    Pose,
    Rest,
    Reversed,
    roll,
    scale,
    slide,
    spin,
    split,
)

HERE, THERE = Pose(0.3, 0.4), Pose(0.9, 0.4)
MOTIONS = [
    Rest(HERE),
    slide(HERE, THERE),
    roll(HERE, THERE, 0.1),
    spin(HERE, -1.5),
    scale(HERE, 0.5, 1.5),
    split(HERE, 0.3)[0],
    Bounce(HERE, THERE, 0.2, 3),
    Orbit(0.5, 0.5, 0.2, 0.1, 2.0, 1.0),
]


@pytest.mark.parametrize("motion", MOTIONS, ids=lambda motion: type(motion).__name__)
@given(t=st.floats(0, 1))
def test_played_backwards_twice_is_forwards(motion, t):
    back = Reversed(Reversed(motion)).pose(t)
    assert back == pytest.approx(motion.pose(t), abs=1e-6)
    assert Reversed(motion).pose(0.0) == motion.pose(1.0)


@pytest.mark.parametrize("motion", MOTIONS, ids=lambda motion: type(motion).__name__)
@given(t=st.floats(0, 1))
def test_outside_its_part_of_the_shot_a_motion_rests(motion, t):
    part = During(motion, 0.25, 0.75)
    assert part.pose(0.25 * t) == motion.pose(0.0)
    assert part.pose(0.75 + 0.25 * t) == motion.pose(1.0)
    inside = part.pose(0.25 + 0.5 * t)
    assert inside == pytest.approx(motion.pose(t), abs=1e-6)


@given(st.floats(0, 1))
def test_a_path_is_straight_between_its_poses(t):
    path = Path((0.2, 0.6, 1.0), (HERE, THERE, Pose(0.9, 1.0)))
    pose = path.pose(t)
    assert pose.y == 0.4 if t <= 0.6 else pose.x == pytest.approx(0.9)
    assert HERE.x <= pose.x <= THERE.x + 1e-12


def test_a_rolling_wheel_turns_by_its_way_over_its_radius():
    assert roll(HERE, THERE, 0.1).pose(0.5).angle == pytest.approx(3.0)
    assert roll(THERE, HERE, 0.1).pose(1.0).angle == pytest.approx(-6.0)


def test_hops_touch_the_ground_between_them():
    bounce = Bounce(HERE, THERE, 0.2, 2)
    assert [round(bounce.pose(t).y, 9) for t in (0, 0.25, 0.5, 0.75, 1)] == [
        0.4,
        0.2,
        0.4,
        0.2,
        0.4,
    ]


def test_halves_of_a_split_coincide_before_it():
    left, right = split(HERE, 0.2)
    assert left.pose(0.3) == right.pose(0.3) == HERE
    assert right.pose(1).x - left.pose(1).x == pytest.approx(0.4)


@given(st.floats(0, 1))
def test_an_orbit_stays_on_its_ellipse(t):
    pose = Orbit(0.5, 0.5, 0.2, 0.1, 2.0, 1.0).pose(t)
    assert math.hypot((pose.x - 0.5) / 0.2, (pose.y - 0.5) / 0.1) == pytest.approx(1)

"""Pictures: what a thing is drawn like is what it is called."""

import numpy as np
import pytest

from transform.moving_world.motions import Pose, Rest
from transform.moving_world.render import frame_at, outline
from transform.moving_world.scenes import (
    COLOURS,
    SHAPES,
    TEXTURES,
    Actor,
    Background,
    Pan,
    Shot,
    Thing,
)

SIZE = (192, 144)
BARE = Background("grey", "plain", False, 0)
CENTRE = Pose(2 / 3, 0.5)


def picture(thing: Thing, pose: Pose = CENTRE, size=SIZE) -> np.ndarray:
    return frame_at(Shot(1.0, (Actor(thing, Rest(pose)),), BARE), 0.0, size)


def mask(thing: Thing, pose: Pose = CENTRE) -> np.ndarray:
    """Where the thing's pixels are."""
    bare = frame_at(Shot(1.0, (), BARE), 0.0, SIZE).astype(int)
    return (np.abs(picture(thing, pose) - bare).max(-1) > 45).astype(float)


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("texture", TEXTURES)
def test_most_of_a_thing_is_of_its_colour(colour, texture):
    shown = picture(Thing("square", colour, texture, "large")).astype(int)
    pixels = shown[mask(Thing("square", colour, texture, "large")) > 0]
    near = {
        name: (np.abs(pixels - np.array(rgb)).max(-1) < 25).mean()
        for name, rgb in COLOURS.items()
    }
    assert max(near, key=near.get) == colour
    assert near[colour] > 0.25  # the rest is marks and edges


@pytest.mark.parametrize("shape", SHAPES)
def test_a_shape_covers_the_area_of_its_outline(shape):
    x, y = outline(shape).T
    area = abs(x @ np.roll(y, 1) - y @ np.roll(x, 1)) / 2  # shoelace
    expected = area * (0.17 * SIZE[1]) ** 2
    thing = Thing(shape, "red", "plain", "large")
    assert mask(thing).sum() == pytest.approx(expected, rel=0.1)


def test_no_shape_is_another_one_turned():
    turns = np.linspace(0, 2 * np.pi, 36, endpoint=False)
    upright = {s: mask(Thing(s, "red", "plain", "large")) for s in SHAPES}
    for shape in SHAPES:
        thing = Thing(shape, "red", "plain", "large")
        for angle in turns:
            turned = mask(thing, CENTRE._replace(angle=float(angle)))
            for other in set(SHAPES) - {shape}:
                both = np.minimum(turned, upright[other]).sum()
                either = np.maximum(turned, upright[other]).sum()
                assert both / either < 0.85, (shape, other, angle)


def test_a_pose_decides_centre_and_scale():
    thing = Thing("circle", "red", "plain", "large")
    for pose in (CENTRE, Pose(0.4, 0.3, 0.5), Pose(0.71, 0.613, 1.3)):
        rows, columns = np.nonzero(mask(thing, pose))
        assert columns.mean() + 0.5 == pytest.approx(pose.x * 144, abs=0.5)
        assert rows.mean() + 0.5 == pytest.approx(pose.y * 144, abs=0.5)
        width = columns.max() - columns.min() + 1
        assert width == pytest.approx(2 * 0.17 * pose.scale * 144, abs=2)


def test_textures_differ_where_colour_and_shape_do_not():
    shown = [picture(Thing("square", "red", t, "large")).astype(int) for t in TEXTURES]
    for i, one in enumerate(shown):
        for two in shown[:i]:
            assert (np.abs(one - two).max(-1) > 60).sum() > 300


def test_a_thing_at_the_edge_is_cut_off_and_one_outside_is_not_drawn():
    thing = Thing("circle", "red", "plain", "large")
    whole = mask(thing).sum()
    assert mask(thing, Pose(0.0, 0.5)).sum() == pytest.approx(whole / 2, rel=0.1)
    assert mask(thing, Pose(-1.0, 0.5)).sum() == 0


def test_a_wider_picture_keeps_the_world_in_its_middle():
    thing = Thing("circle", "red", "plain", "large")
    wide = picture(thing, size=(320, 144))
    assert (wide[72, 160] == wide[72, 159]).all()
    assert np.abs(wide[72, 160].astype(int) - COLOURS["red"]).max() < 10
    assert wide.shape == (144, 320, 3)


def test_a_pan_to_the_right_takes_the_content_to_the_left():
    thing = Thing("circle", "red", "plain", "large")
    shot = Shot(1.0, (Actor(thing, Rest(CENTRE)),), BARE, Pan("right", 0.3))
    xs = [
        np.nonzero(np.abs(frame_at(shot, t, SIZE)[72] - COLOURS["red"]).max(-1) < 10)[
            0
        ].mean()
        for t in (0.0, 1.0)
    ]
    assert xs[0] - xs[1] == pytest.approx(0.3 * 144, abs=1.5)

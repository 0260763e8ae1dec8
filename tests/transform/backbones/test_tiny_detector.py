"""The built-in detector finds the things that are drawn, and says how sure it is."""

import numpy as np
import pytest

from tools import pretrain_tiny_detector
from tools.pretrain_tiny_detector import boxes_at
from transform.backbones import loading, tiny_detector
from transform.common.config import ConfigError
from transform.moving_world.motions import Pose, Rest
from transform.moving_world.scenes import Actor, Background, Shot, Thing
from transform.schema import FrameMap, Objects, Proposals, Regions

FEATURE = Regions(
    name="objects",
    detector="tiny",
    size=128,
    select=Proposals(),
    source=FrameMap(network="tiny", layer="grid", size=112, grid=(7, 7), width=64),
)
WINDOW = (16, 0, 112, 128)


def shot(*poses: Pose) -> Shot:
    square = Thing("square", "red", "plain", "large")
    actors = tuple(Actor(square, Rest(pose)) for pose in poses)
    return Shot(1.0, actors, Background("grey", "plain", False, 0))


@pytest.mark.parametrize("subset", ["motion", "order", "detail", "entities", "sound"])
def test_it_finds_the_things_of_clips_that_no_corpus_has(subset):
    found, right = pretrain_tiny_detector.recall(subset, clips=4, per_clip=3)
    assert found > 0.9
    assert right > 0.9


def test_weights_come_with_the_package_and_are_small():
    assert tiny_detector.BUILTIN.stat().st_size < 100_000
    assert len(tiny_detector.DETECTOR.weights(FEATURE).sha256) == 64


def test_boxes_of_a_drawn_square_are_its_edges():
    side = 1.15 * 0.17 / 2**0.5  # half of it, in heights
    (upright,) = boxes_at(shot(Pose(2 / 3, 0.5)), 0.0)
    edges = [0.5 - side, 0.5 - 0.75 * side, 0.5 + side, 0.5 + 0.75 * side]
    np.testing.assert_allclose(upright, edges, atol=1e-6)
    (turned,) = boxes_at(shot(Pose(0.0, 0.5, 0.5, np.pi / 4)), 0.0)
    half = 1.15 * 0.17 / 2
    np.testing.assert_allclose(turned, [0.5 - half, 0, 0.5 + half, 0.75 * half])


def test_it_gives_its_best_boxes_even_of_an_empty_frame():
    detect = loading.load_detector(FEATURE)
    frames = np.full((2, 128, 128, 3), 126, np.uint8)
    found = detect(frames, WINDOW)
    assert found.boxes.shape == (2, 10, 4)
    assert np.all((found.boxes >= 0) & (found.boxes <= 1))
    assert np.all(found.scores > 0)
    sure = loading.load_detector(FEATURE.replace(select=Objects(min_score=0.5)))(
        frames, WINDOW
    )
    assert not sure.scores.any() and not sure.boxes.any() and not sure.classes.any()


def test_it_has_no_vectors_of_its_own():
    with pytest.raises(ConfigError, match="detector tiny has no vectors of its own"):
        loading.load_detector(Regions(name="objects", detector="tiny"))


def test_cells_in_a_things_middle_say_where_its_sides_are():
    picture = np.zeros((128, 128, 3), np.uint8)
    truth = boxes_at(shot(Pose(2 / 3, 0.5)), 0.0)
    batch = pretrain_tiny_detector._batch([picture], [truth])
    assert batch.middle[0, 7:9, 7:9].all() and batch.middle.sum() == 4
    centre = np.tile(tiny_detector.centres(128)[7, 7], 2)
    sides = batch.sides[0, 7, 7] * (-1, -1, 1, 1)
    edges = truth[0] * (96, 128, 96, 128) + (16, 0, 16, 0)
    np.testing.assert_allclose(centre + sides, edges, rtol=1e-5)
    assert batch.counts[0, 7, 9] == 0 or batch.counts.sum() < 16 * 16

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transform.audio import k_means


def planted(clusters=7, each=40, seed=0):
    """Points around far centres, shuffled: (points, centres)."""
    random = np.random.default_rng(seed)
    centres = random.permutation(clusters)[:, None] * [10.0, -20.0, 5.0]
    points = np.repeat(centres, each, axis=0)
    points = random.permutation(points + 0.1 * random.normal(size=points.shape))
    return points.astype(np.float32), centres


@pytest.mark.parametrize("seed", range(5))
def test_planted_clusters_are_found(seed):
    points, centres = planted()
    found = k_means.k_means(points, len(centres), seed=seed)
    order = np.argsort(found.centres[:, 0])
    np.testing.assert_allclose(
        found.centres[order], centres[np.argsort(centres[:, 0])], atol=0.1
    )
    assert found.error < 0.05


def test_same_points_and_seed_give_the_same_bytes():
    points = np.random.default_rng(0).normal(size=(500, 5)).astype(np.float32)
    one, two = (k_means.k_means(points, 20, seed=3).centres for _ in range(2))
    assert one.tobytes() == two.tobytes()
    assert not np.array_equal(one, k_means.k_means(points, 20, seed=4).centres)


def test_result_is_a_fixed_point_of_lloyds_rounds():
    points = np.random.default_rng(1).normal(size=(300, 2)).astype(np.float32)
    found = k_means.k_means(points, 5, max_rounds=500)
    index = k_means.nearest(points, found.centres)
    means = [points[index == cluster].mean(axis=0) for cluster in range(5)]
    np.testing.assert_allclose(found.centres, means, atol=0.02)


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 6), st.integers(0, 99))
def test_nearest_is_nearest(clusters, seed):
    random = np.random.default_rng(seed)
    points, centres = random.normal(size=(40, 3)), random.normal(size=(clusters, 3))
    distances = ((points[:, None] - centres) ** 2).sum(-1)
    found = k_means.nearest(points, centres.astype(np.float32))
    chosen = distances[np.arange(40), found]
    np.testing.assert_allclose(chosen, distances.min(axis=1), atol=1e-5)


def test_a_cluster_that_lost_its_points_gets_the_farthest_one():
    points = np.array([[0], [1], [9]], np.float32)
    nearest, distances = np.array([0, 0, 0]), np.array([0, 1, 81], np.float32)
    centres = k_means._means(points, nearest, distances, 2)
    np.testing.assert_allclose(centres, [[10 / 3], [9]])


def test_as_many_clusters_as_points_that_differ():
    points = np.repeat(np.arange(4.0)[:, None], 3, axis=0)
    found = k_means.k_means(points, 4)
    assert sorted(found.centres[:, 0]) == [0, 1, 2, 3]
    with pytest.raises(ValueError, match="received 12 points, of which 4 differ"):
        k_means.k_means(points, 5)
    with pytest.raises(ValueError, match="received 0 points, of which 0 differ"):
        k_means.k_means(np.zeros((0, 3)), 1)


def test_steps_are_reported():
    done = []
    found = k_means.k_means(planted()[0], 7, report=done.append)
    assert done == list(range(1, 7 + found.rounds + 1))

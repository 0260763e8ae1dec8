import hypothesis
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import strategies as st

from keras_models.layers.flow_guide import FlowGuideConfig
from keras_models.structs import VideoBatch
from tests.reference.mgsa import flow_map
from tests.support.layer_contract import check_layer

CONFIG = FlowGuideConfig(channels=(3, 4), first_stride=2)
UNUSED = tf.zeros([1, 1, 1])


def video(shape, lengths, seed=0):
    flow = np.random.default_rng(seed).uniform(-1, 1, shape).astype(np.float32)
    mask = tf.sequence_mask(lengths, shape[1])
    return VideoBatch(tf.constant([""] * shape[0]), {"flow": flow}, {"flow": mask})


def reference(layer, image, grid):
    """One frame's map by the layer's weights."""
    layers = [
        [weight.numpy() for weight in each.weights]
        for each in (*layer.convolutions, layer.map)
    ]
    return flow_map(image, layers, grid, layer.config.first_stride)


@pytest.mark.parametrize(
    ("size", "grid"),
    [(16, (4, 4)), (16, (2, 2)), (24, (5, 5)), (15, (4, 3)), (6, (9, 1))],
)
def test_equals_convolutions_cell_by_cell(size, grid):
    layer = CONFIG.build(grid)
    clip = video((2, 2, size, size, 4), [2, 1])
    maps = layer(clip, UNUSED, UNUSED).numpy()
    for at in ((0, 0), (0, 1), (1, 0)):
        expected = reference(layer, clip.features["flow"][at], grid)
        np.testing.assert_allclose(
            maps[at].reshape(grid), expected, rtol=1e-5, atol=1e-6
        )
    assert np.all(maps[1, 1] == 0)


@pytest.mark.parametrize(("size", "cells"), [(128, 8), (112, 7), (64, 4)])
def test_four_halvings_lead_from_the_stored_planes_to_the_grid(
    size, cells, monkeypatch
):
    monkeypatch.setattr(tf.image, "resize", None)  # nothing is resized
    layer = FlowGuideConfig(channels=(2, 2, 2, 2)).build((cells, cells))
    maps = layer(video((1, 1, size, size, 2), [1]), UNUSED, UNUSED)
    assert maps.shape == (1, 1, cells * cells)


@hypothesis.given(
    st.integers(1, 40), st.integers(1, 40), st.integers(1, 9), st.integers(1, 9)
)
@hypothesis.settings(deadline=None, max_examples=15)
def test_every_flow_size_goes_with_every_grid(high, wide, rows, columns):
    layer = CONFIG.build((rows, columns))
    maps = layer(video((1, 2, high, wide, 2), [2]), UNUSED, UNUSED)
    assert maps.shape == (1, 2, rows * columns)
    assert np.all(np.isfinite(maps))


def test_a_frame_without_flow_has_a_zero_map_whatever_stands_there():
    layer = CONFIG.build((2, 2))
    clip = video((2, 3, 8, 8, 4), [0, 2])
    maps = layer(clip, UNUSED, UNUSED).numpy()
    assert np.all(maps[0] == 0)
    assert np.all(maps[1, 2] == 0)
    assert np.all(maps[1, :2] != 0)


def test_contract():
    layer = CONFIG.build((2, 2))
    clip = video((2, 3, 8, 8, 4), [3, 2])
    check_layer(
        layer, lambda: layer(clip, UNUSED, UNUSED), shapes=(2, 3, 4), config=CONFIG
    )


def test_the_paper_has_five_layers():
    layer = FlowGuideConfig().build((7, 7))
    assert len(layer.convolutions) + 1 == 5

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest
import tensorflow as tf

from keras_models.encoders.feature_views import (
    as_cells,
    as_grid,
    as_vectors,
    grid_shape,
)
from transform.common.config import ConfigError
from transform.schema import FeatureSpec, Imported

SHAPES = st.one_of(
    st.just(()), st.tuples(st.integers(1, 3)), st.tuples(*[st.integers(1, 3)] * 2)
)


@st.composite
def features(draw):
    """Values (B, T, …, D) with some absent regions, and a mask (B, T)."""
    inner = draw(SHAPES)
    random = np.random.default_rng(draw(st.integers(0, 99)))
    mask = random.random((2, 3)) < 0.7
    values = random.normal(size=(2, 3, *inner, 4))
    if len(inner) == 1:
        values[random.random((2, 3, *inner)) < 0.3] = 0
    values[~mask] = 0
    return values, mask


@hypothesis.given(features())
@hypothesis.settings(max_examples=50, deadline=None)
def test_a_vector_is_the_mean_of_the_cells_that_are_there(feature):
    values, mask = feature
    vectors = as_vectors(tf.constant(values), tf.constant(mask)).numpy()
    for place in np.ndindex(2, 3):
        cells = values[place].reshape(-1, 4)
        if values.ndim == 4:
            cells = cells[cells.any(axis=1)]
        expected = cells.mean(axis=0) if mask[place] and len(cells) else np.zeros(4)
        np.testing.assert_allclose(vectors[place], expected, atol=1e-12)


@hypothesis.given(features())
@hypothesis.settings(max_examples=50, deadline=None)
def test_cells_are_masked_where_the_step_is_or_the_region_is_absent(feature):
    values, mask = feature
    cells, cell_mask = as_cells(tf.constant(values), tf.constant(mask))
    assert np.array_equal(cells, values.reshape(2, 3, -1, 4))
    present = np.broadcast_to(mask[..., None], cell_mask.shape)
    if values.ndim == 4:
        present = present & values.any(axis=-1)
    assert np.array_equal(cell_mask, present)


def test_a_vector_is_a_grid_of_one_cell():
    vectors = tf.random.normal([2, 3, 4])
    assert np.array_equal(as_grid(vectors)[:, :, 0, 0], vectors)
    grid = tf.random.normal([2, 3, 5, 6, 4])
    assert as_grid(grid) is grid


@pytest.mark.parametrize(("shape", "grid"), [((4,), (1, 1, 4)), ((2, 3, 4), (2, 3, 4))])
def test_the_shape_of_a_grid_is_known_beforehand(shape, grid):
    spec = FeatureSpec(features=(Imported(name="x", shape=shape, max_steps=2),))
    assert grid_shape(spec, "x", "encoder.grid") == grid


def test_regions_are_no_grid():
    spec = FeatureSpec(features=(Imported(name="x", shape=(9, 4), max_steps=2),))
    with pytest.raises(ConfigError, match=r"encoder\.grid = 'x' .* 9 regions"):
        grid_shape(spec, "x", "encoder.grid")

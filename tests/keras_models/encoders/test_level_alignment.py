"""dualAFR's levels: alignment of one layer's maps with another's."""

import numpy as np
import pytest
import tensorflow as tf

from keras_models.encoders.level_alignment import (
    AlignedLevel,
    ConvLevelConfig,
    IdentityLevelConfig,
    MaxPooledLevelConfig,
    MeanPooledLevelConfig,
    MLPLevelConfig,
)
from keras_models.presets.dual_afr import PRESETS
from tests.reference import dual_afr as reference
from tests.support.cells import shake
from tests.support.layer_contract import check_layer
from transform.common.config import ConfigError

CLOSE = {"rtol": 1e-5, "atol": 1e-5}
STEPS, ROWS, COLUMNS, WIDTH = 7, 7, 6, 3
LENGTHS = [7, 3, 0]
MASK = np.arange(STEPS) < np.array(LENGTHS)[:, np.newaxis]

SIZES = {"feature": "maps", "units": 4, "filters": 5}
CONVOLVED = ConvLevelConfig(feature="maps", kernel=3, ratio=4, filters=5)
FLATTENED = MLPLevelConfig(**SIZES, ratio=2)
LEVELS = [
    CONVOLVED,
    CONVOLVED.replace(kernel=5, ratio=2),
    FLATTENED,
    FLATTENED.replace(ratio=4),
    MaxPooledLevelConfig(**SIZES, ratio=4, window=10),
    MaxPooledLevelConfig(**SIZES, ratio=1, window=1),
    MeanPooledLevelConfig(**SIZES, ratio=2, window=4),
    MeanPooledLevelConfig(**SIZES, ratio=4, window=2),
    IdentityLevelConfig(feature="maps"),
]


def maps(padding=0.0, seed=0):
    values = np.random.default_rng(seed).normal(size=(3, STEPS, ROWS, COLUMNS, WIDTH))
    there = MASK[:, :, np.newaxis, np.newaxis, np.newaxis]
    return np.where(there, values, padding).astype(np.float32)


def align(layer, values=None, mask=MASK):
    return layer(tf.constant(maps() if values is None else values), tf.constant(mask))


def built(config):
    layer = config.build("level")
    align(layer)
    shake(layer)
    return layer


def perceptron(layer):
    hidden, output = layer.perceptron.hidden, layer.perceptron.output_layer
    return (
        hidden.kernel.numpy().T,
        hidden.bias.numpy(),
        output.kernel.numpy().T,
        output.bias.numpy(),
    )


def expected(config, layer, clip):
    """What the equations make of one clip's (T, H, W, C) maps."""
    if isinstance(config, ConvLevelConfig):
        convolution = layer.convolution
        return reference.convolved(
            clip, convolution.kernel.numpy(), convolution.bias.numpy(), config.ratio
        )
    if isinstance(config, IdentityLevelConfig):
        return clip.reshape(len(clip), -1, WIDTH)
    if isinstance(config, MLPLevelConfig):
        return flattened(config, layer, clip)
    pool = np.max if isinstance(config, MaxPooledLevelConfig) else np.mean
    weights = perceptron(layer)
    return reference.pooled(clip, config.ratio, config.window, pool, weights)


def flattened(config, layer, clip):
    """Blocks, 0 outside the clip; channel first, then step, row and column of it."""
    ratio, shape = config.ratio, clip.shape[:3]
    result = reference.grid(shape, ratio, config.filters)
    padded = np.pad(clip, [*((0, -size % ratio) for size in shape), (0, 0)])
    columns = padded.shape[2] // ratio
    for t, y, x in np.ndindex(*(size // ratio for size in padded.shape[:3])):
        block = padded[
            t * ratio : (t + 1) * ratio,
            y * ratio : (y + 1) * ratio,
            x * ratio : (x + 1) * ratio,
        ]
        vector = block.transpose(3, 0, 1, 2).reshape(-1)
        result[t, y * columns + x] = reference.mlp(vector, *perceptron(layer))
    return result


@pytest.mark.parametrize("config", LEVELS, ids=str)
def test_equals_the_equations_place_by_place(config):
    layer = built(config)
    aligned = align(layer)
    for clip, length in enumerate(LENGTHS[:2]):
        values = maps()[clip, :length].astype(np.float64)
        found = expected(config, layer, values)
        steps = len(found)
        there = aligned.mask[clip].numpy()
        np.testing.assert_allclose(
            aligned.cells[clip, :steps][there[:steps]],
            found[there[:steps]],
            **CLOSE,
        )
        assert there[: steps - 1].all() and not there[steps:].any()
        assert not np.any(aligned.cells[clip].numpy()[~there])


@pytest.mark.parametrize("config", LEVELS, ids=str)
def test_a_clip_without_the_feature_has_no_place(config):
    aligned = align(built(config))
    assert not np.any(aligned.mask[2])
    assert not np.any(aligned.cells[2])


@pytest.mark.parametrize("config", LEVELS, ids=str)
def test_more_padding_changes_nothing(config):
    layer = built(config)
    first = align(layer)
    longer = np.pad(maps(), [(0, 0), (0, 6), (0, 0), (0, 0), (0, 0)])
    second = align(layer, longer, np.pad(MASK, [(0, 0), (0, 6)]))
    steps = first.mask.shape[1]
    np.testing.assert_allclose(first.cells, second.cells[:, :steps], **CLOSE)
    np.testing.assert_array_equal(first.mask, second.mask[:, :steps])
    assert not np.any(second.mask[:, steps:])


def test_a_window_of_two_is_the_trilinear_value_at_the_blocks_centre():
    values = np.random.default_rng(1).normal(size=(8, 4, 8, WIDTH))
    for place, cells in reference.windows(values.shape[:3], 4, 2):
        step, cell = place
        row, column = divmod(cell, 2)
        # Cells' centres are at whole numbers: block i's own lies at 4i + 1.5.
        centre = (4 * step + 1.5, 4 * row + 1.5, 4 * column + 1.5)
        np.testing.assert_allclose(
            np.mean([values[cell] for cell in cells], axis=0),
            reference.trilinear(values, centre),
        )


C3D = [(28, 8), (14, 4), (7, 2)]  # a layer's cells along an edge, and those a block


def test_c3ds_layers_all_come_onto_pool5s_grid():
    for size, ratio in (*C3D, (4, 1)):
        maps = tf.zeros([1, ratio * 2, size, size, 1])
        level = ConvLevelConfig(feature="x", kernel=1, ratio=ratio, filters=2)
        aligned = level.build("x")(maps, tf.ones([1, ratio * 2], tf.bool))
        assert aligned.cells.shape == (1, 2, 16, 2)


@pytest.mark.parametrize(("size", "ratio"), C3D)
def test_what_one_place_shows_is_at_one_location_in_every_layer(size, ratio):
    # Clip c shows something in column c of row size − 1 − c, nowhere else.
    at = np.arange(size)
    shown = np.zeros((size, ratio, size, size, 1), np.float32)
    shown[at, :, size - 1 - at, at] = 1
    level = ConvLevelConfig(feature="x", kernel=1, ratio=ratio, filters=1).build("x")
    mask = tf.ones([size, ratio], tf.bool)
    level(tf.constant(shown), mask)
    level.convolution.kernel.assign(tf.ones_like(level.convolution.kernel))
    cells = level(tf.constant(shown), mask).cells.numpy()  # (size, 1, 16, 1)
    expected = (size - 1 - at) // ratio * 4 + at // ratio
    assert [np.flatnonzero(cell).tolist() for cell in cells] == expected[
        :, None
    ].tolist()


# Table 5: cell i, counted from 1, sees the cells ratio · i + first … ratio · i + last.
# pool3's last is printed as 4; the receptive field that the appendix proves from it,
# the same one for all layers, is that of 3.
TABLE_5 = {"c3d_pool2": (-14, 7), "c3d_pool3": (-6, 3), "c3d_pool4": (-2, 1)}


@pytest.mark.parametrize("name", ["dual_afr_max", "dual_afr_mean"])
def test_pooled_windows_are_those_of_table_5(name):
    *levels, last = PRESETS[name].model.encoder.levels
    assert (last.ratio, last.window) == (1, 1)
    for config, (size, ratio) in zip(levels, C3D, strict=True):
        first, last = TABLE_5[config.feature]
        assert config.ratio == ratio
        columns = tf.eye(size)  # a channel for each column, which is 1 there alone
        shape = [1, ratio, size, size, size]
        maps = tf.broadcast_to(columns, shape)
        pooled = config.build("x").pool(maps, tf.ones([*shape[:-1], 1], tf.bool))
        for i, seen in enumerate(pooled.numpy()[0, 0, 0], start=1):
            window = range(ratio * i + first, ratio * i + last + 1)
            expected = [column - 1 for column in window if 1 <= column <= size]
            assert np.flatnonzero(seen).tolist() == expected


@pytest.mark.parametrize("config", LEVELS, ids=str)
def test_contract(config):
    layer = built(config)
    aligned = align(layer)
    check_layer(
        layer,
        lambda: align(layer),
        shapes=AlignedLevel(tuple(aligned.cells.shape), tuple(aligned.mask.shape)),
        config=config,
    )


def test_kernels_without_a_centre_and_windows_off_it_are_refused():
    with pytest.raises(ConfigError, match="must be odd"):
        ConvLevelConfig.from_dict({"feature": "x", "kernel": 4, "ratio": 2})
    with pytest.raises(ConfigError, match="must both be even, or both odd"):
        MaxPooledLevelConfig.from_dict({"feature": "x", "ratio": 2, "window": 3})

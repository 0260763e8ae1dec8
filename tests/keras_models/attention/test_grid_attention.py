import numpy as np
import pytest
import tensorflow as tf

from keras_models.attention.global_cells import GlobalCellAttentionConfig
from keras_models.attention.grid_attention import GridAttentionConfig
from keras_models.structs import Context, EncodedVideo
from tests.reference import stats as reference
from tests.support.cells import (
    CLOSE,
    FRAMES,
    GRID,
    PLACES,
    REGIONS,
    WIDTH,
    att,
    cells,
    doubled,
    query,
    shake,
)
from tests.support.layer_contract import check_layer

CONFIG = GridAttentionConfig(stream=1, look=GlobalCellAttentionConfig(units=4))


def encoded():
    """Two streams: a grid, and regions."""
    grids = cells(GRID), cells(REGIONS, seed=1)
    masks = tf.constant(GRID), tf.constant(REGIONS)
    frames = tf.reduce_mean(grids[0], axis=2)
    mask = tf.reduce_any(masks[0], axis=2)
    return EncodedVideo(frames, mask, grids, masks, frames[:, 0], {}, {})


def ask(layer):
    return layer(query(), layer.prepare(encoded()), layer.initial_state(encoded()))


def test_all_cells_of_the_chosen_stream_share_one_softmax():
    layer = CONFIG.build()
    ask(layer)
    shake(layer)
    context, state = ask(layer)
    assert state == ()
    for clip in range(3):
        vector, e = reference.all_cells(
            doubled(query()[clip]),
            doubled(cells(REGIONS, seed=1)[clip]),
            REGIONS[clip],
            att(layer.look.energy),
        )
        np.testing.assert_allclose(context.vector[clip], vector, **CLOSE)
        np.testing.assert_allclose(context.weights["spatial"][clip], e, **CLOSE)
        np.testing.assert_allclose(
            context.weights["temporal"][clip], e.sum(axis=1), **CLOSE
        )


def test_a_missing_grid_is_refused():
    with pytest.raises(ValueError, match="grid 2; the encoder gives 2"):
        CONFIG.replace(stream=2).build().prepare(encoded())


def test_contract():
    layer = CONFIG.build()
    weights = {"temporal": (3, FRAMES), "spatial": (3, FRAMES, PLACES)}
    check_layer(
        layer,
        lambda: ask(layer)[0],
        shapes=Context((3, WIDTH), weights, (3,), {}),
        config=CONFIG,
    )

import numpy as np
import pytest

from keras_models.attention.cell_attention import AttentionOutput
from keras_models.attention.spatial_pooling import (
    PerFrameAttentionConfig,
    SharedSpatialAttentionConfig,
)
from keras_models.attention.spatio_temporal import SpatioTemporalConfig
from keras_models.attention.stats import STaTSConfig
from keras_models.attention.temporal_pooling import RankedPoolingConfig
from keras_models.attention.temporo_spatial import TemporoSpatialConfig
from tests.reference import stats as reference
from tests.support.cells import (
    CLOSE,
    FRAMES,
    GRID,
    PLACES,
    REGIONS,
    WIDTH,
    ask,
    att,
    cells,
    doubled,
    look,
    query,
)
from tests.support.layer_contract import check_layer


def config(spatial):
    return STaTSConfig(
        spatio_temporal=SpatioTemporalConfig(spatial=spatial),
        temporo_spatial=TemporoSpatialConfig(units=4),
        units=4,
    )


GRID_CONFIG = config(SharedSpatialAttentionConfig(units=4))
REGIONS_CONFIG = config(PerFrameAttentionConfig(units=4))


def test_equals_the_equations_from_the_cells_on():
    layer = GRID_CONFIG.build("stats")
    output = ask(layer, GRID)
    mean, ranked = layer.spatio_temporal.temporal
    del mean
    for clip in range(3):
        h, values, cell_mask = (
            doubled(query()[clip]),
            doubled(cells(GRID)[clip]),
            GRID[clip],
        )
        frames, e = reference.shared_grid(
            h, values, cell_mask, att(layer.spatio_temporal.spatial.energy)
        )
        frame_mask = cell_mask.any(axis=1)
        last = reference.last_state(
            frames,
            frame_mask,
            ranked.frames.kernel.numpy().T,
            ranked.cell.recurrent.kernel.numpy().T,
            ranked.frames.bias.numpy(),
        )
        st = reference.temporal_mean(frames, frame_mask) + last
        ts, tau, _ = reference.temporo_spatial(
            h,
            values,
            cell_mask,
            att(layer.temporo_spatial.frame_energy),
            att(layer.temporo_spatial.cell_energy),
            temperature=0.1,
        )
        vector, weights = reference.fuse(
            h,
            st,
            ts,
            layer.query.kernel.numpy().T,
            *(key.kernel.numpy().T for key in layer.keys),
            *(score.kernel.numpy()[:, 0] for score in layer.scores),
        )
        np.testing.assert_allclose(output.vector[clip], vector, **CLOSE)
        np.testing.assert_allclose(output.weights["branch"][clip], weights, **CLOSE)
        np.testing.assert_allclose(output.weights["st_spatial"][clip], e, **CLOSE)
        np.testing.assert_allclose(output.weights["temporal"][clip], tau, **CLOSE)
        loss = reference.rank_loss(last, frames, frame_mask, ranked.margin)
        loss *= RankedPoolingConfig().weight
        np.testing.assert_allclose(output.losses["rank"][clip], loss, **CLOSE)


@pytest.mark.parametrize(
    ("config", "mask", "st_spatial"),
    [
        (GRID_CONFIG, GRID, (3, PLACES)),
        (REGIONS_CONFIG, REGIONS, (3, FRAMES, PLACES)),
    ],
)
def test_contract(config, mask, st_spatial):
    layer = config.build("stats")
    output = ask(layer, mask)
    assert np.all(output.vector[2] == 0)
    weights = {
        "branch": (3, 2),
        "temporal": (3, FRAMES),
        "spatial": (3, PLACES),
        "st_spatial": st_spatial,
    }
    check_layer(
        layer,
        lambda: look(layer, mask),
        shapes=AttentionOutput((3, WIDTH), weights, {"rank": (3,)}),
        config=config,
    )

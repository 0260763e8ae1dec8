import numpy as np

from keras_models.attention.cell_attention import AttentionOutput
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

CONFIG = TemporoSpatialConfig(units=4, temperature=0.5)


def test_equals_the_equations():
    layer = CONFIG.build("ts")
    output = ask(layer, GRID)
    for clip in range(3):
        vector, tau, e = reference.temporo_spatial(
            doubled(query()[clip]),
            doubled(cells(GRID)[clip]),
            GRID[clip],
            att(layer.frame_energy),
            att(layer.cell_energy),
            temperature=0.5,
        )
        np.testing.assert_allclose(output.vector[clip], vector, **CLOSE)
        np.testing.assert_allclose(output.weights["temporal"][clip], tau, **CLOSE)
        np.testing.assert_allclose(output.weights["spatial"][clip], e, **CLOSE)


def test_a_low_temperature_selects_one_frame_and_attends_within_it():
    layer = CONFIG.replace(temperature=1e-4).build("ts")
    output = ask(layer, REGIONS)
    for clip in range(2):
        frame = int(np.argmax(output.weights["temporal"][clip]))
        here = REGIONS[clip, frame]
        e = reference.weigh(
            doubled(query()[clip]),
            doubled(cells(REGIONS)[clip, frame]),
            np.flatnonzero(here),
            att(layer.cell_energy),
        )
        np.testing.assert_allclose(output.weights["temporal"][clip, frame], 1, **CLOSE)
        np.testing.assert_allclose(output.weights["spatial"][clip], e, **CLOSE)


def test_regions_count_by_how_far_their_frames_are_chosen():
    layer = CONFIG.build("ts")
    output = ask(layer, REGIONS)
    values = doubled(cells(REGIONS)[0])
    means = reference.cell_mean(values, REGIONS[0])
    tau = reference.weigh(
        doubled(query()[0]),
        means,
        np.flatnonzero(REGIONS[0].any(axis=1)),
        att(layer.frame_energy),
        0.5,
    )
    powers = []
    for region in range(PLACES):
        frame = sum(tau[n] * values[n, region] for n in range(FRAMES))
        presence = sum(tau[n] for n in range(FRAMES) if REGIONS[0, n, region])
        energy = reference.att(doubled(query()[0]), frame, *att(layer.cell_energy))
        powers.append(presence * np.exp(energy))
    np.testing.assert_allclose(
        output.weights["spatial"][0], powers / np.sum(powers), **CLOSE
    )


def test_contract():
    layer = CONFIG.build("ts")
    output = ask(layer, REGIONS)
    assert np.all(output.vector[2] == 0)
    check_layer(
        layer,
        lambda: look(layer, REGIONS),
        shapes=AttentionOutput(
            (3, WIDTH), {"temporal": (3, FRAMES), "spatial": (3, PLACES)}, {}
        ),
        config=CONFIG,
    )

import numpy as np
import pytest
import tensorflow as tf

from keras_models.attention.cell_attention import AttentionOutput
from keras_models.attention.spatial_pooling import (
    FrameMapsConfig,
    MeanSpatialPoolingConfig,
    PerFrameAttentionConfig,
    SharedSpatialAttentionConfig,
)
from keras_models.attention.spatio_temporal import SpatioTemporalConfig
from keras_models.attention.temporal_pooling import (
    AdditivePoolingConfig,
    LSTMPoolingConfig,
    MeanPoolingConfig,
    RankedPoolingConfig,
)
from keras_models.layers.garu import GARUConfig, IdentityRecurrenceConfig
from tests.keras_models.layers.test_garu import parameters
from tests.reference import mgsa
from tests.reference import stats as reference
from tests.reference.garu import garu
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
    shake,
)
from tests.support.layer_contract import check_layer
from transform.common.config import ConfigError

MASKS = pytest.mark.parametrize("mask", [GRID, REGIONS], ids=["grid", "regions"])
POOLINGS = [
    MeanPoolingConfig(),
    LSTMPoolingConfig(),
    AdditivePoolingConfig(units=4),
    RankedPoolingConfig(),
]


def frames_of(seed=1):
    frame_mask = GRID.any(axis=2)
    values = np.random.default_rng(seed).normal(size=(3, FRAMES, WIDTH))
    return tf.constant(
        np.where(frame_mask[..., None], values, 0), tf.float32
    ), frame_mask


def lstm_matrices(layer):
    return (
        layer.frames.kernel.numpy().T,
        layer.cell.recurrent.kernel.numpy().T,
        layer.frames.bias.numpy(),
    )


@MASKS
def test_shared_grid_equals_the_equations(mask):
    layer = SharedSpatialAttentionConfig(units=4).build("pooling")
    frames, weights, _ = ask(layer, mask)
    for clip in range(3):
        pooled, e = reference.shared_grid(
            doubled(query()[clip]),
            doubled(cells(mask)[clip]),
            mask[clip],
            att(layer.energy),
        )
        np.testing.assert_allclose(frames[clip], pooled, **CLOSE)
        np.testing.assert_allclose(weights["spatial"][clip], e, **CLOSE)


@MASKS
def test_per_frame_equals_the_equations(mask):
    layer = PerFrameAttentionConfig(units=4).build("pooling")
    frames, weights, _ = ask(layer, mask)
    for clip in range(3):
        pooled, e = reference.per_frame(
            doubled(query()[clip]),
            doubled(cells(mask)[clip]),
            mask[clip],
            att(layer.energy),
        )
        np.testing.assert_allclose(frames[clip], pooled, **CLOSE)
        np.testing.assert_allclose(weights["spatial"][clip], e, **CLOSE)


@pytest.mark.parametrize(
    "recurrence", [GARUConfig(), IdentityRecurrenceConfig()], ids=lambda c: c.kind
)
def test_frame_maps_equal_the_equations_of_mgsa(recurrence):
    layer = FrameMapsConfig(units=4, recurrence=recurrence).build("pooling")
    frames, weights, _ = ask(layer, GRID)
    for clip in range(3):
        attended = mgsa.spatial_attention(
            doubled(query()[clip]),
            doubled(cells(GRID)[clip]),
            GRID[clip].any(axis=1),
            att(layer.energy),
            layer.from_summary.kernel.numpy().T,
            lambda rough, *others: (
                garu(rough, *others, *parameters(layer.recurrence))
                if isinstance(recurrence, GARUConfig)
                else rough
            ),
        )
        np.testing.assert_allclose(weights["spatial"][clip], attended[0], **CLOSE)
        np.testing.assert_allclose(frames[clip], attended[1], **CLOSE)


@pytest.mark.parametrize(
    "recurrence", [GARUConfig(), IdentityRecurrenceConfig()], ids=lambda c: c.kind
)
def test_frame_maps_change_with_the_decoders_state(recurrence):
    layer = FrameMapsConfig(units=4, recurrence=recurrence).build("pooling")
    first = ask(layer, GRID).weights["spatial"].numpy()
    values, there = cells(GRID), tf.constant(GRID)
    keys = layer.prepare(values, there)
    second = layer(-query(), values, there, keys).weights["spatial"].numpy()
    assert np.abs(first - second)[0].max() > 0.05
    np.testing.assert_allclose(second[0].sum(axis=-1), 1, rtol=1e-5)


@MASKS
def test_cell_mean_equals_the_mean_of_the_unmasked_cells(mask):
    frames, weights, _ = ask(MeanSpatialPoolingConfig().build("pooling"), mask)
    assert weights == {}
    for clip in range(3):
        expected = reference.cell_mean(doubled(cells(mask)[clip]), mask[clip])
        np.testing.assert_allclose(frames[clip], expected, **CLOSE)


def test_mean_pooling_equals_the_mean_over_time():
    frames, frame_mask = frames_of()
    pooled = MeanPoolingConfig().build("mean")(frames, query(), tf.constant(frame_mask))
    for clip in range(3):
        expected = reference.temporal_mean(doubled(frames[clip]), frame_mask[clip])
        np.testing.assert_allclose(pooled.vector[clip], expected, **CLOSE)


def test_additive_pooling_equals_the_equations():
    layer, (frames, frame_mask) = (
        AdditivePoolingConfig(units=4).build("pool"),
        frames_of(),
    )
    layer(frames, query(), tf.constant(frame_mask))
    shake(layer)
    pooled = layer(frames, query(), tf.constant(frame_mask))
    for clip in range(3):
        vector, tau = reference.temporal_attention(
            doubled(query()[clip]),
            doubled(frames[clip]),
            frame_mask[clip],
            att(layer.energy),
        )
        np.testing.assert_allclose(pooled.vector[clip], vector, **CLOSE)
        np.testing.assert_allclose(pooled.weights["temporal"][clip], tau, **CLOSE)


@pytest.mark.parametrize(
    "config", [LSTMPoolingConfig(), RankedPoolingConfig(margin=0.3, weight=0.7)]
)
def test_last_state_equals_an_lstm_and_its_ranking_loss_the_sum(config):
    layer, (frames, frame_mask) = config.build("pool"), frames_of()
    frame_mask[0, 1] = False  # a hole: its neighbours are not compared across it
    layer(frames, query(), tf.constant(frame_mask))
    shake(layer)
    pooled = layer(frames, query(), tf.constant(frame_mask))
    for clip in range(3):
        values = doubled(frames[clip])
        vector = reference.last_state(values, frame_mask[clip], *lstm_matrices(layer))
        np.testing.assert_allclose(pooled.vector[clip], vector, **CLOSE)
        if isinstance(config, RankedPoolingConfig):
            loss = reference.rank_loss(vector, values, frame_mask[clip], 0.3)
            np.testing.assert_allclose(pooled.losses["rank"][clip], 0.7 * loss, **CLOSE)
    assert set(pooled.losses) == ({"rank"} if hasattr(config, "margin") else set())


def test_ranking_loss_of_one_frame_is_zero():
    layer = RankedPoolingConfig().build("pool")
    frames, frame_mask = tf.ones([2, 1, WIDTH]), tf.ones([2, 1], tf.bool)
    assert np.array_equal(layer(frames, query()[:2], frame_mask).losses["rank"], [0, 0])


def test_descending_the_ranking_loss_puts_frames_in_order():
    layer, (frames, frame_mask) = RankedPoolingConfig().build("pool"), frames_of()
    frames, frame_mask = frames[:1], tf.constant(frame_mask[:1])
    optimizer = tf.keras.optimizers.legacy.Adam(0.02)

    @tf.function
    def descend():
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(layer(frames, query()[:1], frame_mask).losses["rank"])
        weights = layer.trainable_weights
        gradients = tape.gradient(loss, weights)
        optimizer.apply_gradients(zip(gradients, weights, strict=True))

    for _ in range(150):
        descend()
    vector = layer(frames, query()[:1], frame_mask).vector
    positions = tf.einsum("bd,btd->bt", vector, frames)[0].numpy()
    assert np.all(np.diff(positions) > 0)


def test_poolings_are_added():
    both = SpatioTemporalConfig(
        spatial=SharedSpatialAttentionConfig(units=4),
        temporal=(MeanPoolingConfig(), RankedPoolingConfig()),
    ).build("st")
    output = ask(both, GRID)
    frames = look(both.spatial, GRID).vector
    parts = [
        part(frames, query(), tf.constant(GRID.any(axis=2))).vector
        for part in both.temporal
    ]
    np.testing.assert_allclose(output.vector, parts[0] + parts[1], **CLOSE)
    assert set(output.losses) == {"rank"}


@pytest.mark.parametrize("pooling", POOLINGS, ids=lambda pooling: pooling.kind)
@pytest.mark.parametrize(
    "spatial",
    [
        SharedSpatialAttentionConfig(units=4),
        PerFrameAttentionConfig(units=4),
        MeanSpatialPoolingConfig(),
        FrameMapsConfig(units=4),
    ],
    ids=lambda spatial: spatial.kind,
)
def test_contract(spatial, pooling):
    config = SpatioTemporalConfig(spatial=spatial, temporal=(pooling,))
    layer = config.build("st")
    shapes = {
        "shared_grid": {"spatial": (3, PLACES)},
        "per_frame": {"spatial": (3, FRAMES, PLACES)},
        "frame_maps": {"spatial": (3, FRAMES, PLACES)},
        "cell_mean": {},
    }[spatial.kind]
    if isinstance(pooling, AdditivePoolingConfig):
        shapes = shapes | {"temporal": (3, FRAMES)}
    losses = {"rank": (3,)} if isinstance(pooling, RankedPoolingConfig) else {}
    output = ask(layer, REGIONS)
    assert np.all(output.vector[2] == 0)  # a clip without a single cell
    check_layer(
        layer,
        lambda: look(layer, REGIONS),
        shapes=AttentionOutput((3, WIDTH), shapes, losses),
        config=config,
    )


@pytest.mark.parametrize("pooling", POOLINGS, ids=lambda pooling: pooling.kind)
@pytest.mark.parametrize(
    "spatial",
    [
        SharedSpatialAttentionConfig(units=4),
        PerFrameAttentionConfig(units=4),
        MeanSpatialPoolingConfig(),
    ],
    ids=lambda spatial: spatial.kind,
)
def test_frames_of_one_cell_are_pooled_once_as_every_word_would(spatial, pooling):
    layer = SpatioTemporalConfig(spatial=spatial, temporal=(pooling,)).build("st")
    one = GRID[:, :, :1]
    beside_an_absent_one = np.concatenate([one, np.zeros_like(one)], axis=2)
    output = ask(layer, one)
    values = tf.pad(cells(one), [(0, 0), (0, 0), (0, 1), (0, 0)])
    mask = tf.constant(beside_an_absent_one)
    each_word = layer(query(), values, mask, layer.prepare(values, mask))
    np.testing.assert_allclose(output.vector, each_word.vector, **CLOSE)
    for name, losses in each_word.losses.items():
        np.testing.assert_allclose(output.losses[name], losses, **CLOSE)
    known = layer.prepare(cells(one), tf.constant(one)).pooled
    assert len(known) == (pooling.kind != "additive_pooling")
    assert not layer.prepare(values, mask).pooled


def test_a_map_of_one_cell_is_not_refined():
    layer = FrameMapsConfig(units=4, recurrence=GARUConfig()).build("pooling")
    one = GRID[:, :, :1]
    frames, weights, _ = ask(layer, one)
    np.testing.assert_array_equal(frames, cells(one)[:, :, 0])
    np.testing.assert_array_equal(weights["spatial"], one)
    assert not layer.recurrence.weights


def test_frames_must_be_pooled_somehow():
    with pytest.raises(ConfigError, match=r"temporal.*pooled somehow"):
        SpatioTemporalConfig.from_dict({"temporal": []})

import numpy as np
import pytest
import tensorflow as tf

from keras_models.attention.dual import DualConfig
from keras_models.attention.multi_level import MultiLevelConfig
from keras_models.attention.selection import HardConfig
from keras_models.structs import Context, EncodedVideo
from tests.reference import dual_afr as reference
from tests.support.cells import att, query, shake
from tests.support.layer_contract import check_layer

CLOSE = {"rtol": 1e-5, "atol": 1e-6}
STEPS, CELLS, WIDTH, LEVELS = 3, 2, 5, 4
LENGTHS = [3, 1, 0]
SOFT = DualConfig(units=4)
HARD = DualConfig(units=4, choice=HardConfig())
PLACES = MultiLevelConfig(units=4)


def encode(padding=0.0, missing=None, levels=LEVELS):
    """Clips of `LENGTHS` steps; the first one does without level `missing`."""
    random = np.random.default_rng(0)
    grids, masks = [], []
    for level in range(levels):
        mask = np.arange(STEPS) < np.array(LENGTHS)[:, np.newaxis]
        if level == missing:
            mask[0] = False
        mask = np.repeat(mask[..., np.newaxis], CELLS, axis=2)
        values = random.normal(size=(3, STEPS, CELLS, WIDTH))
        values = np.where(mask[..., np.newaxis], values, padding)
        grids.append(tf.constant(values, tf.float32))
        masks.append(tf.constant(mask))
    frames = tf.zeros([3, STEPS, WIDTH])
    mask = masks[-1][:, :, 0]
    clip = frames[:, 0]
    return EncodedVideo(frames, mask, tuple(grids), tuple(masks), clip, {}, {})


def look(layer, encoded=None, training=False):
    encoded = encode() if encoded is None else encoded
    return layer(query(), layer.prepare(encoded), (), training=training)[0]


def built(config, **changes):
    tf.keras.utils.set_random_seed(0)  # of the generators that choices are drawn by
    layer = config.build()
    look(layer, **changes)
    shake(layer)
    return layer


@pytest.mark.parametrize(("config", "pick"), [(SOFT, None), (HARD, np.argmax)])
def test_equals_the_equations_location_by_location(config, pick):
    layer, encoded = built(config), encode()
    context = look(layer)
    for clip, length in enumerate(LENGTHS[:2]):
        levels = np.stack([grid[clip, :length].numpy() for grid in encoded.grids], 2)
        z, alpha, beta, log_prob = reference.attend(
            query()[clip].numpy(),
            levels.reshape(length * CELLS, LEVELS, WIDTH),
            att(layer.energy),
            att(layer.level_energy),
            pick,
        )
        np.testing.assert_allclose(context.vector[clip], z, **CLOSE)
        spatial = context.weights["spatial"][clip].numpy()
        np.testing.assert_allclose(spatial[:length].reshape(-1), alpha, **CLOSE)
        assert not np.any(spatial[length:])
        steps = context.weights["temporal"][clip]
        np.testing.assert_allclose(steps, spatial.sum(axis=1), **CLOSE)
        np.testing.assert_allclose(context.weights["level"][clip], beta, **CLOSE)
        np.testing.assert_allclose(context.log_prob[clip], log_prob, **CLOSE)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("config", [SOFT, HARD])
def test_a_clip_without_locations_gives_zeros(config, training):
    context = look(built(config), training=training)
    for leaf in tf.nest.flatten(context):
        assert np.all(np.isfinite(leaf)) and not np.any(leaf[2])


@pytest.mark.parametrize("config", [SOFT, HARD])
def test_padded_steps_change_nothing(config):
    layer = built(config)
    first, second = look(layer), look(layer, encode(padding=9.0))
    for one, other in zip(tf.nest.flatten(first), tf.nest.flatten(second), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("config", [SOFT, HARD])
def test_a_level_that_a_clip_lacks_is_never_attended(config):
    layer = built(config)
    for _ in range(20):
        context = look(layer, encode(missing=1), training=True)
        beta = context.weights["level"].numpy()
        assert beta[0, 1] == 0 and beta[0].sum() == pytest.approx(1)
        assert np.isfinite(context.log_prob).all()
        assert np.any(context.vector[0])


def test_hard_samples_follow_both_weights():
    """Each location and level is taken as often as α β says, to 5 standard errors."""
    layer, encoded = built(HARD), encode()
    rows = 4000
    repeated = encoded._replace(
        **{
            name: tf.nest.map_structure(
                lambda leaf: tf.repeat(leaf[:1], rows, axis=0), getattr(encoded, name)
            )
            for name in ("frames", "frame_mask", "grids", "grid_masks", "summary")
        }
    )
    queries = tf.repeat(query()[:1], rows, axis=0)
    context, _ = layer(queries, layer.prepare(repeated), (), training=True)
    alpha = context.weights["spatial"][0].numpy()
    cells = np.stack([grid[0].numpy() for grid in encoded.grids], 2)  # (T, S, L, D)
    taken = np.all(
        np.isclose(
            cells, context.vector.numpy()[:, np.newaxis, np.newaxis, np.newaxis]
        ),
        axis=-1,
    )  # (rows, T, S, L): the one cell that was taken
    assert np.all(taken.sum(axis=(1, 2, 3)) == 1)

    share = taken.any(axis=3).mean(axis=0)
    error = np.sqrt(alpha * (1 - alpha) / rows)
    assert np.all(np.abs(share - alpha) <= 5 * error)
    for location in np.ndindex(STEPS, CELLS):
        chosen = taken[(slice(None), *location)]  # (rows, L)
        rows_here = chosen.any(axis=1)
        beta = context.weights["level"].numpy()[rows_here]
        count = max(rows_here.sum(), 1)
        for level in range(LEVELS):
            expected = beta[0, level] if rows_here.any() else 0.0
            error = np.sqrt(expected * (1 - expected) / count)
            assert abs(chosen[rows_here, level].mean() - expected) <= 5 * error
    log_prob = np.log(alpha)[np.newaxis, ..., np.newaxis]
    log_prob = log_prob + np.log(context.weights["level"].numpy())[:, None, None]
    np.testing.assert_allclose(log_prob[taken], context.log_prob, rtol=1e-4, atol=1e-5)


def test_what_is_drawn_follows_from_the_generator():
    layer = built(HARD)
    wide = [tf.Variable(g.state) for g in generators(layer)]
    first = look(layer, training=True).log_prob
    for generator, state in zip(generators(layer), wide, strict=True):
        generator.reset(state)
    np.testing.assert_array_equal(look(layer, training=True).log_prob, first)
    draws = {float(look(layer, training=True).log_prob[0]) for _ in range(20)}
    assert len(draws) > 1


def generators(layer):
    return layer.choice._generator, layer.level_choice._generator


def test_hard_choices_have_a_gradient_through_their_probability_alone():
    layer = built(HARD)
    with tf.GradientTape(persistent=True) as tape:
        context = look(layer, training=True)
        vector = tf.reduce_sum(context.vector)
        log_prob = tf.reduce_sum(context.log_prob)
    weights = layer.trainable_weights
    assert not any(g is not None and np.any(g) for g in tape.gradient(vector, weights))
    for gradient in tape.gradient(log_prob, weights):
        assert np.any(gradient) and np.all(np.isfinite(gradient))


def test_attention_to_locations_alone_returns_all_levels():
    encoded = encode(levels=2)
    layer = built(PLACES, encoded=encoded)
    context = look(layer, encoded)
    alpha = context.weights["spatial"].numpy()
    expected = [
        np.einsum("bts,btsd->bd", alpha, grid.numpy()) for grid in encoded.grids
    ]
    np.testing.assert_allclose(context.vector, np.concatenate(expected, -1), **CLOSE)
    assert np.allclose(alpha.sum(axis=(1, 2)), [1, 1, 0])


def test_an_encoder_without_grids_is_refused():
    with pytest.raises(ValueError, match="needs grids; the encoder gives none"):
        SOFT.build().prepare(encode()._replace(grids=(), grid_masks=()))


NAMES = {"temporal": (3, STEPS), "spatial": (3, STEPS, CELLS)}


@pytest.mark.parametrize(
    ("config", "width", "weights"),
    [
        (SOFT, WIDTH, NAMES | {"level": (3, LEVELS)}),
        (HARD, WIDTH, NAMES | {"level": (3, LEVELS)}),
        (PLACES, LEVELS * WIDTH, NAMES),
    ],
)
def test_contract(config, width, weights):
    layer = built(config)
    check_layer(
        layer,
        lambda: look(layer, training=True),
        shapes=Context((3, width), weights, (3,), {}),
        config=config,
    )

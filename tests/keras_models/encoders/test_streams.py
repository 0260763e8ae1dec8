import numpy as np
import pytest
import tensorflow as tf

from keras_models.encoders.streams import StreamsConfig
from keras_models.structs import VideoBatch
from tests.support.layer_contract import check_layer
from transform.common.config import ConfigError
from transform.schema import Category, FeatureSpec, Imported

CONFIG = StreamsConfig(
    streams=("grid", "regions", "vectors"), clip=("category",), units=5
)
SPEC = FeatureSpec(
    features=(
        Imported(name="grid", shape=(2, 3, 4), max_steps=3),
        Imported(name="regions", shape=(2, 4), max_steps=4),
        Imported(name="vectors", shape=(7,), max_steps=2),
        Category(names=tuple("abcdef")),
    )
)
STEPS = {"grid": [3, 1], "regions": [4, 0], "vectors": [1, 2], "category": [1, 0]}


def video():
    """A clip that has everything, and one without regions and category."""
    random = np.random.default_rng(0)
    features, masks = {}, {}
    for tensor in SPEC.tensors():
        mask = np.arange(tensor.max_steps) < np.array(STEPS[tensor.name])[:, None]
        values = random.normal(size=(2, tensor.max_steps, *tensor.step_shape))
        values[~mask] = 0
        features[tensor.name], masks[tensor.name] = values, tf.constant(mask)
    features["regions"][0, 1, 1] = 0  # one region fewer
    features["regions"][0, 2] = 0  # none at all
    features = {name: tf.constant(v, tf.float32) for name, v in features.items()}
    return VideoBatch(tf.constant(["a", "b"]), features, masks)


@pytest.fixture(scope="module")
def encoder():
    layer = CONFIG.build(SPEC)
    layer(video())
    random = np.random.default_rng(1)
    for weight in layer.trainable_weights:
        weight.assign(random.normal(size=weight.shape))
    return layer


def test_every_cell_is_embedded_by_its_streams_linear_layer(encoder):
    clips, encoded = video(), encoder(video())
    for name, grid, mask in zip(
        CONFIG.streams, encoded.grids, encoded.grid_masks, strict=True
    ):
        w = encoder.embeddings[name].kernel.numpy().T
        b = encoder.embeddings[name].bias.numpy()
        features = clips.features[name].numpy()
        steps = features.shape[1]
        cells = features.reshape(2, steps, -1, features.shape[-1])
        assert grid.shape == (*cells.shape[:3], 5) and mask.shape == cells.shape[:3]
        for index in np.ndindex(*cells.shape[:3]):
            expected = w @ cells[index] + b if mask[index] else np.zeros(5)
            np.testing.assert_allclose(grid[index], expected, rtol=1e-5, atol=1e-5)


def test_cells_are_there_with_their_frames_and_regions_unless_all_zeros(encoder):
    grid, regions, vectors = (mask.numpy() for mask in encoder(video()).grid_masks)
    assert np.array_equal(grid.all(axis=2), [[1, 1, 1], [1, 0, 0]])
    assert np.array_equal(grid.all(axis=2), grid.any(axis=2))
    assert np.array_equal(regions[0], [[1, 1], [1, 0], [0, 0], [1, 1]])
    assert not regions[1].any()
    assert np.array_equal(vectors[..., 0], [[1, 0], [1, 1]])


def test_a_clip_without_the_class_label_has_a_zero_vector(encoder):
    (vector,) = encoder(video()).clip_vectors
    layer = encoder.embeddings["category"]
    expected = layer(video().features["category"][:, 0])
    np.testing.assert_allclose(vector[0], expected[0], rtol=1e-5)
    assert np.all(vector[1] == 0) and np.any(expected[1])


def test_frames_are_the_first_streams_mean_cells(encoder):
    encoded = encoder(video())
    np.testing.assert_allclose(
        encoded.frames, np.mean(encoded.grids[0], axis=2), rtol=1e-5, atol=1e-6
    )
    assert np.array_equal(encoded.frame_mask, [[1, 1, 1], [1, 0, 0]])
    np.testing.assert_allclose(encoded.summary[1], encoded.frames[1, 0], rtol=1e-6)


def test_contract():
    layer = CONFIG.build(SPEC)
    check_layer(
        layer,
        lambda: (lambda e: (e.grids, e.clip_vectors))(layer(video())),
        shapes=(((2, 3, 6, 5), (2, 4, 2, 5), (2, 2, 1, 5)), ((2, 5),)),
        config=CONFIG,
    )


def test_no_stream_at_all_is_refused():
    with pytest.raises(ConfigError, match=r"at least one stream"):
        StreamsConfig.from_dict({"streams": []})

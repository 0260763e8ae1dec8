import hashlib

import numpy as np
import pytest
import tensorflow as tf
from keras.src.applications import resnet as keras_resnet

from transform.backbones import keras_applications, loading
from transform.common import weight_files
from transform.common.config import ConfigError
from transform.common.weight_files import WeightsError
from transform.schema import FeatureSpec, Flow, FrameGrid

VGG = FrameGrid(
    name="vgg",
    network="vgg16",
    layer="block2_pool",
    size=32,
    grid=(8, 8),
    width=128,
    weights="random",
)
FRAMES = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), np.uint8)


@pytest.fixture(scope="module")
def vgg_file(tmp_path_factory):
    """A weight file with random values, of the format that Keras publishes."""
    path = tmp_path_factory.mktemp("weights") / "vgg16.h5"
    network = tf.keras.applications.VGG16(include_top=False, weights=None)
    weight_files.fill_at_random(network, "a file")
    network.save_weights(path)
    return path


def build_anew(feature):
    return loading.load.__wrapped__(feature)


def test_random_weights_are_always_the_same():
    (one,), (other,) = build_anew(VGG)(FRAMES), build_anew(VGG)(FRAMES)
    np.testing.assert_array_equal(one, other)


def test_network_is_loaded_once_a_process():
    assert loading.load(VGG) is loading.load(VGG.replace())


def test_frames_do_not_influence_each_other():
    (together,) = loading.load(VGG)(FRAMES)
    assert together.shape == (3, 8, 8, 128)
    assert together.dtype == np.float32
    apart = [loading.load(VGG)(FRAMES[i : i + 1])[0][0] for i in range(3)]
    np.testing.assert_allclose(together, apart, rtol=1e-5, atol=1e-5)


def test_vgg_sees_blue_green_red_less_the_published_mean(vgg_file):
    feature = VGG.replace(layer="block1_conv1", grid=(32, 32), width=64)
    (found,) = loading.load(feature.replace(weights=str(vgg_file)))(FRAMES)
    network = tf.keras.applications.VGG16(include_top=False, weights=None)
    network.load_weights(vgg_file)
    kernel, bias = network.get_layer("block1_conv1").get_weights()
    less_mean = FRAMES[..., ::-1] - np.array([103.939, 116.779, 123.68])
    padded = np.pad(less_mean, [(0, 0), (1, 1), (1, 1), (0, 0)])
    expected = bias + sum(
        padded[:, row : row + 32, column : column + 32] @ kernel[row, column]
        for row in range(3)
        for column in range(3)
    )
    np.testing.assert_allclose(found, np.maximum(expected, 0), rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize(
    ("network", "layer", "size", "grid", "width"),
    [
        ("resnet50", "conv5_block3_out", 64, (2, 2), 2048),
        pytest.param("resnet50", "avg_pool", 32, (1, 1), 2048, marks=pytest.mark.slow),
        ("vgg16", "fc2", 32, (1, 1), 4096),
        pytest.param(
            "resnet101", "conv5_block3_out", 64, (2, 2), 2048, marks=pytest.mark.slow
        ),
        pytest.param(
            "resnet152", "conv5_block3_out", 64, (2, 2), 2048, marks=pytest.mark.slow
        ),
        pytest.param(
            "inception_resnet_v2",
            "conv_7b_ac",
            299,
            (8, 8),
            1536,
            marks=pytest.mark.slow,
        ),
    ],
)
def test_network_gives_the_map_of_its_layer(network, layer, size, grid, width):
    feature = FrameGrid(
        name="grid",
        network=network,
        layer=layer,
        size=size,
        grid=grid,
        width=width,
        weights="random",
    )
    frames = np.zeros((2, size, size, 3), np.uint8)
    (maps,) = build_anew(feature)(frames)
    assert maps.shape == (2, *grid, width)
    assert np.isfinite(maps.astype(np.float16)).all()


# ------------------------------------------------------------------ what is wrong


def test_unknown_network_is_answered_with_the_known_ones():
    with pytest.raises(ConfigError, match="no network 'vgg61'; there are tiny, incep"):
        loading.load(VGG.replace(network="vgg61"))


def test_unknown_layer_is_answered_with_near_ones():
    with pytest.raises(ConfigError, match=r"'block2_pol'; .*block2_pool"):
        loading.load(VGG.replace(layer="block2_pol"))


def test_layer_whose_name_keras_counts_up_is_refused():
    feature = FrameGrid(
        name="x",
        network="inception_resnet_v2",
        layer="conv2d_3",
        size=75,
        grid=(1, 1),
        width=1,
        weights="random",
    )
    layers = [
        tf.keras.layers.Layer(name=n) for n in ("conv2d_3", "conv_7b", "mixed_6a")
    ]
    network = tf.keras.Sequential([tf.keras.Input((8, 8, 3)), *layers])
    application = keras_applications.INCEPTION_RESNET_V2._replace(
        constructor=lambda **_: network
    )
    with pytest.raises(ConfigError, match="no layer named 'conv2d_3'"):
        application.model(feature, application.weights(feature))


def test_wrong_grid_is_answered_with_the_right_one():
    with pytest.raises(ConfigError, match="gives 8 × 8 × 128 for frames of 32, but"):
        loading.load(VGG.replace(grid=(4, 8)))


def test_missing_file_is_answered_with_the_places_looked_at(monkeypatch, tmp_path):
    monkeypatch.setenv(weight_files.FOLDER_VARIABLE, str(tmp_path))
    with pytest.raises(WeightsError) as raised:
        loading.load(VGG.replace(weights="gone/vgg.h5"))
    here, there = f"{tmp_path}/gone/vgg.h5", f"{tmp_path}/vgg.h5"
    expected = f"are not at gone/vgg.h5 nor at {here} nor at {there};"
    assert expected in str(raised.value)


def test_network_without_shipped_weights_says_what_to_set():
    with pytest.raises(WeightsError, match="set `weights` to imagenet or to the path"):
        loading.load(VGG.replace(weights="builtin"))


def test_file_of_another_kind_is_refused(tmp_path):
    path = tmp_path / "vgg16.h5"
    path.write_text("weights")
    with pytest.raises(WeightsError, match="is not an HDF5 file"):
        loading.load(VGG.replace(weights=str(path)))


def test_file_of_another_network_is_refused(vgg_file):
    feature = VGG.replace(
        network="resnet50", layer="conv2_block1_out", weights=str(vgg_file)
    )
    with pytest.raises(WeightsError, match=r"vgg16\.h5 does not fit resnet50"):
        loading.load(feature)


def test_classifier_layer_wants_the_whole_file(vgg_file):
    feature = VGG.replace(layer="fc2", weights=str(vgg_file))
    with pytest.raises(WeightsError, match="has no classifier, but layer fc2"):
        loading.load(feature)


# ------------------------------------------------------------------------ resolve


def test_resolve_fills_in_the_hash_of_the_file(vgg_file):
    spec = FeatureSpec(features=(Flow(), VGG.replace(weights=str(vgg_file))))
    resolved = loading.resolve(spec)
    assert resolved.features[0] == Flow()
    expected = hashlib.sha256(vgg_file.read_bytes()).hexdigest()
    assert resolved.features[1].weights_sha256 == expected
    assert loading.resolve(resolved) == resolved
    assert resolved.content_hash != spec.content_hash


def test_file_is_found_in_the_shared_folder_by_its_name(vgg_file, monkeypatch):
    monkeypatch.setenv(weight_files.FOLDER_VARIABLE, str(vgg_file.parent))
    here = VGG.replace(weights=str(vgg_file))
    elsewhere = VGG.replace(weights="/another/machine/vgg16.h5")
    one, two = (loading.resolve(FeatureSpec(features=(f,))) for f in (here, elsewhere))
    assert one.content_hash == two.content_hash


def test_other_weights_than_the_specification_was_made_with_are_refused(vgg_file):
    feature = VGG.replace(weights=str(vgg_file), weights_sha256="0" * 64)
    with pytest.raises(
        WeightsError, match=r"SHA-256 .*, but the specification was made"
    ):
        loading.resolve(FeatureSpec(features=(feature,)))
    with pytest.raises(WeightsError, match="SHA-256"):
        loading.load(feature)


# ----------------------------------------------------------------------- download


@pytest.mark.parametrize(
    ("layer", "ending", "index"),
    [("conv5_block3_out", "_notop.h5", 1), ("avg_pool", "kernels.h5", 0)],
)
def test_imagenet_is_the_file_that_keras_publishes(monkeypatch, layer, ending, index):
    asked = []

    def get_file(name, url, cache_subdir, file_hash):
        asked.append((name, url, cache_subdir, file_hash))
        return __file__

    monkeypatch.setattr(tf.keras.utils, "get_file", get_file)
    feature = VGG.replace(network="resnet50", layer=layer, weights="imagenet")
    found = keras_applications.RESNET50.weights(feature)
    assert str(found.path) == __file__
    [(name, url, folder, md5)] = asked
    assert url == keras_resnet.BASE_WEIGHTS_PATH + name
    assert name.endswith(ending)
    assert folder == "models"
    assert md5 == keras_resnet.WEIGHTS_HASHES["resnet50"][index]


def test_download_that_fails_says_what_to_do(monkeypatch):
    def get_file(*_, **__):
        raise Exception("URL fetch failure")

    monkeypatch.setattr(tf.keras.utils, "get_file", get_file)
    with pytest.raises(WeightsError, match="fetch them elsewhere and name the file"):
        loading.load(VGG.replace(weights="imagenet"))

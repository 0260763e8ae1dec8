"""VGGish: shapes, its checkpoint's names, an independent forward pass, components."""

import numpy as np
import pytest
import tensorflow as tf

from tests.reference import vggish as reference
from transform.audio import log_mel
from transform.backbones import loading, vggish
from transform.common import weight_files
from transform.common.weight_files import WeightsError
from transform.schema import FeatureSpec, LogMel, Pca, VGGish

# The variables of the published checkpoint.
PUBLISHED = {
    "vggish/conv1/weights": (3, 3, 1, 64),
    "vggish/conv1/biases": (64,),
    "vggish/conv2/weights": (3, 3, 64, 128),
    "vggish/conv2/biases": (128,),
    "vggish/conv3/conv3_1/weights": (3, 3, 128, 256),
    "vggish/conv3/conv3_1/biases": (256,),
    "vggish/conv3/conv3_2/weights": (3, 3, 256, 256),
    "vggish/conv3/conv3_2/biases": (256,),
    "vggish/conv4/conv4_1/weights": (3, 3, 256, 512),
    "vggish/conv4/conv4_1/biases": (512,),
    "vggish/conv4/conv4_2/weights": (3, 3, 512, 512),
    "vggish/conv4/conv4_2/biases": (512,),
    "vggish/fc1/fc1_1/weights": (12288, 4096),
    "vggish/fc1/fc1_1/biases": (4096,),
    "vggish/fc1/fc1_2/weights": (4096, 4096),
    "vggish/fc1/fc1_2/biases": (4096,),
    "vggish/fc2/weights": (4096, 128),
    "vggish/fc2/biases": (128,),
}
SMALL = vggish.Widths(2, 3, 4, 5, 16, 8)
# Channels of the small network in place of the published one's.
_NARROW = {1: 1, 64: 2, 128: 3, 256: 4, 512: 5}
PATCHES = np.random.default_rng(5).normal(size=(2, 96, 64)).astype(np.float32)


def small_shape(name: str, shape: tuple[int, ...]) -> tuple[int, ...]:
    if "conv" in name:
        return (*shape[:-2], *(_NARROW[width] for width in shape[-2:]))[-len(shape) :]
    return tuple({12288: 6 * 4 * 5, 4096: 16, 128: 8}[width] for width in shape)


def write(path, shapes, version=tf.compat.v1.train.SaverDef.V1):
    """A checkpoint with random values, written as the published one was."""
    random = np.random.default_rng(0)
    values = {
        name: random.normal(scale=0.5, size=shape).astype(np.float32)
        for name, shape in shapes.items()
    }
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        for name, value in values.items():
            tf.compat.v1.get_variable(name, initializer=value)
        tf.compat.v1.get_variable("global_step", initializer=7)  # read past
        session.run(tf.compat.v1.global_variables_initializer())
        saver = tf.compat.v1.train.Saver(write_version=version)
        saver.save(session, str(path), write_meta_graph=False)
    return values


SMALL_SHAPES = {name: small_shape(name, shape) for name, shape in PUBLISHED.items()}


# ------------------------------------------------------------------ the published one


@pytest.fixture(scope="module")
def network():
    return vggish.build()


def test_number_of_weights_is_the_published_one(network):
    # 4,499,712 in the convolutions; 50,335,744, 16,781,312 and 524,416 in the others.
    assert network.count_params() == 72_141_184
    assert sum(np.prod(shape) for shape in PUBLISHED.values()) == 72_141_184


def test_every_layer_has_the_published_shape(network):
    shapes = {layer.name: layer.output_shape[1:] for layer in network.layers[2:]}
    assert shapes == {
        "conv1": (96, 64, 64),
        "pool1": (48, 32, 64),
        "conv2": (48, 32, 128),
        "pool2": (24, 16, 128),
        "conv3_1": (24, 16, 256),
        "conv3_2": (24, 16, 256),
        "pool3": (12, 8, 256),
        "conv4_1": (12, 8, 512),
        "conv4_2": (12, 8, 512),
        "pool4": (6, 4, 512),
        "flat": (12288,),
        "fc1_1": (4096,),
        "fc1_2": (4096,),
        "fc2": (128,),
    }


def test_variables_have_the_checkpoints_names_and_shapes(network):
    found = {
        name: tuple(weight.shape)
        for layer in network.layers
        for name, weight in zip(
            vggish.variables_of(layer.name), layer.weights, strict=False
        )
    }
    assert found == PUBLISHED


@pytest.mark.slow
def test_published_weights_give_the_published_figures():
    """The project's own smoke test: three seconds of 1 kHz, within a tenth."""
    feature = VGGish(postprocess=Pca())
    try:
        embed = loading.load_embedder(feature)
    except WeightsError as error:
        pytest.skip(str(error))
    tone = np.sin(2 * np.pi * 1000 * np.arange(3 * log_mel.RATE) / log_mel.RATE)
    patches = log_mel.log_mel(tone.astype(np.float32), LogMel())
    assert len(patches) == 3
    plain = loading.load_embedder(VGGish())(patches)
    assert plain.mean() == pytest.approx(0.000657, abs=2e-3)
    assert plain.std() == pytest.approx(0.343, rel=0.1)
    levels = (embed(patches) + 2) * 255 / 4
    assert levels.mean() == pytest.approx(126.0, rel=0.1)
    assert levels.std() == pytest.approx(89.3, rel=0.1)


# ----------------------------------------------------------------------- a small one


@pytest.mark.parametrize("version", ["V1", "V2"])
def test_checkpoint_gives_the_embeddings_of_the_definition(tmp_path, version):
    path = tmp_path / "vggish_model.ckpt"
    saver = getattr(tf.compat.v1.train.SaverDef, version)
    variables = write(path, SMALL_SHAPES, saver)
    model = vggish.build(SMALL)
    vggish.restore(model, path)
    found = vggish.Embedder(model, None)(PATCHES)
    expected = [reference.forward(patch, variables) for patch in PATCHES]
    assert (found < 0).any()  # nothing is rectified
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3 * found.std())


def test_missing_variable_is_named(tmp_path):
    path = tmp_path / "vggish_model.ckpt"
    shapes = dict(SMALL_SHAPES)
    del shapes["vggish/conv4/conv4_2/biases"]
    write(path, shapes)
    with pytest.raises(WeightsError, match="it has no vggish/conv4/conv4_2/biases"):
        vggish.restore(vggish.build(SMALL), path)


def test_variable_of_another_shape_is_named(tmp_path):
    path = tmp_path / "vggish_model.ckpt"
    write(path, {**SMALL_SHAPES, "vggish/fc2/biases": (9,)})
    with pytest.raises(WeightsError, match=r"fc2/biases has shape \[9\], not \[8\]"):
        vggish.restore(vggish.build(SMALL), path)


# --------------------------------------------------------------------- postprocessing


@pytest.fixture
def components(tmp_path):
    random = np.random.default_rng(1)
    path = tmp_path / "vggish_pca_params.npz"
    values = {
        "pca_eigen_vectors": random.normal(size=(128, 128), scale=0.2),
        "pca_means": random.normal(size=(128, 1)),
    }
    values["pca_eigen_vectors"][127, 65] = 45  # as in the published file
    np.savez(path, **{name: value.astype("f4") for name, value in values.items()})
    return path, values


def test_components_are_quantised_as_published(components):
    path, values = components
    embeddings = np.random.default_rng(2).normal(size=(20, 128)).astype(np.float32)
    found = vggish.Whitening.load(path)(embeddings)
    levels = (found + 2) * 255 / 4
    expected = [
        reference.quantised(row, values["pca_eigen_vectors"], values["pca_means"])
        for row in embeddings
    ]
    np.testing.assert_allclose(levels, np.round(levels), atol=1e-3)
    # Float32 may fall to the other side of a level's edge.
    assert np.mean(np.round(levels) == expected) > 0.999
    assert np.abs(np.round(levels) - expected).max() <= 1
    assert {0, 255} <= set(np.round(levels).astype(int).ravel())


def test_levels_survive_being_stored_as_halves(components):
    every = np.linspace(-2, 2, 256)
    halves = every.astype(np.float16).astype(np.float64)
    np.testing.assert_array_equal(np.round((halves + 2) * 255 / 4), np.arange(256))


def test_file_without_components_is_refused(tmp_path):
    path = tmp_path / "vggish_pca_params.npz"
    for content in (b"components", b""):
        path.write_bytes(content)
        with pytest.raises(WeightsError, match=r"is not an \.npz file with VGGish's"):
            vggish.Whitening.load(path)
    np.savez(path, pca_means=np.zeros((128, 1)))
    with pytest.raises(WeightsError, match="it has no pca_eigen_vectors"):
        vggish.Whitening.load(path)


# ------------------------------------------------------------------- the specification


def test_both_files_are_part_of_the_hash(tmp_path, components):
    checkpoint = tmp_path / "vggish_model.ckpt"
    write(checkpoint, SMALL_SHAPES)
    feature = VGGish(
        weights=str(checkpoint), postprocess=Pca(weights=str(components[0]))
    )
    resolved = loading.resolve(FeatureSpec(features=(feature,)))
    (found,) = resolved.features
    assert found.weights_sha256 == weight_files.file_sha256(checkpoint)
    assert found.postprocess.weights_sha256 == weight_files.file_sha256(components[0])
    moved = found.replace(weights="elsewhere.ckpt")
    assert FeatureSpec(features=(moved,)).content_hash == resolved.content_hash
    components[0].write_bytes(b"others")
    with pytest.raises(WeightsError, match="but the specification was made with"):
        loading.resolve(resolved)


def test_checkpoint_that_is_not_there_is_asked_for(monkeypatch, tmp_path):
    monkeypatch.setenv(weight_files.FOLDER_VARIABLE, str(tmp_path))
    with pytest.raises(WeightsError, match="weights of vggish are not at vggish_model"):
        loading.resolve(FeatureSpec(features=(VGGish(),)))

"""C3D: its layers' shapes, its weights' formats, and what it computes of them."""

import hashlib
import re

import h5py
import numpy as np
import pytest
import tensorflow as tf

from tests.reference import c3d as reference
from tests.support import caffe_files
from transform.backbones import c3d, loading
from transform.common.config import ConfigError
from transform.common.weight_files import WeightsError
from transform.schema import (
    CentreCrop,
    ChunkGrid,
    FeatureSpec,
    FlowInput,
    KeyFrames,
    MeanFile,
    PixelInput,
    Strided,
    WholeClip,
)

# Blobs of conv3d_deepnetA_sport1m_iter_1900000, as its prototxt describes them.
PUBLISHED = {
    "conv1a": (64, 3, 3, 3, 3),
    "conv2a": (128, 64, 3, 3, 3),
    "conv3a": (256, 128, 3, 3, 3),
    "conv3b": (256, 256, 3, 3, 3),
    "conv4a": (512, 256, 3, 3, 3),
    "conv4b": (512, 512, 3, 3, 3),
    "conv5a": (512, 512, 3, 3, 3),
    "conv5b": (512, 512, 3, 3, 3),
    "fc6": (4096, 8192),
    "fc7": (4096, 4096),
    "fc8": (487, 4096),
}
NARROW = c3d.Widths(groups=(2, 3, 4, 4, 5), hidden=16, classes=7)
CHUNK = np.random.default_rng(0).integers(0, 256, (16, 112, 112, 3)).astype(np.float32)
FEATURE = ChunkGrid(
    name="c3d",
    network="c3d",
    layer="pool2",
    size=32,
    at=Strided(frames=16, max_steps=2),
    map_times=8,
    times="steps",
    grid=(8, 8),
    width=128,
    weights="random",
)


@pytest.fixture(scope="module")
def weights():
    """Caffe's blobs of a narrow network, by layer."""
    random = np.random.default_rng(1)
    outputs = dict(zip(PUBLISHED, (2, 3, 4, 4, 4, 4, 5, 5, 16, 16, 7), strict=True))
    inputs = dict(zip(PUBLISHED, (3, 2, 3, 4, 4, 4, 4, 5, 80, 16, 16), strict=True))
    values = {}
    for name, published in PUBLISHED.items():
        shape = (outputs[name], inputs[name], *published[2:])
        scale = (2 / np.prod(shape[1:])) ** 0.5
        kernel = random.normal(scale=scale, size=shape).astype(np.float32)
        bias = random.normal(scale=0.1, size=shape[:1]).astype(np.float32)
        values[name] = kernel, bias
    return values


@pytest.fixture(scope="module")
def caffe_file(weights, tmp_path_factory):
    """In the dialect of C3D's fork, with the names of the published prototxt."""
    path = tmp_path_factory.mktemp("caffe") / "c3d.caffemodel"
    layers = []
    for name, blobs in weights.items():
        full_name = f"{name}-1" if name.startswith("fc") else name
        content = [caffe_files.c3d_blob(blob) for blob in blobs]
        layers += [caffe_files.first_form(full_name, content)]
        layers += [caffe_files.first_form(f"relu{name[2:]}", [])]
    path.write_bytes(b"".join(layers))
    return path


def in_keras(name, kernel):
    """A kernel in TensorFlow's order of axes."""
    if name == "fc6":
        cells = kernel.reshape(len(kernel), -1, 4, 4)
        kernel = np.stack([cell.transpose(1, 2, 0).ravel() for cell in cells])
    return kernel.transpose(2, 3, 4, 1, 0) if kernel.ndim == 5 else kernel.T


def write_keras(path, weights, form="{0}/{0}/{1}:0", parts=("kernel", "bias")):
    with h5py.File(path, "w") as file:
        for name, (kernel, bias) in weights.items():
            ported = {"conv1a": "conv1", "conv2a": "conv2"}.get(name, name)
            values = in_keras(name, kernel), bias
            for part, value in zip(parts, values, strict=True):
                file[form.format(ported, part)] = value
    return path


def narrow(layer, path, shape=(16, 112, 112, 3)):
    model = c3d.build(layer, shape, widths=NARROW)
    c3d.restore(model, path)
    return model


def close(found, expected):
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


# ------------------------------------------------------------------- architecture


@pytest.fixture(scope="module")
def published():
    return c3d.build("prob")


def test_layers_have_the_published_shapes(published):
    shapes = {
        name: published.get_layer(name).output_shape[1:]
        for name in c3d.LAYERS
        if name.startswith(("pool", "fc", "prob"))
    }
    assert shapes == {
        "pool1": (16, 56, 56, 64),
        "pool2": (8, 28, 28, 128),
        "pool3": (4, 14, 14, 256),
        "pool4": (2, 7, 7, 512),
        "pool5": (1, 4, 4, 512),
        "fc6": (4096,),
        "fc7": (4096,),
        "fc8": (487,),
        "prob": (487,),
    }
    for name in (name for name in c3d.LAYERS if name.startswith("conv")):
        pool = published.get_layer(f"pool{name[4]}")
        assert published.get_layer(name).output_shape == pool.input_shape


def test_kernels_and_their_number_are_those_published(published):
    shapes = {
        layer.name: tuple(layer.kernel.shape)
        for layer in published.layers
        if layer.weights
    }
    for name, (units, *rest) in PUBLISHED.items():
        assert shapes.pop(name) == (*rest[1:], rest[0], units)
    assert not shapes
    # 27,655,936 of the convolutions, 33,558,528 + 16,781,312 + 1,995,239 behind them.
    assert published.count_params() == 79_991_015


def test_whole_clips_have_maps_of_any_length():
    model = c3d.build("pool5", (None, 112, 112, 3), widths=NARROW)
    assert model.output_shape == (None, None, 4, 4, 5)
    assert model.compute_output_shape((1, 48, 112, 112, 3)) == (1, 3, 4, 4, 5)


# ------------------------------------------------------------------------- values


def test_every_layer_equals_caffes(weights, caffe_file):
    model = narrow("prob", caffe_file)
    layers = [model.get_layer(name).output for name in c3d.LAYERS]
    found = tf.keras.Model(model.input, layers)(CHUNK[None])
    expected = reference.forward(CHUNK, weights, c3d.MEAN)
    for name, value in zip(c3d.LAYERS, found, strict=True):
        assert expected[name].std() > 1e-4
        if name.startswith(("conv", "pool")):
            close(value[0], np.moveaxis(expected[name], 0, -1))
        else:
            close(value[0], expected[name])


def test_left_over_cells_are_pooled_alone(weights, caffe_file):
    frames = CHUNK[:10, :72, :72]  # 5 frames before pool3; 9 × 9 cells before pool4
    model = narrow("pool5", caffe_file, (None, 72, 72, 3))
    expected = reference.forward(frames, weights, c3d.MEAN)["pool5"]
    assert expected.shape == (5, 1, 3, 3)
    close(model(frames[None])[0], np.moveaxis(expected, 0, -1))


@pytest.mark.parametrize(
    ("form", "parts"),
    [
        ("{0}/{0}/{1}:0", ("kernel", "bias")),
        ("{0}/{0}_{1}", ("W", "b")),  # Keras 1
        ("model_weights/{0}/{0}/{1}:0", ("kernel", "bias")),  # a whole model
    ],
)
def test_keras_port_is_the_same_network(tmp_path, weights, caffe_file, form, parts):
    path = write_keras(tmp_path / "c3d.h5", weights, form, parts)
    ported, original = narrow("fc8", path), narrow("fc8", caffe_file)
    for mine, its in zip(ported.weights, original.weights, strict=True):
        np.testing.assert_array_equal(mine, its)


@pytest.mark.slow
def test_full_size_files_are_read(tmp_path):
    keras, caffe = tmp_path / "c3d.h5", tmp_path / "c3d.caffemodel"
    random = np.random.default_rng(0)
    weights = {
        name: (random.random(shape, np.float32), random.random(shape[:1], np.float32))
        for name, shape in PUBLISHED.items()
    }
    write_keras(keras, weights)
    with caffe.open("wb") as file:
        for name, blobs in weights.items():
            content = [caffe_files.c3d_blob(blob) for blob in blobs]
            file.write(caffe_files.first_form(name, content))
    models = [c3d.build("prob") for _ in range(2)]
    for model, path in zip(models, (keras, caffe), strict=True):
        c3d.restore(model, path)
    for one, other in zip(*(model.weights for model in models), strict=True):
        np.testing.assert_array_equal(one, other)


def test_random_weights_fill_the_network_of_the_table():
    chunks = CHUNK[None, :, :32, :32].astype(np.uint8)
    (maps,) = loading.load_chunks(FEATURE)(chunks)
    assert maps.shape == (1, 8, 8, 8, 128)
    assert maps.std() > 0


# --------------------------------------------------------------------------- mean


def mean_cube(path, rows=40, columns=52, times=16):
    """Writes a mean as the project does, and as the ports do; gives it."""
    random = np.random.default_rng(2)
    cube = random.uniform(90, 110, (3, times, rows, columns)).astype(np.float32)
    (path / "mean.binaryproto").write_bytes(caffe_files.c3d_blob(cube))
    np.save(path / "mean.npy", cube)
    np.save(path / "mean_of_one.npy", cube[None])
    return cube


def with_mean(path, **changes):
    return FEATURE.replace(
        **{
            "layer": "conv1a",
            "map_times": 16,
            "grid": (32, 32),
            "width": 64,
            "fit": CentreCrop(rows=40, columns=52),
            "input": PixelInput(mean=MeanFile(weights=str(path))),
            **changes,
        }
    )


@pytest.mark.parametrize("name", ["mean.binaryproto", "mean.npy", "mean_of_one.npy"])
def test_middle_of_the_mean_is_subtracted(tmp_path, name):
    cube = mean_cube(tmp_path)
    feature = with_mean(tmp_path / name)
    model = c3d.C3D.model(feature, c3d.C3D.weights(feature))
    bgr = model.get_layer("subtract_mean")(CHUNK[None, :, :32, :32])[0]
    middle = np.moveaxis(cube[:, :, 4:36, 10:42], 0, -1)
    np.testing.assert_allclose(bgr, CHUNK[:, :32, :32, ::-1] - middle, atol=1e-4)


def test_other_lengths_are_less_the_means_mean_over_time(tmp_path):
    cube = mean_cube(tmp_path)
    whole = {"at": WholeClip(max_frames=32), "times": "steps"}
    for changes in (whole, {"chunk": 8, "map_times": 8}):
        feature = with_mean(tmp_path / "mean.npy", **changes)
        model = c3d.C3D.model(feature, c3d.C3D.weights(feature))
        bgr = model.get_layer("subtract_mean")(CHUNK[None, :8, :32, :32])[0]
        middle = np.moveaxis(cube[:, :, 4:36, 10:42].mean(axis=1), 0, -1)
        np.testing.assert_allclose(bgr, CHUNK[:8, :32, :32, ::-1] - middle, atol=1e-4)


def test_mean_is_part_of_the_specification(tmp_path, monkeypatch):
    mean_cube(tmp_path)
    feature = with_mean(tmp_path / "mean.npy")
    spec = loading.resolve(FeatureSpec(features=(feature,)))
    found = spec.features[0].input.mean.weights_sha256
    assert found == hashlib.sha256((tmp_path / "mean.npy").read_bytes()).hexdigest()
    elsewhere = with_mean("/elsewhere/mean.npy")
    monkeypatch.setenv("KINESCRIBE_WEIGHTS", str(tmp_path))
    same = loading.resolve(FeatureSpec(features=(elsewhere,)))
    assert same.content_hash == spec.content_hash
    np.save(tmp_path / "mean.npy", np.zeros((3, 16, 40, 52)))
    with pytest.raises(WeightsError, match="SHA-256"):
        loading.load_chunks(spec.features[0])


def test_mean_of_other_frames_is_refused_with_the_right_fit(tmp_path):
    mean_cube(tmp_path, rows=128, columns=171)
    feature = with_mean(tmp_path / "mean.npy")
    with pytest.raises(ConfigError, match="centre_crop, rows: 128, columns: 171"):
        c3d.C3D.model(feature, c3d.C3D.weights(feature))


def test_file_that_is_no_mean_is_refused(tmp_path):
    (tmp_path / "x.npy").write_text("mean")
    with pytest.raises(WeightsError, match=r"x\.npy is not a file of NumPy"):
        c3d.read_mean(tmp_path / "x.npy")
    np.save(tmp_path / "y.npy", np.zeros((16, 112, 112, 3)))
    expected = re.escape("y.npy is no mean of c3d: its shape is [16, 112, 112, 3]")
    with pytest.raises(WeightsError, match=expected):
        c3d.read_mean(tmp_path / "y.npy")


# ------------------------------------------------------------------ what is wrong


def test_missing_layer_is_named(tmp_path, weights):
    less = {name: blobs for name, blobs in weights.items() if name != "conv3b"}
    path = write_keras(tmp_path / "c3d.h5", less)
    with pytest.raises(WeightsError, match="does not fit c3d: it has no conv3b/kernel"):
        narrow("pool3", path)
    layers = [
        caffe_files.first_form(name, list(map(caffe_files.c3d_blob, blobs)))
        for name, blobs in less.items()
    ]
    (tmp_path / "c3d").write_bytes(b"".join(layers))
    with pytest.raises(WeightsError, match="does not fit c3d: it has no conv3b"):
        narrow("pool3", tmp_path / "c3d")
    narrow("pool2", path)  # which needs none of that


def test_layer_of_another_network_is_named(tmp_path, weights, caffe_file):
    more = weights | {"conv5c": weights["conv5b"]}
    path = write_keras(tmp_path / "c3d.h5", more)
    with pytest.raises(WeightsError, match=r"c3d, which has no conv5c/bias\."):
        narrow("pool2", path)
    blobs = [caffe_files.c3d_blob(blob) for blob in more["conv5c"]]
    network = caffe_file.read_bytes() + caffe_files.first_form("conv5c", blobs)
    (tmp_path / "c3d").write_bytes(network)
    with pytest.raises(WeightsError, match=r"c3d, which has no conv5c's bias\."):
        narrow("pool2", tmp_path / "c3d")


def test_kernels_of_theanos_order_are_refused(tmp_path):
    with h5py.File(tmp_path / "c3d.h5", "w") as file:
        file["conv1/conv1_W"] = np.zeros((2, 3, 3, 3, 3), np.float32)
        file["conv1/conv1_b"] = np.zeros(2, np.float32)
    expected = r"its conv1/conv1_W has shape \[2, 3, 3, 3, 3\], not \[3, 3, 3, 3, 2\]"
    with pytest.raises(WeightsError, match=expected):
        narrow("conv1a", tmp_path / "c3d.h5")


def test_other_widths_are_refused(caffe_file):
    expected = r"its conv1a's kernel has shape \[2, .*\], not \[64, 3, 3, 3, 3\]"
    with pytest.raises(WeightsError, match=expected):
        c3d.restore(c3d.build("conv1a"), caffe_file)


def test_unknown_layer_is_answered_with_the_known_ones():
    with pytest.raises(ConfigError, match="no layer named 'conv1'; there are conv1a,"):
        c3d.build("conv1")


@pytest.mark.parametrize(
    ("shape", "received"),
    [
        ((None, 112, 112, 3), "any number of frames of 112 × 112"),
        ((32, 112, 112, 3), "32 frames of 112 × 112"),
        ((16, 160, 160, 3), "16 frames of 160 × 160"),
    ],
)
def test_connected_layers_want_the_chunks_they_were_made_for(shape, received):
    expected = f"layer fc6 .* needs chunks of 16 frames of 112 × 112; .* {received}"
    with pytest.raises(ConfigError, match=expected):
        c3d.build("fc6", shape, widths=NARROW)


def test_flow_is_refused():
    feature = FEATURE.replace(input=FlowInput())
    with pytest.raises(ConfigError, match="c3d sees pixels; received the input motion"):
        c3d.C3D.model(feature, c3d.C3D.weights(feature))


def test_no_weights_come_with_it():
    feature = FEATURE.replace(weights="builtin", at=KeyFrames())
    with pytest.raises(
        WeightsError, match=r"set `weights` to the path of a \.caffemodel"
    ):
        loading.load_chunks(feature)

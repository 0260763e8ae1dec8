"""ir-CSN-152: its stages' shapes, MMAction2's file, and what it computes of it."""

import math

import numpy as np
import pytest
import tensorflow as tf

from tests.reference import ir_csn as reference
from tests.reference.torch_convolution import convolve
from tests.support import torch_files
from transform.backbones import ir_csn, loading, registry
from transform.common.config import ConfigError
from transform.common.weight_files import WeightsError, WeightsFile
from transform.schema import ChunkGrid, FlowInput, Strided

WHOLE = ir_csn.IR_CSN152
SMALL = WHOLE._replace(blocks=(1, 2, 1, 2), stem=4)

# 32 frames of 224 × 224: ResNet's places; layer2 to layer4 halve the times.
PUBLISHED_SHAPES = {
    "conv1": (32, 112, 112, 64),
    "maxpool": (32, 56, 56, 64),
    "layer1.2": (32, 56, 56, 256),
    "layer2.7": (16, 28, 28, 512),
    "layer3.35": (8, 14, 14, 1024),
    "layer4.2": (4, 7, 7, 2048),
    "avg_pool": (2048,),
}
PUBLISHED_PARAMETERS = 29_703_568  # MMAction2's model index, its classifier included
CLASSIFIER = {"cls_head.fc_cls.weight": (400, 2048), "cls_head.fc_cls.bias": (400,)}
CHUNKS = ChunkGrid(
    name="ir_csn",
    network="ir_csn152",
    layer="avg_pool",
    size=32,
    chunk=8,
    at=Strided(frames=8, max_steps=4),
    grid=(),
    width=128,
)


def manifest(network, prefix="backbone."):
    """The names and shapes that MMAction2's file has, without the classifier."""
    shapes = {}

    def module(name, outputs, inputs, window):
        shapes[f"{prefix}{name}.conv.weight"] = (outputs, inputs, *window)
        for part in ("weight", "bias", "running_mean", "running_var"):
            shapes[f"{prefix}{name}.bn.{part}"] = (outputs,)
        shapes[f"{prefix}{name}.bn.num_batches_tracked"] = ()

    module("conv1", network.stem, 3, (3, 7, 7))
    inputs = network.stem
    for stage, blocks in enumerate(network.blocks):
        inner, outer = network.stem * 2**stage, network.stem * 4 * 2**stage
        for block in range(blocks):
            name = f"layer{stage + 1}.{block}"
            module(f"{name}.conv1", inner, inputs, (1, 1, 1))
            module(f"{name}.conv2.0", inner, 1, (3, 3, 3))
            module(f"{name}.conv3", outer, inner, (1, 1, 1))
            if block == 0:
                module(f"{name}.downsample", outer, inputs, (1, 1, 1))
            inputs = outer
    return shapes


def random_values(shapes):
    generator = np.random.default_rng(0)
    values = {}
    for name, shape in shapes.items():
        if name.endswith("num_batches_tracked"):
            values[name] = np.array(7)
            continue
        if len(shape) == 5:
            fan_in = math.prod(shape[1:])
            value = generator.normal(scale=(2 / fan_in) ** 0.5, size=shape)
        elif name.endswith("running_var"):
            value = generator.uniform(0.0, 0.02, shape)  # so small that ε matters
        elif name.endswith("bn.weight"):
            value = generator.uniform(0.05, 0.15, shape)
        else:
            value = generator.normal(scale=0.1, size=shape)
        values[name] = value.astype(np.float32)
    return values


def write(path, values):
    tensors = {name: torch_files.tensor(value) for name, value in values.items()}
    state = torch_files.state_dict(tensors)
    torch_files.write_zip(path, {"meta": {"epoch": 58}, "state_dict": state})
    return path


@pytest.fixture(scope="module")
def whole():
    return WHOLE.build()


@pytest.fixture(scope="module")
def values():
    return random_values(manifest(SMALL))


# ----------------------------------------------------------------- architecture


def test_stages_have_the_published_shapes(whole):
    for name, shape in PUBLISHED_SHAPES.items():
        assert whole.get_layer(name).output_shape[1:] == shape


def test_network_has_the_published_number_of_parameters(whole):
    trained = sum(math.prod(weight.shape) for weight in whole.trainable_weights)
    classifier = sum(map(math.prod, CLASSIFIER.values()))
    assert trained + classifier == PUBLISHED_PARAMETERS


def test_file_of_the_public_names_and_shapes_fills_the_network(whole, tmp_path):
    shapes = {**manifest(WHOLE), **CLASSIFIER}
    assert len(shapes) == 932  # tensors of the published file
    numbers = {name: float(n) for n, name in enumerate(shapes)}
    path = tmp_path / "ircsn_ig65m.pth"
    tensors = {n: torch_files.constant(numbers[n], s) for n, s in shapes.items()}
    content = {"meta": {}, "state_dict": torch_files.state_dict(tensors)}
    torch_files.write_zip(path, content)
    WHOLE.restore(whole, path)
    name = "layer3.35.conv2.0"
    parts = ("conv.weight", "bn.weight", "bn.bias", "bn.running_mean", "bn.running_var")
    layer = whole.get_layer(name)
    for part, value in zip(parts, layer.get_weights(), strict=True):
        assert (value == numbers[f"backbone.{name}.{part}"]).all()


def test_unknown_layer_is_answered_with_the_known_ones():
    with pytest.raises(ConfigError, match=r"'pool5'; there are layer1, layer2, "):
        WHOLE.build("pool5")


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("times", [1, 4, 5])
def test_depthwise_convolution_equals_one_with_as_many_groups(times, stride):
    generator = np.random.default_rng(2)
    video = generator.normal(size=(2, times, 5, 6, 3)).astype(np.float32)
    kernel = generator.normal(size=(3, 3, 3, 1, 3)).astype(np.float32)
    module = ir_csn.DepthwiseModule(3, (3, 3, 3), (stride, stride))
    found = module.convolve(tf.constant(video), tf.constant(kernel))
    for clip, maps in zip(video, found, strict=True):
        expected = convolve(
            clip.transpose(3, 0, 1, 2),
            kernel.transpose(4, 3, 0, 1, 2),
            (stride,) * 3,
            (1,) * 3,
            groups=3,
        )
        np.testing.assert_allclose(
            maps, expected.transpose(1, 2, 3, 0), rtol=1e-5, atol=1e-5
        )


# ---------------------------------------------------------------------- weights


def test_features_equal_an_independent_forward_pass(values, tmp_path):
    path = write(tmp_path / "small.pth", values)
    chunks = np.random.default_rng(1).integers(0, 256, (2, 7, 36, 36, 3), np.uint8)
    names = {name.removeprefix("backbone."): v for name, v in values.items()}
    expected = [reference.forward(chunk, names, SMALL.blocks) for chunk in chunks]
    for layer in SMALL.layers:
        network = SMALL.build(layer, (7, 36, 36, 3))
        SMALL.restore(network, path)
        maps = network(chunks.astype(np.float32), training=False)
        wanted = np.stack([maps[layer] for maps in expected])
        if wanted.ndim == 5:
            wanted = wanted.transpose(0, 2, 3, 4, 1)
        np.testing.assert_allclose(maps, wanted, rtol=1e-4, atol=1e-4)


def test_any_number_of_frames_gives_what_a_fixed_one_does(values, tmp_path):
    path = write(tmp_path / "small.pth", values)
    chunks = np.random.default_rng(1).uniform(0, 255, (1, 8, 32, 32, 3))
    found = []
    for frames in (8, None):
        network = SMALL.build("layer4", (frames, 32, 32, 3))
        SMALL.restore(network, path)
        found.append(network(chunks.astype(np.float32), training=False))
    np.testing.assert_allclose(found[0], found[1], rtol=1e-5, atol=1e-5)
    assert network.compute_output_shape((1, 16, 32, 32, 3)) == (1, 2, 1, 1, 128)


def test_backbone_alone_has_its_names_without_a_prefix(values, tmp_path):
    bare = {name.removeprefix("backbone."): v for name, v in values.items()}
    network = SMALL.build("layer3", (8, 32, 32, 3))
    SMALL.restore(network, write(tmp_path / "backbone.pth", bare))
    kernel = network.get_layer("conv1").get_weights()[0]
    np.testing.assert_array_equal(
        kernel.transpose(4, 3, 0, 1, 2), bare["conv1.conv.weight"]
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"backbone.layer2.1.conv2.0.bn.bias": None},
            r"it has no backbone\.layer2\.1\.conv2\.0\.bn\.bias\.",
        ),
        (
            {"backbone.layer1.0.conv2.0.conv.weight": np.zeros((4, 4, 3, 3, 3))},
            r"its .* has shape \[4, 4, 3, 3, 3\], not \[4, 1, 3, 3, 3\]",
        ),
        (
            {"backbone.layer1.0.conv2.1.conv.weight": np.zeros((4, 1, 3, 3, 3))},
            r"ir_csn152, which has no backbone\.layer1\.0\.conv2\.1\.conv\.weight\.",
        ),
    ],
)
def test_file_that_does_not_fit_is_refused(values, tmp_path, change, message):
    changed = {**values, **change}
    kept = {name: value for name, value in changed.items() if value is not None}
    path = write(tmp_path / "other.pth", kept)
    network = SMALL.build(input_shape=(8, 32, 32, 3))
    with pytest.raises(WeightsError, match=rf"other\.pth does not fit.*{message}"):
        SMALL.restore(network, path)


def test_entry_of_the_table_fills_the_model(values, tmp_path):
    path = write(tmp_path / "small.pth", values)
    feature = CHUNKS.replace(weights=str(path))
    found = SMALL.weights(feature)
    assert found.path == path
    gamma = SMALL.model(feature, found).get_layer("conv1").get_weights()[1]
    np.testing.assert_array_equal(gamma, values["backbone.conv1.bn.weight"])
    random = SMALL.model(feature, WeightsFile(None, "random"))
    assert np.isfinite(random(np.zeros((1, 8, 32, 32, 3)))).all()


def test_flow_is_refused():
    feature = CHUNKS.replace(input=FlowInput(), weights="random")
    with pytest.raises(ConfigError, match="ir_csn152 sees pixels less a mean"):
        loading.load_chunks(feature)


def test_weights_must_be_named():
    assert registry.CHUNK_NETWORKS["ir_csn152"] is WHOLE
    with pytest.raises(WeightsError, match=r"the path of MMAction2's \.pth file"):
        loading.load_chunks(CHUNKS)

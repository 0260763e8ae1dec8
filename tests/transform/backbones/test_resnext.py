"""ResNeXt-101: its stages' shapes, torchvision's file, and what it computes of it."""

import math

import numpy as np
import pytest

from tests.reference import resnext as reference
from tests.support import torch_files
from transform.backbones import loading, registry, resnext
from transform.common.config import ConfigError
from transform.common.weight_files import WeightsError, WeightsFile
from transform.schema import FrameGrid

WHOLE = resnext.RESNEXT101
SMALL = WHOLE._replace(blocks=(1, 2, 1, 2), groups=3, group_width=4, stem=8)

# ResNeXt's Table 1 with 32 × 8d: at 224 × 224.
PUBLISHED_SHAPES = {
    "conv1": (112, 112, 64),
    "maxpool": (56, 56, 64),
    "layer1.2": (56, 56, 256),
    "layer2.3": (28, 28, 512),
    "layer3.22": (14, 14, 1024),
    "layer4.2": (7, 7, 2048),
    "avgpool": (2048,),
}
PUBLISHED_PARAMETERS = 88_791_336  # torchvision's `num_params`
CLASSIFIER = {"fc.weight": (1000, 2048), "fc.bias": (1000,)}
GRID = FrameGrid(
    name="resnext101",
    network="resnext101",
    layer="layer4",
    size=224,
    grid=(7, 7),
    width=2048,
)


def manifest(network):
    """The names and shapes that torchvision's file has, without the classifier."""
    shapes = {}

    def convolution(name, norm, outputs, inputs, kernel):
        shapes[f"{name}.weight"] = (outputs, inputs, kernel, kernel)
        for part in ("weight", "bias", "running_mean", "running_var"):
            shapes[f"{norm}.{part}"] = (outputs,)
        shapes[f"{norm}.num_batches_tracked"] = ()

    convolution("conv1", "bn1", network.stem, 3, 7)
    inputs = network.stem
    for stage, blocks in enumerate(network.blocks):
        group = network.group_width * 2**stage
        inner, outer = network.groups * group, network.stem * 4 * 2**stage
        for block in range(blocks):
            name = f"layer{stage + 1}.{block}"
            convolution(f"{name}.conv1", f"{name}.bn1", inner, inputs, 1)
            convolution(f"{name}.conv2", f"{name}.bn2", inner, group, 3)
            convolution(f"{name}.conv3", f"{name}.bn3", outer, inner, 1)
            if block == 0:
                down = f"{name}.downsample"
                convolution(f"{down}.0", f"{down}.1", outer, inputs, 1)
            inputs = outer
    return shapes


def random_values(shapes):
    generator = np.random.default_rng(0)
    values = {}
    for name, shape in shapes.items():
        if name.endswith("num_batches_tracked"):
            values[name] = np.array(7)
            continue
        if len(shape) == 4:
            fan_in = math.prod(shape[1:])
            value = generator.normal(scale=(2 / fan_in) ** 0.5, size=shape)
        elif name.endswith(("running_var", "weight")):
            value = generator.uniform(0.5, 1.5, shape)
        else:
            value = generator.normal(scale=0.3, size=shape)
        values[name] = value.astype(np.float32)
    return values


def write(path, values, writer=torch_files.write_stream):
    tensors = {name: torch_files.tensor(value) for name, value in values.items()}
    writer(path, torch_files.state_dict(tensors))
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
    numbers = {name: float(n) for n, name in enumerate(shapes)}
    path = tmp_path / "resnext101_32x8d.pth"
    tensors = {n: torch_files.constant(numbers[n], s) for n, s in shapes.items()}
    torch_files.write_stream(path, torch_files.state_dict(tensors))
    WHOLE.restore(whole, path)
    norm = whole.get_layer("layer3.22.bn2")
    parts = ("weight", "bias", "running_mean", "running_var")
    for part, value in zip(parts, norm.get_weights(), strict=True):
        assert (value == numbers[f"layer3.22.bn2.{part}"]).all()
    (kernel,) = whole.get_layer("layer4.0.downsample.0").get_weights()
    assert kernel.shape == (1, 1, 1024, 2048)
    assert (kernel == numbers["layer4.0.downsample.0.weight"]).all()


def test_unknown_layer_is_answered_with_the_known_ones():
    with pytest.raises(ConfigError, match=r"'layer5'; there are layer1, layer2, "):
        WHOLE.build("layer5")


# ---------------------------------------------------------------------- weights


@pytest.mark.parametrize("writer", torch_files.WRITERS.values())
def test_features_equal_an_independent_forward_pass(values, tmp_path, writer):
    path = write(tmp_path / "small.pth", values, writer)
    frames = np.random.default_rng(1).integers(0, 256, (2, 44, 44, 3), np.uint8)
    expected = [
        reference.forward(frame, values, SMALL.blocks, SMALL.groups) for frame in frames
    ]
    for layer in SMALL.layers:
        network = SMALL.build(layer, size=44)
        SMALL.restore(network, path)
        maps = network(frames.astype(np.float32), training=False)
        wanted = np.stack([maps[layer] for maps in expected])
        if wanted.ndim == 4:
            wanted = wanted.transpose(0, 2, 3, 1)
        np.testing.assert_allclose(maps, wanted, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"layer4.1.bn3.running_var": None},
            r"it has no layer4\.1\.bn3\.running_var\.",
        ),
        (
            {"layer2.1.conv2.weight": np.zeros((24, 24, 3, 3), np.float32)},
            r"its layer2\.1\.conv2\.weight has shape \[24, 24, 3, 3\], not "
            r"\[24, 8, 3, 3\]",
        ),
        (
            {"layer3.1.conv1.weight": np.zeros((48, 128, 1, 1), np.float32)},
            r"resnext101, which has no layer3\.1\.conv1\.weight\.",
        ),
    ],
)
def test_file_that_does_not_fit_is_refused(values, tmp_path, change, message):
    changed = {**values, **change}
    kept = {name: value for name, value in changed.items() if value is not None}
    path = write(tmp_path / "other.pth", kept)
    with pytest.raises(WeightsError, match=rf"other\.pth does not fit.*{message}"):
        SMALL.restore(SMALL.build(size=32), path)


def test_classifier_and_counters_are_not_needed(values, tmp_path):
    bare = {n: v for n, v in values.items() if not n.endswith("num_batches_tracked")}
    whole = {**values, "fc.weight": np.zeros((10, 256)), "fc.bias": np.zeros(10)}
    for number, content in enumerate((bare, whole)):
        path = write(tmp_path / f"{number}.pth", content)
        SMALL.restore(SMALL.build(size=32), path)


def test_entry_of_the_table_fills_the_model(values, tmp_path):
    path = write(tmp_path / "small.pth", values)
    feature = GRID.replace(size=32, layer="layer2", weights=str(path))
    found = SMALL.weights(feature)
    assert found.path == path
    (kernel,) = SMALL.model(feature, found).get_layer("conv1").get_weights()
    np.testing.assert_array_equal(kernel.transpose(3, 2, 0, 1), values["conv1.weight"])
    random = SMALL.model(feature, WeightsFile(None, "random"))
    assert np.isfinite(random(np.zeros((1, 32, 32, 3)))).all()


def test_weights_must_be_named():
    assert registry.NETWORKS["resnext101"] is WHOLE
    with pytest.raises(WeightsError, match=r"the path of torchvision's \.pth file"):
        loading.load(GRID)

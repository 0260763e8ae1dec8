import collections

import numpy as np
import pytest

from tests.support import clips
from transform.backbones import loading
from transform.extractors import network_pass
from transform.extractors.clip_extractor import Extractor
from transform.schema import (
    ChunkGrid,
    FeatureSpec,
    FrameGrid,
    FrameSampling,
    Strided,
    WholeClip,
)

SAMPLING = FrameSampling(frames=2)


def frame(network: str, layer: str, grid: tuple, width: int, **more) -> FrameGrid:
    return FrameGrid(
        name=f"{network}_{layer}",
        network=network,
        layer=layer,
        size=64,
        grid=grid,
        width=width,
        weights="random",
        **more,
    )


def chunk(network: str, layer: str, grid: tuple, width: int, **more) -> ChunkGrid:
    return ChunkGrid(
        name=f"{network}_{layer}",
        network=network,
        layer=layer,
        grid=grid,
        width=width,
        weights="random",
        **{"size": 32, "chunk": 8, "at": Strided(frames=8, max_steps=4), **more},
    )


FRAMES = {
    "googlenet": (
        frame("googlenet", "Mixed_3b", (8, 8), 256),
        frame("googlenet", "Mixed_4b", (4, 4), 512),
    ),
    "resnet50": (
        frame("resnet50", "conv2_block1_out", (16, 16), 256),
        frame("resnet50", "conv3_block1_out", (8, 8), 512),
    ),
}
WHOLE = {"size": 112, "chunk": 16, "at": WholeClip(max_frames=32), "times": "steps"}
CHUNKS = {
    "c3d": (
        chunk("c3d", "pool2", (28, 28), 128, map_times=8, **WHOLE),
        chunk("c3d", "pool3", (14, 14), 256, map_times=4, **WHOLE),
    ),
    "ir_csn152": (
        chunk("ir_csn152", "layer1", (8, 8), 256, map_times=8, times="mean"),
        chunk("ir_csn152", "layer2", (4, 4), 512, map_times=4, times="mean"),
    ),
}
PAIRS = FRAMES | CHUNKS
LARGE = ("resnet50", "ir_csn152")


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return clips.write(tmp_path_factory.mktemp("clips") / "clip.mp4", 32)


def extract(clip, *features) -> dict[str, np.ndarray]:
    spec = FeatureSpec(sampling=SAMPLING, features=features)
    return Extractor(loading.resolve(spec)).extract(clip).features


@pytest.mark.parametrize(
    "pair",
    [
        pytest.param(pair, id=name, marks=pytest.mark.slow if name in LARGE else ())
        for name, pair in PAIRS.items()
    ],
)
def test_features_of_one_pass_are_those_of_passes_of_their_own(clip, pair):
    together = extract(clip, *pair)
    for feature in pair:
        alone = extract(clip, feature)[feature.name]
        np.testing.assert_array_equal(together[feature.name], alone)
        assert np.any(alone)


def test_network_runs_once_for_all_its_layers(clip, monkeypatch):
    runs = collections.Counter()
    load = loading.load

    def counting(*features):
        network = load(*features)

        def run(values):
            runs[len(features)] += 1
            return network(values)

        return run

    monkeypatch.setattr(loading, "load", counting)
    extract(clip, *FRAMES["googlenet"])
    assert runs == {2: 1}


def test_what_differs_in_more_than_the_layer_is_another_pass():
    grid, deeper = FRAMES["googlenet"]
    known = {"weights_sha256": "ab"}
    same = grid.replace(**known), deeper.replace(**known)
    other_size = deeper.replace(name="other", size=96, **known)
    other_weights = deeper.replace(name="more", weights_sha256="cd")
    groups = network_pass.share([*same, other_size, other_weights])
    assert groups == [same, (other_size,), (other_weights,)]


def test_weights_of_unknown_hash_are_not_shared():
    assert len(network_pass.share(FRAMES["googlenet"])) == 2

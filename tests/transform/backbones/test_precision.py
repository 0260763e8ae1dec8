import numpy as np
import pytest
import tensorflow as tf

from transform.backbones import loading
from transform.common.precision import dtype_policy, sums_chunks_in_bfloat16
from transform.schema import (
    ChunkGrid,
    FeatureSpec,
    FlowInput,
    FrameGrid,
    PixelInput,
    Strided,
)

RNG = np.random.default_rng(0)


def grid(network, layer, cells, width, size=64, **changes) -> FrameGrid:
    return FrameGrid(
        name="x",
        network=network,
        layer=layer,
        size=size,
        grid=(cells, cells),
        width=width,
        weights="random",
        **changes,
    )


def chunk(network, layer, times, cells, width, size, length, **changes) -> ChunkGrid:
    return ChunkGrid(
        name="x",
        network=network,
        layer=layer,
        size=size,
        chunk=length,
        at=Strided(frames=length, max_steps=1),
        map_times=times,
        grid=(cells, cells),
        width=width,
        weights="random",
        **changes,
    )


TINY = grid("tiny", "grid", 2, 64, size=32)


def smooth(*shape: int) -> np.ndarray:
    """Pictures whose neighbouring pixels are alike, as in photographs: uint8."""
    coarse = RNG.integers(0, 256, (shape[0], 5, 5, shape[-1])).astype(np.float32)
    return tf.image.resize(coarse, shape[1:3]).numpy().astype(np.uint8)


def relative_error(load, feature, values) -> float:
    (exact,) = load(feature)(values)
    (rounded,) = load(feature.replace(precision="bfloat16"))(values)
    assert rounded.dtype == exact.dtype == np.float32
    assert rounded.shape == exact.shape
    return float(np.linalg.norm(rounded - exact) / np.linalg.norm(exact))


@pytest.mark.parametrize(
    "feature",
    [
        TINY,
        grid("vgg16", "block2_pool", 8, 128, size=32),
        pytest.param(
            grid("resnet50", "conv2_block3_out", 16, 256), marks=pytest.mark.slow
        ),
        pytest.param(grid("googlenet", "Mixed_3c", 8, 480), marks=pytest.mark.slow),
        pytest.param(grid("resnext101", "layer1", 16, 256), marks=pytest.mark.slow),
        pytest.param(
            grid("inception_resnet_v2", "mixed_5b", 15, 320, size=139),
            marks=pytest.mark.slow,
        ),
    ],
    ids=lambda feature: feature.network,
)
def test_bfloat16_stays_near_float32(feature):
    frames = smooth(2, feature.size, feature.size, 3)
    assert 1e-4 < relative_error(loading.load, feature, frames) < 0.03


@pytest.mark.slow
@pytest.mark.parametrize(
    "feature",
    [
        chunk("c3d", "pool5", 1, 4, 512, 112, 16, input=PixelInput()),
        chunk("i3d_rgb", "Mixed_5c", 2, 7, 1024, 224, 16, input=PixelInput()),
        chunk("i3d_flow", "Mixed_5c", 2, 7, 1024, 224, 16, input=FlowInput()),
        chunk("ir_csn152", "layer4", 4, 7, 2048, 224, 32, input=PixelInput()),
    ],
    ids=lambda feature: feature.network,
)
def test_bfloat16_stays_near_float32_in_chunks(feature):
    chunks = smooth(feature.chunk, feature.size, feature.size, feature.input.channels)
    if isinstance(feature.input, FlowInput):
        chunks = (chunks.astype(np.float32) - 128) / 128
    error = relative_error(loading.load_chunks, feature, chunks[None])
    assert (error > 1e-4) != sums_chunks_in_bfloat16()
    assert error < 0.03


@pytest.mark.parametrize(("sums", "cells"), [(False, 1), (True, 2)])
def test_chunks_are_not_summed_in_bfloat16(sums, cells, monkeypatch):
    monkeypatch.setattr(loading, "sums_chunks_in_bfloat16", lambda: sums)
    size = 32 * cells  # each loads a network of its own, as loaded ones are kept
    feature = chunk("tiny3d", "pool5", 1, cells, 64, size, 16, input=PixelInput())
    chunks = smooth(16, size, size, 3)[None]
    error = relative_error(loading.load_chunks, feature, chunks)
    assert (error == 0) == sums


def test_networks_loaded_afterwards_compute_in_float32():
    loading.load(TINY.replace(precision="bfloat16"))
    assert tf.keras.mixed_precision.global_policy().name == "float32"
    with pytest.raises(ZeroDivisionError), dtype_policy("mixed_bfloat16"):
        raise ZeroDivisionError
    assert tf.keras.mixed_precision.global_policy().name == "float32"


def test_precision_is_hashed_and_float32_is_what_there_was_before():
    plain = FeatureSpec(features=(TINY,))
    rounded = FeatureSpec(features=(TINY.replace(precision="bfloat16"),))
    assert plain.content_hash != rounded.content_hash
    assert "precision" not in plain.hashed()["features"][0]
    assert FeatureSpec.from_json(rounded.to_json()) == rounded

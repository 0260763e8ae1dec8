import numpy as np
import pytest

from keras_models.encoders.mgsa import MGSAConfig
from tests.keras_models.layers.test_garu import parameters
from tests.reference.garu import garu
from tests.reference.mgsa import attend, flow_map
from tests.support import models
from tests.support.layer_contract import assert_same_where, check_layer
from transform.common.config import ConfigError
from transform.schema import FeatureSpec, Imported

ROWS = [
    "mgsa",
    "mgsa_no_garu",
    "spatial_attention_garu_stateless",
    "spatial_attention_stateless",
]


def test_whole_encoder_equals_the_equations():
    model = models.captioner()
    video = models.video()
    encoded = model.encode(video)
    encoder = model.encoder
    guide = [
        [weight.numpy() for weight in layer.weights]
        for layer in (*encoder.guide.convolutions, encoder.guide.map)
    ]
    flow = (video.features["flow"].numpy().astype(np.float64) - 128) / 127
    grid = video.features["grid"].numpy().astype(np.float64).reshape(3, 4, 4, 6)
    mask = video.masks["grid"].numpy()
    for clip in range(3):
        rough = np.stack([flow_map(each, guide, (2, 2)).ravel() for each in flow[clip]])
        means = grid[clip].mean(axis=1)
        maps = garu(rough, means, mask[clip], *parameters(encoder.recurrence))
        weights, frames = attend(maps, grid[clip], mask[clip])
        close = {"rtol": 1e-5, "atol": 1e-6}
        np.testing.assert_allclose(encoded.weights["spatial"][clip], weights, **close)
        np.testing.assert_allclose(encoded.frames[clip], frames, **close)
        summary = frames[mask[clip]].mean(axis=0)
        np.testing.assert_allclose(encoded.summary[clip], summary, **close)


@pytest.mark.parametrize("row", ROWS)
def test_contract(row):
    model = models.captioner(row)
    shapes = model.encode(models.video())._replace(
        frames=(3, 4, 6),
        frame_mask=(3, 4),
        summary=(3, 6),
        weights={"spatial": (3, 4, 4)},
    )
    check_layer(
        model.encoder,
        lambda: model.encode(models.video()),
        shapes=shapes,
        config=model.config.encoder,
    )


@pytest.mark.parametrize("row", [*ROWS, "mgsa_iac"])
def test_padding_changes_nothing(row):
    fused = [{"kind": "frame_stream", "feature": "c3d"}]
    changes = {"encoder": {"fused": fused}} if row == "mgsa_iac" else {}
    model = models.captioner(row, **changes)
    video, padded = models.video(), models.video(padding=77)
    mask = video.masks["grid"].numpy()
    one, other = model.encode(video), model.encode(padded)
    for first, second in zip(
        (one.frames, one.weights, one.frame_streams),
        (other.frames, other.weights, other.frame_streams),
        strict=True,
    ):
        assert_same_where(mask, first, second)
    assert np.array_equal(one.summary, other.summary)
    assert np.all(one.frames.numpy()[~mask] == 0)
    assert np.all(one.weights["spatial"].numpy()[~mask] == 0)


def test_a_batch_encodes_as_its_clips_one_by_one():
    model = models.captioner()
    together = model.encode(models.video())
    for clip in range(3):
        video = models.video()
        one = video._replace(
            features={n: v[clip : clip + 1] for n, v in video.features.items()},
            masks={n: v[clip : clip + 1] for n, v in video.masks.items()},
        )
        np.testing.assert_allclose(
            together.frames[clip], model.encode(one).frames[0], rtol=1e-5, atol=1e-6
        )


@pytest.mark.parametrize("missing", ["flow", "grid"])
def test_a_missing_modality_gives_no_nan(missing):
    model = models.captioner()
    video = models.video()
    video.masks[missing] = video.masks[missing] & False
    encoded = model.encode(video)
    assert np.all(np.isfinite(encoded.frames))
    if missing == "grid":
        assert not np.any(encoded.frames)
        assert not np.any(encoded.weights["spatial"])


def test_no_sound_is_a_zero_vector():
    model = models.captioner("mgsa_audio")
    video = models.video()
    (sound,) = model.encode(video).clip_vectors  # (3, 2)
    patches = video.features["log_mel"].numpy().astype(np.float32)
    there = video.masks["log_mel"].numpy()
    np.testing.assert_allclose(
        sound[0], patches[0][there[0]].mean(axis=(0, 1)), rtol=1e-4, atol=1e-4
    )
    assert np.all(sound[2] == 0)


def test_motion_moves_attention():
    model = models.captioner("mgsa_no_garu")
    still, moving = models.video(), models.video(seed=1)
    moving = still._replace(
        features={**still.features, "flow": moving.features["flow"]}
    )
    first, second = (model.encode(v).weights["spatial"] for v in (still, moving))
    assert not np.allclose(first[0], second[0])


def test_regions_are_refused():
    spec = FeatureSpec(features=(Imported(name="r", shape=(5, 8), max_steps=3),))
    with pytest.raises(
        ConfigError, match=r"encoder\.grid = 'r' is wrong: .* 5 regions"
    ):
        MGSAConfig(grid="r").build(spec)


def test_a_stream_of_other_length_is_refused():
    fused = [{"kind": "frame_stream", "feature": "vectors"}]
    config = MGSAConfig(grid="grid", fused=fused)
    with pytest.raises(ConfigError, match="vectors has 9 steps"):
        config.build(models.SPEC)

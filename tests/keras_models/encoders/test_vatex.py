import numpy as np
import pytest
import tensorflow as tf

from keras_models.encoders.vatex import VatexConfig
from keras_models.encoders.vatex_memory import (
    GlobalMemoryConfig,
    ObjectMemoryConfig,
    SegmentMemoryConfig,
)
from keras_models.structs import VideoBatch
from tests.reference import vatex as reference
from tests.support.layer_contract import check_layer
from transform.common.config import ConfigError
from transform.schema import FeatureSpec, Imported

SPEC = FeatureSpec(
    features=(
        Imported(name="resnext101", shape=(4,), max_steps=3),
        Imported(name="ir_csn", shape=(5,), max_steps=3),
        Imported(name="vggish", shape=(2,), max_steps=4),
        Imported(name="object_image", shape=(2, 4), max_steps=3),
        Imported(name="object_motion", shape=(2, 5), max_steps=3),
    )
)
STEPS = {
    "resnext101": [3, 2],
    "ir_csn": [2, 2],
    "vggish": [4, 0],  # the second clip has no sound
    "object_image": [3, 2],
    "object_motion": [3, 2],
}
GLOBAL = VatexConfig(units=6)
SEGMENTS = GLOBAL.replace(memory=SegmentMemoryConfig())
OBJECTS = GLOBAL.replace(memory=ObjectMemoryConfig())


def video():
    random = np.random.default_rng(0)
    features, masks = {}, {}
    for tensor in SPEC.tensors():
        mask = np.arange(tensor.max_steps) < np.array(STEPS[tensor.name])[:, None]
        values = random.normal(size=(2, tensor.max_steps, *tensor.step_shape))
        values[~mask] = 0
        features[tensor.name], masks[tensor.name] = values, tf.constant(mask)
    for name in ("object_image", "object_motion"):
        features[name][0, 1, 1] = 0  # one object
        features[name][0, 2] = 0  # none
    features = {name: tf.constant(v, tf.float32) for name, v in features.items()}
    return VideoBatch(tf.constant(["a", "b"]), features, masks)


def build(config):
    encoder = config.build(SPEC)
    encoder(video())
    random = np.random.default_rng(1)
    for weight in encoder.trainable_weights:
        weight.assign(random.normal(size=weight.shape))
    return encoder


def linear(layer):
    return layer.kernel.numpy().T, layer.bias.numpy()


@pytest.mark.parametrize("config", [GLOBAL, SEGMENTS, OBJECTS])
def test_summary_equals_the_equation(config):
    encoder, clips = build(config), video()
    summary = encoder(clips).summary
    for clip in range(2):
        features = [
            clips.features[name][clip][clips.masks[name][clip]].numpy()
            for name in ("resnext101", "ir_csn", "vggish")
        ]
        expected = reference.summary(features, *linear(encoder.embed))
        np.testing.assert_allclose(summary[clip], expected, rtol=1e-5, atol=1e-6)


def test_a_segment_joins_its_image_and_motion():
    encoder, clips = build(SEGMENTS), video()
    encoded = encoder(clips)
    w, b = linear(encoder.memory.embed)
    assert np.array_equal(encoded.frame_mask, [[1, 1, 1], [1, 1, 0]])
    for clip, n in np.ndindex(2, 3):
        image = clips.features["resnext101"][clip, n]
        motion = clips.features["ir_csn"][clip, n]  # the first clip lacks its third
        expected = w @ np.concatenate([image, motion]) + b
        expected *= encoded.frame_mask[clip, n].numpy()
        np.testing.assert_allclose(
            encoded.frames[clip, n], expected, rtol=1e-5, atol=1e-6
        )
    assert encoded.grids == ()


def test_an_object_joins_its_image_and_motion_and_absent_ones_are_masked():
    encoder, clips = build(OBJECTS), video()
    encoded = encoder(clips)
    (grid,), (mask,) = encoded.grids, encoded.grid_masks
    w, b = linear(encoder.memory.embed)
    assert np.array_equal(mask[0], [[1, 1], [1, 0], [0, 0]])
    assert np.array_equal(mask[1], [[1, 1], [1, 1], [0, 0]])
    for index in np.ndindex(2, 3, 2):
        names = ("object_image", "object_motion")
        joined = np.concatenate([clips.features[name][index] for name in names])
        expected = w @ joined + b if mask[index] else np.zeros(6)
        np.testing.assert_allclose(grid[index], expected, rtol=1e-5, atol=1e-6)


def test_the_vanilla_model_remembers_the_summary_alone():
    encoded = build(GLOBAL)(video())
    assert np.array_equal(encoded.frames[:, 0], encoded.summary)
    assert encoded.frames.shape == (2, 1, 6) and encoded.grids == ()


@pytest.mark.parametrize(
    ("config", "frames", "grids"),
    [
        (GLOBAL, (2, 1, 6), ()),
        (SEGMENTS, (2, 3, 6), ()),
        (OBJECTS, (2, 3, 6), ((2, 3, 2, 6),)),
    ],
)
def test_contract(config, frames, grids):
    encoder = config.build(SPEC)

    def call():
        encoded = encoder(video())
        return encoded.frames, encoded.grids, encoded.summary

    check_layer(encoder, call, shapes=(frames, grids, (2, 6)), config=config)


def test_modalities_that_are_not_aligned_are_refused():
    with pytest.raises(ConfigError, match=r"resnext101 3, vggish 4"):
        segments = SegmentMemoryConfig(streams=("resnext101", "vggish"))
        GLOBAL.replace(memory=segments).build(SPEC)
    with pytest.raises(ConfigError, match=r"object_image 3 × 2, ir_csn 3"):
        objects = ObjectMemoryConfig(streams=("object_image", "ir_csn"))
        GLOBAL.replace(memory=objects).build(SPEC)


def test_features_are_named_once():
    assert SEGMENTS.features() == ("resnext101", "ir_csn", "vggish")
    assert GlobalMemoryConfig().features() == ()
    with pytest.raises(ConfigError, match="at least one modality"):
        VatexConfig.from_dict({"modalities": []})

import json
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from keras_models.captioner import Captioner
from keras_models.data import feature_casting
from tests.support import models
from transform.common.errors import KinescribeError
from transform.schema import FeatureSpec


def test_a_specification_that_lacks_a_feature_is_refused():
    spec = FeatureSpec(features=models.SPEC.features[:1])
    with pytest.raises(
        KinescribeError, match=f"reads grid, which specification {spec.content_hash}"
    ):
        Captioner(models.config(), spec, 9, 5)


def test_rows_are_captions_clip_by_clip():
    model = models.captioner()
    batch = models.batch()
    forced = model.teacher_force(batch)
    assert forced.log_probs.shape == (6, 6, models.WORDS)
    assert forced.encoded.frames.shape[0] == 3
    for clip, caption in np.ndindex(3, 2):
        one = batch._replace(
            video=batch.video._replace(
                features={
                    n: v[clip : clip + 1] for n, v in batch.video.features.items()
                },
                masks={n: v[clip : clip + 1] for n, v in batch.video.masks.items()},
            ),
            tokens=batch.tokens[clip : clip + 1, caption : caption + 1],
        )
        np.testing.assert_allclose(
            forced.log_probs[2 * clip + caption],
            model.teacher_force(one).log_probs[0],
            rtol=1e-4,
            atol=1e-5,
        )


def test_a_word_depends_on_the_words_before_it_alone():
    model = models.captioner()
    batch = models.batch()
    changed = batch.tokens.numpy()
    changed[..., 3:] = 8
    first = model.teacher_force(batch).log_probs
    second = model.teacher_force(batch._replace(tokens=tf.constant(changed))).log_probs
    assert np.array_equal(first[:, :4], second[:, :4])
    assert not np.allclose(first[:, 4:], second[:, 4:])


def test_padded_steps_change_no_word():
    model = models.captioner()
    first, second = (
        model.teacher_force(models.batch(padding=padding)).log_probs
        for padding in (0, 99)
    )
    assert np.array_equal(first, second)


def test_planes_are_widened_to_minus_one_to_one_with_no_motion_at_zero():
    video = models.video(lengths=(4,))
    planes = np.full(video.features["flow"].shape, 128, np.uint8)
    planes[0, 0, 0, 0, :2] = (1, 255)
    video = video._replace(features={**video.features, "flow": tf.constant(planes)})
    flow = feature_casting.cast_features(video, ["flow"], "float32").features["flow"]
    np.testing.assert_allclose(flow[0, 0, 0, 0, :2], [-1, 1], rtol=1e-6)
    assert np.count_nonzero(flow) == 2


def test_every_weight_has_a_name_of_its_own():
    models.captioner()
    names = [weight.name for weight in models.captioner().weights]
    assert len(set(names)) == len(names)
    assert all(name.startswith("captioner/") for name in names)
    assert "captioner/encoder/garu/recurrent_kernel:0" in names
    assert "captioner/decoder/attention_1/energy/key/kernel:0" in names


def test_gradient_reaches_every_weight():
    model = models.captioner()
    batch = models.batch()
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(model(batch, training=True).log_probs[..., 4:7])
    gradients = tape.gradient(loss, model.trainable_weights)
    for weight, gradient in zip(model.trainable_weights, gradients, strict=True):
        gradient = tf.convert_to_tensor(gradient).numpy()
        assert np.all(np.isfinite(gradient)), weight.name
        assert np.any(gradient), weight.name


def test_mixed_precision_gives_float32_words_and_finite_gradients():
    tf.keras.mixed_precision.set_global_policy("mixed_float16")
    try:
        model = models.captioner()
        batch = models.batch()
        with tf.GradientTape() as tape:
            forced = model.teacher_force(batch, training=True)
            loss = tf.reduce_mean(forced.log_probs[..., 4])
        assert forced.log_probs.dtype == tf.float32
        assert forced.encoded.frames.dtype == tf.float16
        for gradient in tape.gradient(loss, model.trainable_weights):
            assert np.all(np.isfinite(tf.convert_to_tensor(gradient)))
    finally:
        tf.keras.mixed_precision.set_global_policy("float32")


def test_a_few_updates_learn_the_captions():
    model = models.captioner(decoder={"dropout": 0.0, "units": 16})
    batch = models.batch(captions=1)
    optimizer = tf.keras.optimizers.legacy.Adam(0.02)
    tokens = tf.reshape(batch.tokens, [3, 6])
    mask = tf.cast(tokens != 0, tf.float32)

    @tf.function
    def update():
        with tf.GradientTape() as tape:
            log_probs = model.teacher_force(batch, training=True).log_probs
            gained = tf.gather(log_probs, tokens, axis=-1, batch_dims=2)
            loss = -tf.reduce_sum(gained * mask) / tf.reduce_sum(mask)
        gradients = tape.gradient(loss, model.trainable_weights)
        optimizer.apply_gradients(zip(gradients, model.trainable_weights, strict=True))
        return loss

    losses = [float(update()) for _ in range(60)]
    assert losses[-1] < 0.1 < losses[0]


def test_serving_never_loads_tensorflow_addons():
    code = (
        "import sys, keras_models.captioner, keras_models.generation;"
        "import keras_models.captioning_model;"
        "sys.exit('tensorflow_addons' in sys.modules)"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True)


def test_a_captioner_knows_nothing_of_its_training():
    rooms = ["ensembling", "evaluation", "metrics", "objectives", "presets", "training"]
    code = (
        "import sys\nimport keras_models.captioner\n"
        f"rooms = tuple('keras_models.' + room for room in {rooms})\n"
        "loaded = sorted(name for name in sys.modules if name.startswith(rooms))\n"
        "sys.exit(', '.join(loaded) or None)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_config_round_trip_builds_an_equal_model():
    captioner = models.captioner()
    again = Captioner.from_config(json.loads(json.dumps(captioner.get_config())))
    assert again.get_config() == captioner.get_config()
    shapes = [weight.shape for weight in captioner.weights]
    assert [weight.shape for weight in again.build_from_spec().weights] == shapes


def test_fit_says_what_to_call():
    with pytest.raises(KinescribeError, match=r"kinescribe\.train"):
        models.captioner().fit([])

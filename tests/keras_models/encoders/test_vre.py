import numpy as np
import pytest
import tensorflow as tf

from keras_models.encoders.pooled import PooledConfig
from keras_models.encoders.vre import Phase
from keras_models.generation import BeamSearch, Greedy
from tests.keras_models.layers.test_kbigru import parameters
from tests.reference import vre as reference
from tests.support import vre_models
from tests.support.layer_contract import check_layer
from tests.support.vre_models import LENGTHS, UNITS
from transform.common.config import ConfigError
from transform.common.errors import KinescribeError
from transform.schema import FeatureSpec, Imported

CLOSE = {"rtol": 1e-5, "atol": 2e-6}


def affine(layer):
    return layer.kernel.numpy().T, layer.bias.numpy()


def matrices(encoder):
    """The encoder's kernels as the reference's matrices."""
    step, energy = encoder.refocus.first_step, encoder.refocus.energy
    return {
        "kbigru": parameters(step.kbigru),
        "adapt": affine(step.adapt),
        "merge": affine(encoder.merge),
        "refocus": (
            energy.query.kernel.numpy().T,
            energy.key.kernel.numpy().T,
            energy.score.kernel.numpy()[:, 0],
        ),
    }


def reference_clips(model, video):
    """What the equations make of every clip."""
    grid = video.features["resnet152_grid"].numpy().astype(np.float64)
    sound = video.features["vggish"].numpy().astype(np.float64).mean(axis=1)
    sound *= video.masks["vggish"].numpy().any(axis=1, keepdims=True)
    weights = matrices(model.encoder)
    return [
        reference.encode(grid[clip, :length], sound[clip], weights) | {"sound": v_a}
        for clip, (length, v_a) in enumerate(zip(LENGTHS, sound, strict=True))
    ]


def test_equals_the_equations():
    model, video = vre_models.captioner(), vre_models.video()
    encoded = model.encode(video)
    clips = reference_clips(model, video)
    for clip, expected in enumerate(clips):
        length = LENGTHS[clip]
        alpha = encoded.weights["keyframe"][clip]
        for found, name in (
            (encoded.frames[clip, :length], "frames"),
            (encoded.grids[0][clip, 0], "places"),
            (encoded.clip_vectors[0][clip], "sound"),
            (encoded.aux["step1_summary"][clip], "o1"),
            (alpha[:length], "alpha"),
            (encoded.summary[clip], "o2"),
        ):
            np.testing.assert_allclose(found, expected[name], err_msg=name, **CLOSE)
        assert encoded.aux["keyframe"][clip] == expected["key"]
        log_prob = encoded.aux["keyframe_log_prob"][clip]
        np.testing.assert_allclose(np.exp(log_prob)[:length], alpha[:length], **CLOSE)
        assert not np.any(alpha[length:])
        assert not np.any(encoded.frames[clip, length:])
    assert len({int(clip["key"]) for clip in clips}) > 1


def test_one_step_models_stop_after_the_first_summary():
    two, one = vre_models.captioner(), vre_models.captioner("vre_kbigru_sound")
    for ours, theirs in zip(
        one.encoder.first_step.weights,
        two.encoder.refocus.first_step.weights,
        strict=True,
    ):
        ours.assign(theirs)
    video = vre_models.video()
    expected = two.encode(video).aux["step1_summary"]
    np.testing.assert_array_equal(one.encode(video).summary, expected)


def test_the_first_passs_caption_is_that_of_the_model_that_stops_there():
    model, video = vre_models.captioner(), vre_models.video()
    second = model.caption(video, BeamSearch(width=2, n_best=2))
    first = model.caption_first_pass(video, BeamSearch(width=2, n_best=2))
    np.testing.assert_array_equal(first.weights["keyframe"], second.weights["keyframe"])
    assert not np.array_equal(first.captions.log_probs, second.captions.log_probs)
    model.encoder.set_training_phase("first_pass")
    stopped = model.caption(video, BeamSearch(width=2, n_best=2))
    np.testing.assert_array_equal(first.captions.tokens, stopped.captions.tokens)


def test_a_model_that_reads_clips_once_has_no_first_pass():
    model, video = vre_models.captioner("vre_kbigru_sound"), vre_models.video()
    with pytest.raises(KinescribeError, match="KBiGRUEncoder reads them once"):
        model.caption_first_pass(video, Greedy())


def plant(model, planted):
    """Clips whose frames of these places alone have a 9 for their first feature."""
    grid = 0.1 * vre_models.grids()
    grid[..., 0] = 0
    for clip, place in enumerate(planted):
        grid[clip, place, ..., 0] = 9
    refocus = model.encoder.refocus
    refocus.first_step.adapt.kernel.assign(
        tf.zeros_like(refocus.first_step.adapt.kernel)
    )
    refocus.first_step.adapt.bias.assign(tf.ones([UNITS]))
    for dense in (refocus.energy.query, refocus.energy.key, refocus.energy.score):
        kernel = np.zeros(dense.kernel.shape, np.float32)
        kernel[0, 0] = 1
        dense.kernel.assign(kernel)
    return vre_models.video(grid.astype(np.float16))


def test_every_clip_of_a_batch_is_refocused_on_its_own_planted_frame():
    model = vre_models.captioner()
    planted = [4, 0, 1, 0]
    video = plant(model, planted)
    encoded = model.encode(video)
    assert encoded.aux["keyframe"].numpy().tolist() == planted
    best = np.argmax(encoded.weights["keyframe"], axis=1)
    assert best.tolist() == planted

    step = model.encoder.refocus.first_step
    inputs = step.kbigru.project(encoded.frames)
    states = step.kbigru(inputs, encoded.aux["keyframe"], encoded.frame_mask)
    for clip, (length, place) in enumerate(zip(LENGTHS, planted, strict=True)):
        frames = encoded.frames[clip, :length].numpy()
        expected = reference.kbigru(frames, place, *parameters(step.kbigru))
        np.testing.assert_allclose(states[clip], expected, **CLOSE)


def test_padding_changes_nothing():
    model = vre_models.captioner()
    spoiled = vre_models.grids()
    for clip, length in enumerate(LENGTHS):
        spoiled[clip, length:] = 77
    first = model.encode(vre_models.video())
    second = model.encode(vre_models.video(spoiled))
    for one, other in zip(tf.nest.flatten(first), tf.nest.flatten(second), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("missing", ["resnet152_grid", "vggish"])
def test_a_missing_modality_gives_no_nan(missing):
    model, video = vre_models.captioner(), vre_models.video()
    video.masks[missing] &= False
    with tf.GradientTape() as tape:
        encoded = model.encode(video)
        loss = tf.reduce_sum(encoded.summary) + tf.reduce_sum(
            encoded.aux["keyframe_log_prob"]
        )
    assert np.all(np.isfinite(encoded.summary))
    for gradient in tape.gradient(loss, model.encoder.trainable_weights):
        if gradient is not None:
            assert np.all(np.isfinite(tf.convert_to_tensor(gradient)))
    if missing == "resnet152_grid":
        assert not np.any(encoded.weights["keyframe"])


def test_the_first_phase_reads_clips_once():
    model, video = vre_models.captioner(), vre_models.video()
    encode = tf.function(model.encode, autograph=False)
    encode(video)  # the phase is read in the graph, not when it is traced
    model.encoder.set_training_phase("first_pass")
    encoded = encode(video)
    np.testing.assert_array_equal(encoded.summary, encoded.aux["step1_summary"])
    model.encoder.set_training_phase("learned")
    assert not np.allclose(encode(video).summary, encoded.summary)


def disturb(model, seed=7):
    random = np.random.default_rng(seed)
    for weight in model.encoder.trainable_weights:
        weight.assign_add(random.normal(0, 2, weight.shape))


def test_kept_key_frames_stay_while_the_encoder_learns():
    model, video = vre_models.captioner(), vre_models.video()
    encode = tf.function(model.encode, autograph=False)
    best = encode(video)
    model.encoder.set_training_phase("frozen")
    np.testing.assert_array_equal(encode(video).summary, best.summary)
    disturb(model)
    kept = encode(video)
    assert not np.allclose(kept.summary, best.summary)
    for name in ("keyframe", "keyframe_log_prob"):
        np.testing.assert_array_equal(kept.aux[name], best.aux[name])
    model.encoder.set_training_phase("frozen")  # as after a restart of the stage
    np.testing.assert_array_equal(encode(video).aux["keyframe"], best.aux["keyframe"])
    model.encoder.set_training_phase("learned")
    assert not np.array_equal(
        encode(video).weights["keyframe"], best.weights["keyframe"]
    )


def test_the_phase_and_the_kept_network_are_saved_and_not_trained():
    model = vre_models.captioner()
    model.encoder.set_training_phase("frozen")
    names = {weight.name for weight in model.encoder.non_trainable_weights}
    kept = {weight.name for weight in model.encoder.kept.weights}
    assert names == {*kept, "captioner/encoder/phase:0"}
    assert not model.encoder.kept.trainable_weights
    assert model.encoder.phase is Phase.FROZEN


def test_contract():
    model, video = vre_models.captioner(), vre_models.video()
    shapes = model.encode(video)._replace(
        frames=(4, 6, 7),
        frame_mask=(4, 6),
        grids=((4, 1, 6, 7),),
        grid_masks=((4, 1, 6),),
        summary=(4, UNITS),
        weights={"keyframe": (4, 6)},
        aux={
            "step1_summary": (4, UNITS),
            "keyframe": (4,),
            "keyframe_log_prob": (4, 6),
        },
        clip_vectors=((4, 3),),
    )
    check_layer(
        model.encoder,
        lambda: model.encode(video),
        shapes=shapes,
        config=model.config.encoder,
    )


def test_regions_are_refused():
    spec = FeatureSpec(features=(Imported(name="r", shape=(5, 8), max_steps=3),))
    with pytest.raises(
        ConfigError, match=r"encoder\.grid = 'r' is wrong: .* 5 regions"
    ):
        PooledConfig(grid="r").build(spec)

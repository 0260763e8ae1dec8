from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from keras_models.captioner import Captioner
from keras_models.captioning_model import CaptioningModel
from keras_models.ensembling.composite import weights_by_clip
from keras_models.ensembling.ensemble import Ensemble, EnsembleConfig
from keras_models.generation import BeamSearch, Greedy, Sampling
from serving.common import signature_names
from tests.support import exported, tiny
from tests.support.composite_parts import CONFIGS, SPEC, captioner
from transform.common.config import ConfigError
from transform.common.errors import KinescribeError

BEAM = BeamSearch(width=3, n_best=2)
CLOSE = {"rtol": 1e-4, "atol": 1e-5}


def join(*members: Captioner, **weights: float) -> Ensemble:
    named = {f"m{place}": member for place, member in enumerate(members)}
    configs = {name: member.config for name, member in named.items()}
    return Ensemble(EnsembleConfig(members=configs, weights=weights), named)


@pytest.fixture(scope="module")
def ensemble() -> Ensemble:
    return join(captioner("mgsa"), captioner("vre_attention", seed=1), m1=3)


@pytest.fixture(scope="module")
def video():
    return tiny.batch(SPEC).video


@pytest.mark.parametrize(
    "config", [Greedy(), BEAM, Sampling(samples=2)], ids=lambda config: config.kind
)
def test_a_model_twice_writes_what_it_writes_alone(config, ensemble, video):
    model = ensemble.members["m0"]
    seed = tf.constant([3, 4])
    alone = model.caption(video, config, seed)
    twice = join(model, model).caption(video, config, seed)
    np.testing.assert_array_equal(twice.captions.tokens, alone.captions.tokens)
    np.testing.assert_allclose(
        twice.captions.log_probs, alone.captions.log_probs, **CLOSE
    )
    for found, expected in (
        (twice.captions.weights, alone.captions.weights),
        (twice.weights, alone.weights),
    ):
        assert found.keys() == {*expected, *(f"{name}_2" for name in expected)}
        for name, leaf in expected.items():
            np.testing.assert_allclose(found[name], leaf, **CLOSE)
            np.testing.assert_allclose(found[f"{name}_2"], leaf, **CLOSE)


def test_a_caption_is_as_likely_as_its_members_say_by_their_weights(ensemble, video):
    found = ensemble.caption(video, Greedy()).captions
    tokens = found.tokens  # (B, 1, L)
    forced = [
        member.teacher_force_encoded(member.encode(video), tokens).log_probs
        for member in ensemble.members.values()
    ]
    mean = 0.25 * np.exp(forced[0]) + 0.75 * np.exp(forced[1])  # (B, L, V)
    words = tokens[:, 0].numpy()  # (B, L)
    said = np.take_along_axis(mean, words[..., np.newaxis], axis=-1)[..., 0]
    log_probs = np.sum(np.where(words > 0, np.log(said), 0), axis=-1)
    np.testing.assert_allclose(found.log_probs[:, 0], log_probs, **CLOSE)


def test_attention_of_words_and_clips_is_named_apart(ensemble, video):
    written = ensemble.caption(video, BEAM)
    assert written.captions.weights.keys() == {"temporal", "temporal_2", "spatial"}
    assert written.weights.keys() == {"spatial_2"}
    expected = ensemble.members["m0"].encode(video).weights["spatial"]
    np.testing.assert_allclose(written.weights["spatial_2"], expected)
    axes = ensemble.config.weight_axes()
    assert axes.keys() == written.captions.weights.keys() | written.weights.keys()
    mgsa, vre = ensemble.config.members.values()
    assert axes["temporal_2"] == vre.weight_axes()["temporal"]
    assert axes["spatial"] == vre.weight_axes()["spatial"]
    assert axes["spatial_2"] == mgsa.weight_axes()["spatial"]
    leaves = [tf.constant(value) for value in range(4)]
    words = {"spatial": leaves[0], "spatial_2": leaves[1]}
    found = weights_by_clip([{"spatial": leaves[2]}, {"spatial": leaves[3]}], words)
    assert found == {"spatial_3": leaves[2], "spatial_4": leaves[3]}


def test_its_members_can_compute_in_another_precision(ensemble, video):
    narrow = ensemble.with_precision("mixed_bfloat16")
    assert {each.compute_dtype for each in narrow.members.values()} == {"bfloat16"}
    assert narrow.config == ensemble.config
    found = narrow.caption(video, BEAM).captions
    expected = ensemble.caption(video, BEAM).captions
    np.testing.assert_allclose(found.log_probs, expected.log_probs, rtol=0.05, atol=0.1)


def test_writes_captions_for_a_data_set_as_a_captioner_does(ensemble, video):
    model = CaptioningModel(ensemble, tiny.VOCABULARY)
    captions = model.caption(tf.data.Dataset.from_tensors(video), Greedy())
    best = ensemble.caption(video, Greedy()).captions.tokens[:, 0]
    texts = [text.decode() for text in tiny.VOCABULARY.decode(best).numpy()]
    assert captions == dict(zip(["whole", "short"], texts, strict=True))


def test_the_exported_model_has_core_ops_and_says_the_same(ensemble, video, tmp_path):
    signatures = exported.check(ensemble, video, BEAM, tmp_path / "model", **CLOSE)
    described = signatures["feature_spec"](request=tf.constant([b""]))
    text = described[signature_names.VARIANT_JSON][0].numpy().decode()
    found = EnsembleConfig.from_json(text)
    assert found == ensemble.config
    assert found.shares() == {"m0": 0.25, "m1": 0.75}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"spec": SPEC.override({"sampling": {"resize": "area"}})},
            "m1 reads records of .* train it on the same records",
        ),
        ({"max_words": 9}, "m1 has max_words 9, not 4"),
        ({"words": 13}, "m1 has vocabulary_size 13, not 12"),
    ],
    ids=["specification", "max_words", "vocabulary"],
)
def test_members_that_do_not_fit_are_refused(changes, said, ensemble):
    with pytest.raises(KinescribeError, match=said):
        join(ensemble.members["m0"], captioner("mgsa", **changes))


def test_members_are_those_that_the_configuration_names(ensemble):
    with pytest.raises(ValueError, match=r"must be \['m0', 'm1'\]; received \['m0'\]"):
        Ensemble(ensemble.config, {"m0": ensemble.members["m0"]})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"members": {"mgsa": CONFIGS["mgsa"]}}, "at least two members"),
        ({"weights": {"m0": 1, "m2": 1}}, "no members .'m2'."),
        ({"weights": {"m0": 0}}, "positive numbers"),
        ({"weights": {"m0": float("inf")}}, "positive numbers"),
        ({"weights": {"m0": float("nan")}}, "positive numbers"),
    ],
)
def test_descriptions_that_make_no_ensemble_are_refused(changes, said, ensemble):
    with pytest.raises(ConfigError, match=said):
        ensemble.config.replace(**changes)


def test_its_description_says_what_it_is_and_reads():
    config = EnsembleConfig(members=CONFIGS)
    assert config.weights == {"mgsa": 1, "vre_attention": 1}
    assert set(config.features()) == {"inception_resnet_v2", "flow", "resnet152_grid"}
    twice = EnsembleConfig(members={"a": CONFIGS["mgsa"], "b": CONFIGS["mgsa"]})
    assert twice.features() == CONFIGS["mgsa"].features()

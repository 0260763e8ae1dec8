from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from keras_models.captioning_model import CaptioningModel
from keras_models.ensembling import late_fusion
from keras_models.ensembling.late_fusion import LateFusion, LateFusionConfig
from keras_models.generation import BeamSearch, Greedy
from keras_models.presets import registry
from serving.common import signature_names
from tests.support import composite_parts, exported, relevance_parts, tiny
from transform.common.config import ConfigError
from transform.common.errors import KinescribeError

BEAM = BeamSearch(width=3, n_best=2)
CLOSE = {"rtol": 1e-4, "atol": 1e-5}


@pytest.fixture(scope="module")
def fusion() -> LateFusion:
    return relevance_parts.late_fusion()


@pytest.fixture(scope="module")
def video():
    return tiny.batch(relevance_parts.SPEC).video


def test_the_captions_are_the_members_ordered_by_relevance(fusion, video):
    written = fusion.caption(video, BEAM)
    each = {
        name: member.caption(video, BEAM) for name, member in fusion.members.items()
    }
    for clip in range(2):
        candidates = []
        for name, found in each.items():
            tokens, log_probs = found.captions.tokens, found.captions.log_probs
            scores = fusion.relevance.score(video, tokens)
            candidates += [
                (-float(scores[clip, k]), name, tokens[clip, k], log_probs[clip, k])
                for k in range(2)
            ]
        candidates.sort(key=lambda candidate: candidate[0])
        scores, writers, tokens, log_probs = zip(*candidates, strict=True)
        extras = written.extras
        assert [name.encode() for name in writers] == list(
            extras["written_by"][clip].numpy()
        )
        np.testing.assert_array_equal(tf.stack(tokens), written.captions.tokens[clip])
        np.testing.assert_allclose(log_probs, written.captions.log_probs[clip], **CLOSE)
        np.testing.assert_allclose(
            np.negative(scores), extras["relevance"][clip], **CLOSE
        )


def test_its_members_can_compute_in_another_precision(fusion, video):
    narrow = fusion.with_precision("mixed_bfloat16")
    assert {each.compute_dtype for each in narrow.members.values()} == {"bfloat16"}
    assert narrow.relevance is fusion.relevance
    found, expected = narrow.caption(video, BEAM), fusion.caption(video, BEAM)
    np.testing.assert_allclose(
        tf.sort(found.captions.log_probs),
        tf.sort(expected.captions.log_probs),
        rtol=0.05,
        atol=0.1,
    )


def test_attention_is_that_of_the_captions_writer(fusion, video):
    written = fusion.caption(video, BEAM)
    assert written.captions.weights.keys() == {"temporal", "spatial"}
    for name, member in fusion.members.items():
        alone = member.caption(video, BEAM).captions
        for clip in range(2):
            writers = written.extras["written_by"][clip].numpy()
            for place in np.flatnonzero(writers == name.encode()):
                tokens = written.captions.tokens[clip, place].numpy()
                same = np.all(alone.tokens[clip].numpy() == tokens, axis=-1)
                (k,) = np.flatnonzero(same)
                for attention, leaf in written.captions.weights.items():
                    found = leaf[clip, place].numpy()
                    if attention in alone.weights:
                        expected = alone.weights[attention][clip, k]
                        np.testing.assert_allclose(found, expected, **CLOSE)
                    else:
                        assert not np.any(found)


def test_attention_of_one_name_and_different_shapes_is_named_apart():
    first, second = tf.ones([1, 2, 3, 4]), tf.ones([1, 2, 3, 5])
    found = late_fusion._by_word([{"temporal": first}, {"temporal": second}])
    assert found["temporal"].shape == (1, 4, 3, 4)
    assert found["temporal_2"].shape == (1, 4, 3, 5)
    np.testing.assert_array_equal(found["temporal"][0, :, 0, 0], [1, 1, 0, 0])
    np.testing.assert_array_equal(found["temporal_2"][0, :, 0, 0], [0, 0, 1, 1])


def test_attention_of_words_and_clips_is_named_apart():
    configs = composite_parts.CONFIGS
    members = {name: composite_parts.captioner(name) for name in configs}
    relevance = relevance_parts.RELEVANCE.replace(modalities=("resnet152_grid",))
    written = LateFusion(
        LateFusionConfig(members=configs, relevance=relevance),
        members,
        relevance_parts.relevance_model(composite_parts.SPEC, relevance),
    ).caption(tiny.batch(composite_parts.SPEC).video, Greedy())
    assert written.captions.weights.keys() == {"temporal", "spatial"}
    assert written.weights.keys() == {"spatial_2"}


def test_what_a_beam_could_not_fill_comes_last(fusion, video, monkeypatch):
    wide = BeamSearch(width=30, n_best=30)
    for model in (*fusion.members.values(), fusion.relevance):
        monkeypatch.setattr(model, "max_words", 1)
    one_word = LateFusion(fusion.config, fusion.members, fusion.relevance)
    written = one_word.caption(video, wide)
    impossible = written.captions.log_probs.numpy() == -np.inf
    assert np.any(impossible)
    np.testing.assert_array_equal(impossible, np.sort(impossible, axis=1))
    assert np.all(np.isfinite(written.extras["relevance"].numpy()[~impossible]))


def test_writes_captions_for_a_data_set_as_a_captioner_does(fusion, video):
    model = CaptioningModel(fusion, tiny.VOCABULARY)
    captions = model.caption(tf.data.Dataset.from_tensors(video), Greedy())
    best = fusion.caption(video, Greedy()).captions.tokens[:, 0]
    texts = [text.decode() for text in tiny.VOCABULARY.decode(best).numpy()]
    assert captions == dict(zip(["whole", "short"], texts, strict=True))


def test_the_exported_model_has_core_ops_and_says_the_same(fusion, video, tmp_path):
    signatures = exported.check(fusion, video, BEAM, tmp_path / "model", **CLOSE)
    described = signatures["feature_spec"](request=tf.constant([b""]))
    text = described[signature_names.VARIANT_JSON][0].numpy().decode()
    assert LateFusionConfig.from_json(text) == fusion.config


def test_weights_that_differ_from_writer_to_writer_are_about_nothing(fusion):
    temporal, spatial = fusion.config.members.values()
    assert fusion.config.weight_axes().keys() == {"spatial"}  # of one member alone
    twice = fusion.config.replace(members={"one": spatial, "two": spatial})
    assert twice.weight_axes() == spatial.weight_axes()
    assert temporal.weight_axes()["temporal"] != spatial.weight_axes()["temporal"]


def test_parts_that_do_not_fit_are_refused(fusion, monkeypatch):
    with pytest.raises(ValueError, match=r"must be .*received \['vatex_spatial_rl'\]"):
        LateFusion(
            fusion.config,
            {"vatex_spatial_rl": fusion.members["vatex_spatial_rl"]},
            fusion.relevance,
        )
    other = relevance_parts.SPEC.override({"sampling": {"resize": "area"}})
    with pytest.raises(KinescribeError, match="train it on the same records"):
        LateFusion(
            fusion.config, fusion.members, relevance_parts.relevance_model(other)
        )
    monkeypatch.setattr(fusion.relevance, "max_words", tiny.MAX_WORDS + 1)
    with pytest.raises(KinescribeError, match="relevance model has max_words 5, not 4"):
        LateFusion(fusion.config, fusion.members, fusion.relevance)
    with pytest.raises(ConfigError, match="at least two members"):
        fusion.config.replace(members=dict([*fusion.config.members.items()][:1]))


@pytest.mark.parametrize("name", registry.FUSIONS)
def test_every_fusion_is_of_presets_and_survives_json(name):
    fused = registry.FUSIONS[name].model
    assert name not in registry.PRESETS
    for member, config in fused.members.items():
        assert registry.get(member).model == config
        assert set(config.features()) <= set(fused.features())
    assert LateFusionConfig.from_json(fused.to_json()) == fused

import numpy as np
import pytest
import tensorflow as tf

from keras_models.captioning_model import CaptioningModel
from keras_models.ensembling.relevance import saving as relevance_saving
from keras_models.ensembling.relevance.ranking_loss import Ranking
from keras_models.objectives.objective import ObjectiveContext, StepCounters
from keras_models.saving.model_folder import LoadError
from keras_models.structs import TrainingBatch
from tests.support import relevance_parts, tiny
from transform.common.config import ConfigError
from transform.common.errors import KinescribeError
from transform.schema import FeatureSpec

CONTEXT = ObjectiveContext(tiny.VOCABULARY, {}, tiny.MAX_WORDS, StepCounters())


@pytest.fixture(scope="module")
def model():
    return relevance_parts.relevance_model()


def test_embeddings_are_of_length_one_and_scores_their_products(model):
    batch = tiny.batch(relevance_parts.SPEC)
    videos, sentences = model(batch)
    assert videos.shape == (2, 6) and sentences.shape == (2, 2, 6)
    np.testing.assert_allclose(tf.norm(videos, axis=-1), np.ones(2), rtol=1e-5)
    np.testing.assert_allclose(tf.norm(sentences, axis=-1), np.ones((2, 2)), rtol=1e-5)
    scores = model.score(batch.video, batch.tokens)
    for clip in range(2):
        for caption in range(2):
            np.testing.assert_allclose(
                scores[clip, caption],
                np.dot(videos[clip], sentences[clip, caption]),
                rtol=1e-5,
            )


def test_what_stands_at_masked_steps_changes_nothing(model):
    video = tiny.batch(relevance_parts.SPEC).video
    spoiled = {}
    for name, values in video.features.items():
        values = values.numpy().copy()
        values[~video.masks[name].numpy()] = 77
        spoiled[name] = tf.constant(values)
    np.testing.assert_array_equal(
        model.embed_videos(video), model.embed_videos(video._replace(features=spoiled))
    )


def test_more_padding_and_other_sentences_change_no_sentence(model):
    short = tf.constant([[[4, 5, 2]]])
    padded = tf.constant([[[4, 5, 2, 0, 0]], [[6, 7, 8, 9, 2]]])
    np.testing.assert_allclose(
        model.embed_sentences(short)[0],
        model.embed_sentences(padded)[0],
        rtol=1e-4,
        atol=1e-6,
    )


def test_the_order_of_words_counts(model):
    first, second = model.embed_sentences(tf.constant([[[4, 5, 2], [5, 4, 2]]]))[0]
    assert not np.allclose(first, second, atol=1e-4)


def test_the_ranking_loss_reaches_every_weight(model):
    # A mean gradient of a softmax's keys is 0 in the biases: they shift all scores.
    with tf.GradientTape() as tape:
        objective = Ranking(margin=2.0).build(CONTEXT)
        output = objective(model, tiny.batch(relevance_parts.SPEC))
    weights = model.trainable_weights
    for weight, gradient in zip(
        weights, tape.gradient(output.loss, weights), strict=True
    ):
        assert gradient is not None, weight.name
        assert np.all(np.isfinite(tf.convert_to_tensor(gradient))), weight.name
        if not weight.name.endswith("key/bias:0"):
            assert np.any(tf.convert_to_tensor(gradient)), weight.name


def test_a_clip_without_a_modality_has_a_finite_embedding(model):
    video = tiny.batch(relevance_parts.SPEC).video
    masks = {name: tf.zeros_like(mask) for name, mask in video.masks.items()}
    assert np.all(np.isfinite(model.embed_videos(video._replace(masks=masks))))


def test_a_loaded_model_gives_the_same_scores(model, tmp_path):
    relevance_saving.save(model, tiny.VOCABULARY, tmp_path)
    loaded, vocabulary = relevance_saving.load(tmp_path)
    assert vocabulary.words == tiny.VOCABULARY.words
    assert loaded.config == model.config
    batch = tiny.batch(relevance_parts.SPEC)
    np.testing.assert_array_equal(
        loaded.score(batch.video, batch.tokens), model.score(batch.video, batch.tokens)
    )
    with pytest.raises(LoadError, match="not a model's description"):
        CaptioningModel.load(tmp_path)


def test_settings_and_features_that_do_not_fit_are_refused():
    with pytest.raises(ConfigError, match="heads = 9 is wrong: a word has only 5"):
        relevance_parts.RELEVANCE.override({"heads": 9})
    with pytest.raises(ConfigError, match="at least one modality"):
        relevance_parts.RELEVANCE.override({"modalities": []})
    with pytest.raises(KinescribeError, match="reads ir_csn, vggish, which"):
        relevance_parts.relevance_model(
            spec=FeatureSpec(features=relevance_parts.SPEC.features[:1])
        )


def test_an_empty_batch_of_captions_is_scored(model):
    video = tiny.batch(relevance_parts.SPEC).video
    batch = TrainingBatch(video, tf.zeros([2, 1, 5], tf.int32))
    assert np.all(np.isfinite(model.score(batch.video, batch.tokens)))

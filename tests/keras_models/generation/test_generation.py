"""What every search does with a real model."""

import numpy as np
import pytest
import tensorflow as tf

from keras_models import generation
from keras_models.generation import BeamSearch, Greedy, Sampling
from keras_models.structs import TrainingBatch, VideoBatch
from tests.support import models
from transform.common.config import Config

CONFIGS = [
    Greedy(),
    Sampling(samples=2, top_k=3, top_p=0.9, temperature=0.8),
    BeamSearch(width=3, n_best=2, min_words=1, no_repeat_ngram=2),
]
ids = [config.kind for config in CONFIGS]


class Settings(Config):
    found_by: generation.SearchConfig = Greedy()


def run(model, video, config):
    start = model.start(model.encode(video))
    return config.search(model.step, *start, models.MAX_WORDS, seed=[1, 2])


@pytest.mark.parametrize("config", CONFIGS, ids=ids)
def test_settings_survive_json(config):
    settings = Settings(found_by=config)
    assert Settings.from_json(settings.to_json()).found_by == config


@pytest.mark.parametrize("config", CONFIGS, ids=ids)
def test_log_probs_equal_those_of_teacher_forcing(config):
    model = models.captioner()
    video = models.video()
    captions = run(model, video, config)
    forced = model.teacher_force(TrainingBatch(video, captions.tokens))
    tokens = tf.reshape(captions.tokens, [-1, models.MAX_WORDS + 1])
    gained = tf.gather(forced.log_probs, tokens, axis=-1, batch_dims=2)
    gained = tf.where(tokens != 0, gained, 0)
    by_word = tf.reshape(captions.word_log_probs, gained.shape)
    np.testing.assert_allclose(by_word, gained, rtol=1e-4, atol=1e-5)
    total = tf.reduce_sum(gained, axis=-1)
    found = tf.reshape(captions.log_probs, [-1])
    np.testing.assert_allclose(found, total, rtol=1e-4, atol=1e-5)
    temporal = tf.reshape(captions.weights["temporal"], [-1, 6, 4])
    expected = forced.contexts[0].weights["temporal"]
    expected = tf.where((tokens != 0)[..., tf.newaxis], expected, 0)
    np.testing.assert_allclose(temporal, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("config", CONFIGS, ids=ids)
def test_a_clip_is_captioned_alone_as_in_a_batch(config):
    if config.kind == "sampling":
        config = config.replace(top_k=1)  # else the batch decides on the draws
    model = models.captioner()
    video = models.video()
    together = run(model, video, config)
    for clip in range(3):
        one = video._replace(
            features={n: v[clip : clip + 1] for n, v in video.features.items()},
            masks={n: v[clip : clip + 1] for n, v in video.masks.items()},
        )
        assert np.array_equal(run(model, one, config).tokens[0], together.tokens[clip])


@pytest.mark.parametrize("config", CONFIGS, ids=ids)
def test_a_graph_of_any_batch_size_has_core_ops_only(config):
    model = models.captioner()
    video = models.video()
    names = model.config.features()
    features = {n: video.features[n] for n in names}
    masks = {n: video.masks[n] for n in names}
    signature = tf.nest.map_structure(
        lambda t: tf.TensorSpec([None, *t.shape[1:]], t.dtype), (features, masks)
    )

    @tf.function(input_signature=signature, autograph=False)
    def captions(features, masks):
        return run(model, VideoBatch(tf.constant([""]), features, masks), config)

    found = captions(features, masks)
    expected = run(model, video, config)
    assert np.array_equal(found.tokens, expected.tokens)
    assert captions(
        *tf.nest.map_structure(lambda t: t[:1], (features, masks))
    ).tokens.shape == (1, *found.tokens.shape[1:])
    graph = captions.get_concrete_function().graph.as_graph_def()
    ops = {node.op for node in graph.node}
    ops |= {node.op for f in graph.library.function for node in f.node_def}
    core = set(dir(tf.raw_ops))
    assert not {op for op in ops if op not in core}
    assert not any("random" in op.lower() for op in ops) or config.kind == "sampling"


def test_a_state_without_tensors_is_refused():
    with pytest.raises(ValueError, match="at least one tensor"):
        Greedy().search(lambda *_: None, (), (), 3)

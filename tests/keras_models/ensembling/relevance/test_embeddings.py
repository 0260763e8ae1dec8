import math

import numpy as np
import pytest
import tensorflow as tf

from keras_models.ensembling.relevance.model import RelevanceModel
from keras_models.presets import registry
from keras_models.presets.paper_features import paper_spec
from tests.reference import embeddings as reference
from tests.support import relevance_parts, tiny

CLOSE = {"rtol": 1e-5, "atol": 1e-6}


@pytest.fixture(scope="module")
def model():
    return relevance_parts.relevance_model()


def test_video_embedding_is_the_masked_means_projected(model):
    video = tiny.batch(relevance_parts.SPEC).video
    found = model.embed_videos(video)
    project = model.video_embedding.project
    for clip in range(2):
        names = relevance_parts.RELEVANCE.modalities
        expected = reference.video_embedding(
            [video.features[name][clip].numpy().astype(np.float64) for name in names],
            [video.masks[name][clip].numpy() for name in names],
            project.kernel.numpy(),
            project.bias.numpy(),
        )
        np.testing.assert_allclose(found[clip], expected, **CLOSE)


def _pair(layer) -> tuple[np.ndarray, np.ndarray]:
    first, second = layer.get_weights()
    return first.astype(np.float64), second.astype(np.float64)


def _weights(block) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Of KerasNLP's layer, by the reference's names."""
    attention = block._self_attention_layer
    return {
        "query": _pair(attention._query_dense),
        "key": _pair(attention._key_dense),
        "value": _pair(attention._value_dense),
        "output": _pair(attention._output_dense),
        "attention_norm": _pair(block._self_attention_layer_norm),
        "hidden": _pair(block._feedforward_intermediate_dense),
        "back": _pair(block._feedforward_output_dense),
        "network_norm": _pair(block._feedforward_layer_norm),
    }


def test_sentence_embedding_is_the_mean_of_what_the_transformer_makes(model):
    layer = model.sentence_embedding
    sentences = [[4, 5, 2], [6, 7, 8, 9, 2], [2]]
    padded = np.array([ids + [0] * (5 - len(ids)) for ids in sentences])
    found = layer(tf.constant(padded, tf.int32))
    words, places = (weight.astype(np.float64) for weight in layer.words.get_weights())
    blocks = [_weights(block) for block in layer.blocks]
    for row, ids in enumerate(sentences):
        expected = reference.sentence_embedding(
            ids, words, places, blocks, *_pair(layer.project)
        )
        np.testing.assert_allclose(found[row], expected, rtol=1e-4, atol=1e-5)


def test_paper_size_has_as_many_parameters_as_counted_by_hand():
    fused = registry.FUSIONS[relevance_parts.NAME].model
    words, steps, width, hidden, units = 10_004, 21, 256, 1024, 512
    model = RelevanceModel(fused.relevance, paper_spec(fused), words, steps - 1)
    video = (2048 + 2048 + 128) * units + units
    attention = 4 * (width * width + width)
    network = width * hidden + hidden + hidden * width + width
    block = attention + network + 2 * 2 * width  # two normalisations
    sentence = (words + steps) * width + 2 * block + width * units + units
    weights = model.build_from_spec().trainable_weights
    assert sum(math.prod(weight.shape) for weight in weights) == video + sentence

import numpy as np
import tensorflow as tf

from keras_models.layers.word_attention import WordAttention, WordMemory
from tests.reference import stats as reference
from tests.support.layer_contract import check_layer

WIDTH, LENGTH = 4, 3


def read(layer, words):
    """(B, t, E) embeddings one after the other → every s_t, and the memory."""
    memory, outputs = layer.empty(len(words), LENGTH), []
    for time in range(words.shape[1]):
        output, memory = layer(words[:, time], memory)
        outputs.append(output)
    return tf.stack(outputs, axis=1), memory


def test_every_word_attends_to_itself_and_those_before_it():
    layer = WordAttention(WIDTH)
    words = tf.random.stateless_normal([2, LENGTH, WIDTH], [1, 2])
    outputs, memory = read(layer, words)
    matrices = [part.kernel.numpy().T for part in (layer.query, layer.key, layer.value)]
    for clip in range(2):
        for time in range(LENGTH):
            expected = reference.self_attention(
                words[clip, : time + 1].numpy().astype(np.float64), *matrices
            )
            np.testing.assert_allclose(
                outputs[clip, time], expected, rtol=1e-5, atol=1e-6
            )
    assert np.array_equal(memory.read, [LENGTH, LENGTH])


def test_rows_may_have_read_different_numbers_of_words():
    layer = WordAttention(WIDTH)
    words = tf.random.stateless_normal([2, 2, WIDTH], [1, 2])
    outputs, memory = read(layer, words)
    _, earlier = read(layer, words[:, :1])
    mixed = tf.nest.map_structure(
        lambda one, two: tf.stack([one[0], two[1]]), earlier, memory
    )
    again, mixed = layer(words[:, 1], mixed)
    np.testing.assert_allclose(again[0], outputs[0, 1], rtol=1e-6)
    assert np.array_equal(mixed.read, [2, 3])


def test_contract():
    layer = WordAttention(WIDTH)
    words = tf.random.stateless_normal([2, LENGTH, WIDTH], [1, 2])
    buffer = (2, LENGTH, WIDTH)
    check_layer(
        layer,
        lambda: read(layer, words),
        shapes=((2, LENGTH, WIDTH), WordMemory(buffer, buffer, (2,))),
    )

import numpy as np

from keras_models.inference.int8_embedding import Int8Embedding


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def test_a_row_is_a_vectors_projection():
    vectors, kernel, bias = normal(30, 8), normal(8, 50, seed=1), normal(50, seed=2)
    found = Int8Embedding(vectors, kernel, bias)(np.array([[3, 29], [0, 3]]))
    expected = (vectors @ kernel + bias)[[3, 29, 0, 3]].reshape(2, 2, 50)
    rounding = np.abs(expected).max(axis=-1, keepdims=True) / 254
    assert (np.abs(found - expected) <= 1.0001 * rounding).all()


def test_a_word_of_zeros_is_one_of_zeros():
    table = Int8Embedding(np.zeros([2, 8], np.float32), normal(8, 5), None)
    np.testing.assert_array_equal(table(np.array([1])), np.zeros([1, 5]))

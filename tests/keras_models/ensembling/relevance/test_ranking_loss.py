import numpy as np
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_models.ensembling.relevance import ranking_loss
from tests.reference import ranking as reference

IDS = ["a", "b", "a", "c"]  # the first clip stands twice in the batch
TOKENS = np.array(
    [
        [[4, 5, 2, 0], [6, 2, 0, 0]],
        [[7, 8, 9, 2], [5, 2, 0, 0]],
        [[4, 4, 2, 0], [0, 0, 0, 0]],  # one caption is padding
        [[5, 2, 0, 0], [9, 2, 0, 0]],  # the first is also said of b
    ]
)
OWN = np.repeat(np.arange(4), 2)


def test_related_captions_are_those_of_the_clip_and_their_doubles():
    found = ranking_loss.related(
        tf.constant(IDS), tf.constant(OWN), tf.constant(TOKENS.reshape(8, 4))
    )
    np.testing.assert_array_equal(found, reference.related(IDS, TOKENS))
    assert found[0, 4] and found[2, 0] and found[1, 6] and found[3, 3]
    assert not found[0, 2] and not found[3, 2]


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.sampled_from([0.05, 0.2, 1.0]))
def test_loss_equals_the_equation(seed, margin):
    random = np.random.default_rng(seed)
    scores = random.uniform(-1, 1, (4, 8)).astype(np.float32)
    related = reference.related(IDS, TOKENS) | (random.random((4, 8)) < 0.3)
    there = TOKENS.reshape(8, 4).any(axis=1)
    found = ranking_loss.ranking_loss(
        tf.constant(scores),
        tf.constant(OWN),
        tf.constant(related),
        tf.constant(there),
        margin,
    )
    expected = reference.ranking_loss(scores, OWN, related, there, margin)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_a_batch_without_negatives_costs_nothing_and_has_a_finite_gradient():
    scores = tf.constant([[0.3, 0.4]])
    with tf.GradientTape() as tape:
        tape.watch(scores)
        loss = ranking_loss.ranking_loss(
            scores, tf.constant([0, 0]), tf.ones([1, 2], bool), tf.ones([2], bool), 0.2
        )
    assert loss == 0
    np.testing.assert_array_equal(tape.gradient(loss, scores), [[0, 0]])


def test_captions_that_are_padding_count_neither_way():
    scores = np.full((2, 4), 0.1, np.float32)
    own, there = tf.constant([0, 0, 1, 1]), tf.constant([True, False, True, False])
    related = tf.constant([[True, True, False, False], [False, False, True, True]])
    losses = []
    for padded in (-1.0, 1.0):
        scores[:, 1::2] = padded
        loss = ranking_loss.ranking_loss(tf.constant(scores), own, related, there, 0.2)
        losses.append(loss.numpy())
    np.testing.assert_allclose(losses, [0.4, 0.4], rtol=1e-6)

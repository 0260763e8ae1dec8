import numpy as np
import pytest
import tensorflow as tf

from keras_models.generation import BeamSearch, ensemble
from tests.support import models
from tests.support.step_fakes import FakeStep


def test_a_model_twice_is_that_model():
    step = FakeStep(words=9)
    state, memory = step.start(2)
    config = BeamSearch(width=3, n_best=3)
    alone = config.search(step, state, memory, 4)
    both = config.search(ensemble([step, step]), (state, state), (memory, memory), 4)
    assert np.array_equal(alone.tokens, both.tokens)
    np.testing.assert_allclose(alone.log_probs, both.log_probs, rtol=1e-5)
    assert np.array_equal(both.weights["trace"], both.weights["trace_2"])
    assert np.array_equal(both.weights["trace"], alone.weights["trace"])


def test_word_distribution_is_the_weighted_mean():
    members = [FakeStep(words=9, seed=seed) for seed in range(3)]
    starts = [member.start(2) for member in members]
    state, memory = zip(*starts, strict=True)
    tokens = tf.constant([1, 5])
    output = ensemble(members, [1, 2, 5])(tokens, state, memory)
    expected = sum(
        share * np.exp(member(tokens, *start).log_probs)
        for share, member, start in zip(
            (0.125, 0.25, 0.625), members, starts, strict=True
        )
    )
    np.testing.assert_allclose(np.exp(output.log_probs), expected, rtol=1e-5)


def test_captioners_of_different_kinds_write_together():
    members = [
        models.captioner("mgsa"),
        models.captioner("spatial_attention_stateless", seed=1),
    ]
    video = models.video()
    starts = [member.start(member.encode(video)) for member in members]
    state, memory = zip(*starts, strict=True)
    captions = BeamSearch(n_best=2).search(
        ensemble([member.step for member in members]),
        state,
        memory,
        models.MAX_WORDS,
    )
    assert captions.tokens.shape == (3, 2, 6)
    assert set(captions.weights) == {"temporal", "temporal_2"}


@pytest.mark.parametrize("weights", [[1.0], [1.0, 0.0], [1.0, -1.0]])
def test_weights_that_do_not_fit_are_refused(weights):
    step = FakeStep(words=6)
    with pytest.raises(ValueError, match="2 members"):
        ensemble([step, step], weights)

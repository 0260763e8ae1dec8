import collections

import numpy as np
import pytest
import tensorflow as tf

from keras_models.generation import Sampling
from tests.reference.beam_search import exhaustive
from tests.support.step_fakes import FakeStep, caption

SEED = tf.constant([1, 2])


def run(config, step, max_words=3, seed=SEED, clips=2):
    return config.search(step, *step.start(clips), max_words, seed)


def shares(config, step, samples=20_000):
    """How often each word comes first, of the first clip."""
    drawn = run(config.replace(samples=samples), step, max_words=1).tokens[0, :, 0]
    return np.bincount(drawn, minlength=step.table.shape[1]) / samples


def first_words(step):
    """p(first word) of the first clip, over what is allowed."""
    row = np.exp(step.table[step.trace(0, ()) % len(step.table)])
    row[[0, 1, 3]] = 0
    return row / row.sum()


def assert_follows(found, expected, samples=20_000):
    """Within five standard deviations of a binomial share."""
    deviation = np.sqrt(expected * (1 - expected) / samples)
    assert np.all(np.abs(found - expected) <= 5 * deviation)


def test_words_come_as_often_as_they_are_likely():
    step = FakeStep(words=9)
    assert_follows(shares(Sampling(), step), first_words(step))


def test_temperature_is_the_exponent():
    step = FakeStep(words=9)
    expected = first_words(step) ** (1 / 0.5)
    assert_follows(shares(Sampling(temperature=0.5), step), expected / expected.sum())


def test_top_k_leaves_the_k_likeliest():
    step = FakeStep(words=9)
    expected = first_words(step)
    expected[np.argsort(expected)[:-3]] = 0
    assert_follows(shares(Sampling(top_k=3), step), expected / expected.sum())


def test_top_p_leaves_the_fewest_words_that_reach_p():
    step = FakeStep(words=9)
    expected = first_words(step)
    order = np.argsort(-expected)
    kept = order[: np.searchsorted(np.cumsum(expected[order]), 0.8) + 1]
    expected[np.setdiff1d(order, kept)] = 0
    assert_follows(shares(Sampling(top_p=0.8), step), expected / expected.sum())


def test_whole_captions_come_as_often_as_they_are_likely():
    step = FakeStep(words=6, scale=0.5)
    allowed = {2, 4, 5}
    raw = step.log_prob(0)

    def log_prob(prefix, word):  # renormalised over what may follow
        options = {2} if len(prefix) == 2 else allowed
        total = np.logaddexp.reduce([raw(prefix, option) for option in options])
        return raw(prefix, word) - total

    samples = 20_000
    tokens = run(Sampling(samples=samples), step, max_words=2).tokens[0].numpy()
    found = collections.Counter(map(caption, tokens))
    expected = {
        words: np.exp(total) for _, total, words in exhaustive(log_prob, (4, 5), 2)
    }
    assert abs(sum(expected.values()) - 1) < 1e-5
    assert set(found) <= set(expected)
    for words, share in expected.items():
        deviation = np.sqrt(share * (1 - share) / samples)
        assert abs(found[words] / samples - share) < 5 * deviation, words


def test_log_probs_are_the_untouched_models():
    step = FakeStep(words=9)
    captions = run(Sampling(samples=4, temperature=2.0, top_k=4), step)
    for clip, place in np.ndindex(2, 4):
        words = caption(captions.tokens[clip, place].numpy())
        log_prob = step.log_prob(clip)
        expected = sum(log_prob(words[:i], word) for i, word in enumerate(words))
        np.testing.assert_allclose(captions.log_probs[clip, place], expected, rtol=1e-5)


def test_every_caption_keeps_the_rules():
    tokens = run(Sampling(samples=200), FakeStep(words=6, scale=0.1), 4).tokens.numpy()
    for row in tokens.reshape(-1, 5):
        *spoken, end = caption(row)
        assert end == 2
        assert all(word >= 4 for word in spoken)
        assert not np.any(row[len(spoken) + 1 :])


def test_weights_belong_to_the_words():
    step = FakeStep(words=9)
    captions = run(Sampling(samples=3), step)
    for clip, place in np.ndindex(2, 3):
        words = caption(captions.tokens[clip, place].numpy())
        expected = [step.trace(clip, words[:time]) for time in range(len(words))]
        trace = captions.weights["trace"][clip, place, :, 0]
        assert np.array_equal(trace, expected + [0] * (4 - len(words)))


def test_a_seed_repeats_and_another_one_does_not():
    step = FakeStep(words=40, scale=0.1)
    config = Sampling(samples=20)
    first, again = (run(config, step).tokens for _ in range(2))
    other = run(config, step, seed=tf.constant([1, 3])).tokens
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert len({caption(row) for row in first[0].numpy()}) > 1


def test_sampling_without_a_seed_is_refused():
    with pytest.raises(ValueError, match="needs a seed"):
        run(Sampling(), FakeStep(words=6), seed=None)

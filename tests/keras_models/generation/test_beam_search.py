import hypothesis
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import strategies as st

from keras_models.generation import BeamSearch, Greedy, PowerPenalty, WuPenalty
from tests.reference import beam_search as reference
from tests.support.step_fakes import FakeStep, caption
from transform.common.config import ConfigError

CLIPS = 2


def run(config, step, max_words):
    return config.search(step, *step.start(CLIPS), max_words)


def compare(found, expected):
    """The best captions of a clip equal the reference's, log p included."""
    tokens, log_probs = found
    for row, log_prob, (_, total, words) in zip(
        tokens, log_probs, expected, strict=False
    ):
        assert caption(row) == words
        np.testing.assert_allclose(log_prob, total, rtol=1e-5)


@pytest.mark.parametrize("alpha", [0.0, 0.7, 2.0])
@pytest.mark.parametrize("seed", [0, 1])
def test_beam_equals_exhaustive_search_on_small_vocabulary(alpha, seed):
    step = FakeStep(words=7, seed=seed)
    config = BeamSearch(width=7**3, n_best=30, length_penalty=WuPenalty(alpha=alpha))
    captions = run(config, step, max_words=2)
    for clip in range(CLIPS):
        expected = reference.exhaustive(step.log_prob(clip), step.words, 2, alpha)
        assert len(expected) == 13
        compare((captions.tokens[clip].numpy(), captions.log_probs[clip]), expected)
        assert np.all(captions.tokens[clip, 13:] == 0)
        assert np.all(captions.log_probs[clip, 13:].numpy() == -np.inf)


def test_constrained_beam_equals_exhaustive_search():
    step = FakeStep(words=7)
    config = BeamSearch(width=7**4, n_best=20, min_words=2, no_repeat_ngram=2)
    captions = run(config, step, max_words=3)
    for clip in range(CLIPS):
        expected = reference.exhaustive(
            step.log_prob(clip), step.words, 3, min_words=2, no_repeat_ngram=2
        )
        compare((captions.tokens[clip].numpy(), captions.log_probs[clip]), expected)


@pytest.mark.parametrize("width", [1, 2, 5])
@pytest.mark.parametrize("alpha", [0.0, 1.0])
def test_every_beam_equals_the_reference(width, alpha):
    for seed in range(3):
        step = FakeStep(words=9, seed=seed)
        config = BeamSearch(
            width=width, n_best=width, length_penalty=WuPenalty(alpha=alpha)
        )
        captions = run(config, step, max_words=4)
        for clip in range(CLIPS):
            expected = reference.beam_search(
                step.log_prob(clip), step.words, 4, width, alpha
            )
            compare((captions.tokens[clip].numpy(), captions.log_probs[clip]), expected)


def test_stopping_early_changes_nothing():
    """With `n_best` = `width` no beam may be open; with 1 the search stops earlier."""
    for seed in range(5):
        step = FakeStep(words=9, seed=seed)
        for penalty in (WuPenalty(), PowerPenalty(alpha=1.0)):
            one = run(BeamSearch(width=4, length_penalty=penalty), step, 6)
            all_ = run(BeamSearch(width=4, n_best=4, length_penalty=penalty), step, 6)
            assert np.array_equal(one.tokens[:, 0], all_.tokens[:, 0])


def test_greedy_equals_a_beam_of_one():
    for seed in range(3):
        step = FakeStep(words=20, seed=seed)
        greedy, beam = (run(c, step, 6) for c in (Greedy(), BeamSearch(width=1)))
        assert np.array_equal(greedy.tokens, beam.tokens)
        np.testing.assert_allclose(greedy.log_probs, beam.log_probs, rtol=1e-6)
        for name, weights in greedy.weights.items():
            assert np.array_equal(weights, beam.weights[name])


@hypothesis.given(
    seed=st.integers(0, 1000),
    width=st.integers(1, 4),
    words=st.integers(5, 9),
    max_words=st.integers(1, 5),
    min_words=st.integers(0, 5),
    ngram=st.sampled_from([None, 1, 2, 3, 9]),
)
@hypothesis.settings(deadline=None, max_examples=20)
def test_every_caption_keeps_the_rules(seed, width, words, max_words, min_words, ngram):
    min_words = min(min_words, max_words)
    step = FakeStep(words=words, seed=seed)
    config = BeamSearch(
        width=width, n_best=width, min_words=min_words, no_repeat_ngram=ngram
    )
    captions = run(config, step, max_words)
    assert captions.tokens.shape == (CLIPS, width, max_words + 1)
    scores = captions.log_probs.numpy()
    for clip, place in np.ndindex(CLIPS, width):
        tokens = captions.tokens[clip, place].numpy()
        if scores[clip, place] == -np.inf:
            assert not np.any(tokens)
            continue
        *spoken, end = caption(tokens)
        assert end == 2
        assert all(word >= 4 for word in spoken)
        assert not np.any(tokens[len(spoken) + 1 :])
        if ngram:
            assert not reference.repeats_ngram(spoken, ngram)
        # Where no word is left that may follow, a caption ends too early.
        exhausted = ngram == 1 and len(spoken) == words - 4
        exhausted |= words == 5 and bool(ngram) and len(spoken) == ngram
        assert len(spoken) >= min_words or exhausted


def test_weights_belong_to_the_words_they_were_computed_for():
    step = FakeStep(words=9, seed=3)
    captions = run(BeamSearch(width=4, n_best=4), step, 5)
    trace, square = captions.weights["trace"], captions.weights["square"]
    assert trace.shape == (CLIPS, 4, 6, 1)
    assert square.shape == (CLIPS, 4, 6, 1, 1)
    for clip, place in np.ndindex(CLIPS, 4):
        words = caption(captions.tokens[clip, place].numpy())
        expected = [step.trace(clip, words[:time]) for time in range(len(words))]
        expected += [0] * (6 - len(words))
        assert np.array_equal(trace[clip, place, :, 0], expected)
        assert np.array_equal(square[clip, place, :, 0, 0], expected)


def test_in_graph_equals_eager():
    step = FakeStep(words=9)
    config = BeamSearch(width=3, n_best=2, min_words=1, no_repeat_ngram=2)

    @tf.function(input_signature=[tf.TensorSpec([], tf.int32)])
    def captions(clips):
        return config.search(step, *step.start(clips), 4)

    eager, graph = run(config, step, 4), captions(tf.constant(CLIPS))
    assert np.array_equal(eager.tokens, graph.tokens)
    assert np.array_equal(eager.weights["trace"], graph.weights["trace"])


def test_more_captions_than_beams_are_refused():
    with pytest.raises(ConfigError, match="n_best = 3 is wrong: at most width"):
        BeamSearch.from_dict({"kind": "beam", "width": 2, "n_best": 3})


def test_more_words_than_fit_are_refused():
    with pytest.raises(ValueError, match="min_words = 5 exceeds max_words = 4"):
        run(BeamSearch(min_words=5), FakeStep(words=6), 4)

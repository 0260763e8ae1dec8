import itertools

import numpy as np
import pytest
import tensorflow as tf

from keras_models.generation import Greedy, Sampling
from keras_models.objectives import self_critical
from keras_models.objectives.objective import ObjectiveContext, StepCounters
from keras_models.objectives.rewards import RewardConfig, RewardEngine
from keras_models.objectives.self_critical import (
    GreedyBaseline,
    LeaveOneOutBaseline,
    SelfCritical,
    SelfCriticalObjective,
)
from keras_models.structs import Captions, TrainingBatch, VideoBatch
from tests.support.table_captioner import TableCaptioner
from transform.common.config import ConfigError
from transform.records.vocabulary import EOS, Vocabulary

SIZE, MAX_WORDS, CLIPS = 7, 2, 2  # three words: ids 4, 5, 6
VOCABULARY = Vocabulary(["a", "b", "c"])
EVERY_CAPTION = [
    [*words, EOS] + [0] * (MAX_WORDS - len(words))
    for length in range(MAX_WORDS + 1)
    for words in itertools.product((4, 5, 6), repeat=length)
]  # 1 + 3 + 9


class WordRewards:
    """Any reward will do: it depends on clip, words, their order and number."""

    def score(self, video_ids: np.ndarray, tokens: np.ndarray) -> np.ndarray:
        worth = np.array([0.0, 0.0, 0.3, 0.0, 1.0, 0.2, -0.5])
        places = worth[tokens] * np.array([1.0, 2.0, 0.5])
        clip = np.array([float(video_id) for video_id in video_ids])
        return places.sum(axis=1) * (1 + clip)


def context() -> ObjectiveContext:
    return ObjectiveContext(
        VOCABULARY, {"0": ("a b",), "1": ("c",)}, MAX_WORDS, StepCounters()
    )


def objective(**changes) -> SelfCriticalObjective:
    return SelfCriticalObjective(SelfCritical(**changes), WordRewards(), context())


def batch(clips: list[int]) -> TrainingBatch:
    names = tf.constant([str(clip) for clip in clips])
    masks = {"clip": tf.ones([len(clips), 1], tf.bool)}
    video = VideoBatch(names, {"clip": tf.constant(clips)[:, tf.newaxis]}, masks)
    return TrainingBatch(video, tf.tile([[[4, 5, 2]]], [len(clips), 1, 1]))


def exact_expectation(
    captioner: TableCaptioner, temperature: float = 1.0
) -> tuple[tf.Tensor, np.ndarray]:
    """Gradient of −E[reward], from every caption; and the captions' probabilities.

    Written from the search's rules: the words and <eos> share all probability,
    sharpened by the temperature, and after `MAX_WORDS` words <eos> is certain.
    """
    tokens = np.array(EVERY_CAPTION)
    with tf.GradientTape() as tape:
        total = 0.0
        probabilities = []
        for clip in range(CLIPS):
            of_clip = []
            for caption in tokens:
                probability, before = 1.0, 1
                for place, word in enumerate(caption[:MAX_WORDS]):
                    if word == 0:
                        break
                    logits = captioner.table[clip, place, before]
                    allowed = tf.nn.softmax(
                        tf.gather(logits, [2, 4, 5, 6]) / temperature
                    )
                    probability *= allowed[[2, 4, 5, 6].index(word)]
                    before = word
                of_clip.append(probability)
            rewards = WordRewards().score(np.array([clip] * len(tokens)), tokens)
            total += tf.reduce_sum(tf.stack(of_clip) * rewards) / CLIPS
            probabilities.append(tf.stack(of_clip).numpy())
        loss = -total
    return tape.gradient(loss, captioner.table), np.array(probabilities)


def gradient_of(output_of, captioner: TableCaptioner) -> np.ndarray:
    with tf.GradientTape() as tape:
        loss = output_of().loss
    return tf.convert_to_tensor(tape.gradient(loss, captioner.table)).numpy()


def test_every_captions_probabilities_sum_to_one():
    _, probabilities = exact_expectation(TableCaptioner(CLIPS, MAX_WORDS, SIZE))
    assert probabilities.sum(axis=1) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("temperature", [1.0, 0.5])
def test_gradient_weighted_over_all_captions_is_that_of_the_expected_reward(
    monkeypatch, temperature
):
    captioner = TableCaptioner(CLIPS, MAX_WORDS, SIZE)
    exact, probabilities = exact_expectation(captioner, temperature)
    chosen = {}

    def search(config, step, state, memory, max_words, seed=None):
        tokens = tf.constant([[chosen["caption"]]], tf.int32)
        return Captions(tokens, tf.zeros([1, 1]), {}, tf.zeros(tokens.shape))

    monkeypatch.setattr(Sampling, "search", search)
    loss = objective(samples=1, baseline=GreedyBaseline(), temperature=temperature)
    total = np.zeros_like(exact)
    for clip in range(CLIPS):
        for caption, probability in zip(
            EVERY_CAPTION, probabilities[clip], strict=True
        ):
            chosen["caption"] = caption
            gradient = gradient_of(lambda: loss(captioner, batch([clip])), captioner)  # noqa: B023
            total += probability * gradient / CLIPS
    np.testing.assert_allclose(total, exact, atol=1e-6)


@pytest.mark.parametrize(
    ("baseline", "temperature"),
    [(GreedyBaseline(), 1.0), (LeaveOneOutBaseline(), 1.0), (GreedyBaseline(), 0.5)],
)
def test_sampled_gradient_is_within_five_standard_errors_of_the_exact_one(
    baseline, temperature
):
    captioner = TableCaptioner(CLIPS, MAX_WORDS, SIZE)
    exact, _ = exact_expectation(captioner, temperature)
    loss = objective(samples=4, baseline=baseline, temperature=temperature)
    both = batch([0, 1] * 64)

    @tf.function
    def gradient() -> tf.Tensor:
        with tf.GradientTape() as tape:
            value = loss(captioner, both).loss
        return tf.convert_to_tensor(tape.gradient(value, captioner.table))

    draws = []
    for step in range(200):
        loss._counters.step.assign(step)
        draws.append(gradient().numpy())
    mean, error = np.mean(draws, axis=0), np.std(draws, axis=0) / np.sqrt(len(draws))
    assert np.all(np.abs(mean - exact) <= 5 * error + 1e-6)
    assert np.abs(exact).max() > 20 * error.max()  # the comparison says something


@pytest.mark.parametrize("temperature", [1.0, 0.5])
def test_rescored_log_probability_is_that_of_drawing_the_caption(temperature):
    captioner = TableCaptioner(CLIPS, MAX_WORDS, SIZE)
    _, probabilities = exact_expectation(captioner, temperature)
    tokens = tf.constant([EVERY_CAPTION], tf.int32)  # (1, 13, 3)
    forced = captioner.teacher_force(TrainingBatch(batch([1]).video, tokens))
    found = self_critical.sequence_log_probs(forced, tokens[0], temperature)
    np.testing.assert_allclose(np.exp(found), probabilities[1], rtol=1e-5)


def test_leave_one_out_is_the_mean_of_the_others():
    rewards = tf.constant([[1.0, 2.0, 6.0]])
    value = LeaveOneOutBaseline().value(rewards, tf.zeros([1]))
    np.testing.assert_allclose(value, [[4.0, 3.5, 1.5]])


def test_leave_one_out_of_one_sample_is_refused():
    with pytest.raises(ConfigError, match="samples of 2 or more"):
        SelfCritical.from_dict({"samples": 1})


def test_samples_change_with_the_clock_and_repeat_at_the_same_step():
    captioner = TableCaptioner(CLIPS, MAX_WORDS, SIZE)
    loss = objective(samples=8)
    first = loss(captioner, batch([0, 1])).metrics["reward"]
    again = loss(captioner, batch([0, 1])).metrics["reward"]
    loss._counters.step.assign_add(1)
    later = loss(captioner, batch([0, 1])).metrics["reward"]
    assert float(first) == float(again) != float(later)


def test_cross_entropy_is_mixed_in_by_its_weight():
    captioner = TableCaptioner(CLIPS, MAX_WORDS, SIZE)
    pure = objective()(captioner, batch([0, 1]))
    mixed = objective(cross_entropy_weight=0.25)(captioner, batch([0, 1]))
    expected = 0.75 * pure.loss + 0.25 * mixed.metrics["cross_entropy"]
    assert float(mixed.loss) == pytest.approx(float(expected), rel=1e-5)
    assert "cross_entropy" not in pure.metrics


def test_training_on_cider_d_raises_the_reward():
    captioner = TableCaptioner(CLIPS, MAX_WORDS, SIZE)
    built = SelfCritical(reward=RewardConfig(cider_d=1.0)).build(context())
    optimizer = tf.keras.optimizers.Adam(0.1)

    @tf.function
    def step() -> tf.Tensor:
        with tf.GradientTape() as tape:
            output = built(captioner, batch([0, 1] * 8))
        gradient = tf.convert_to_tensor(tape.gradient(output.loss, captioner.table))
        optimizer.apply_gradients([(gradient, captioner.table)])
        built._counters.step.assign_add(1)
        return output.metrics["reward"]

    optimizer.build([captioner.table])
    rewards = [float(step()) for _ in range(60)]
    assert np.mean(rewards[-5:]) > 2 * np.mean(rewards[:5])
    greedy = Greedy().search(
        captioner.step,
        *captioner.start(captioner.encode(batch([0, 1]).video)),
        MAX_WORDS,
    )
    texts = VOCABULARY.decode(greedy.tokens[:, 0]).numpy().tolist()
    assert texts == [b"a b", b"c"]


def test_references_become_ids_clip_by_clip():
    ids = context().reference_ids()
    assert ids == {"0": [[4, 5, EOS]], "1": [[6, EOS, 0]]}
    assert RewardEngine(ids, RewardConfig()).score(["1"], np.array([[6, 2, 0]]))[0] > 0

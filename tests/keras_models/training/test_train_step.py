import math

import numpy as np
import pytest
import tensorflow as tf

from keras_models.objectives.objective import Objective, ObjectiveContext, StepCounters
from keras_models.presets import registry
from keras_models.presets.preset_training import PresetTrainingConfig
from keras_models.structs import LossOutput, TrainingBatch, VideoBatch
from keras_models.training.learning_rates import (
    ConstantRate,
    CosineRate,
    ExponentialRate,
)
from keras_models.training.optimizers import Adam, AdamW, RmsProp, Sgd
from keras_models.training.plan import Plan
from keras_models.training.schedule import Schedule
from keras_models.training.train_step import TrainStep, trained_weights
from tests.reference import optimizers
from tests.support.table_captioner import TableCaptioner
from transform.common.config import ConfigError
from transform.records.vocabulary import Vocabulary


class Weights:
    """As much of a captioner as a train step needs."""

    compute_dtype = "float32"

    def __init__(self) -> None:
        self.trainable_variables = [
            tf.Variable(tf.ones([2, 3]), name="captioner_1/encoder/layer/kernel"),
            tf.Variable(tf.ones([3]), name="captioner_1/encoder/layer/bias"),
            tf.Variable(tf.ones([4, 2]), name="captioner_1/decoder/words"),
        ]


class Slope(Objective):
    """A loss whose gradient is 3 everywhere, but for the words that were looked up."""

    def __call__(self, captioner, batch) -> LossOutput:
        kernel, bias, words = captioner.trainable_variables
        rows = tf.gather(words, batch)
        loss = 3 * (tf.reduce_sum(kernel) + tf.reduce_sum(bias) + tf.reduce_sum(rows))
        return LossOutput(loss, {"rows": tf.size(batch)})


XE = {"objective": {"kind": "cross_entropy"}}


def train_step(weights: Weights, steps: int = 10, **stage) -> TrainStep:
    settings = {"name": "only", "epochs": 1, "optimizer": Sgd(), "clip_norm": None}
    return TrainStep(
        weights, Schedule(**(settings | stage)), Slope(), StepCounters(), steps
    )


BATCH = tf.constant([1, 1, 3])


def test_an_update_goes_against_the_gradient_and_tells_the_loss():
    weights = Weights()
    values = train_step(weights, learning_rate=ConstantRate(rate=0.1))(BATCH)
    kernel, bias, words = (weight.numpy() for weight in weights.trainable_variables)
    np.testing.assert_allclose(kernel, 0.7, rtol=1e-6)
    np.testing.assert_allclose(bias, 0.7, rtol=1e-6)
    np.testing.assert_allclose(words[:, 0], [1, 0.4, 1, 0.7], rtol=1e-6)
    assert values["loss"] == pytest.approx(3 * (6 + 3 + 6))
    assert values["rows"] == 3


def test_the_norm_counts_a_word_that_occurs_twice_once_with_its_sum():
    norm = train_step(Weights())(BATCH)["gradient_norm"]
    assert norm == pytest.approx(math.sqrt(6 * 9 + 3 * 9 + 2 * 36 + 2 * 9))


def test_clipping_bounds_the_norm_of_all_gradients_together():
    weights = Weights()
    before = [weight.numpy() for weight in weights.trainable_variables]
    train_step(weights, clip_norm=2.0, learning_rate=ConstantRate(rate=1.0))(BATCH)
    moved = [b - w for b, w in zip(before, weights.trainable_variables, strict=True)]
    norm = math.sqrt(sum(float(tf.reduce_sum(step**2)) for step in moved))
    assert norm == pytest.approx(2.0, rel=1e-5)


def test_l2_pulls_at_all_weights_biases_included():
    plain, pulled = Weights(), Weights()
    rate = ConstantRate(rate=0.1)
    without = train_step(plain, learning_rate=rate)(BATCH)
    loss = train_step(pulled, learning_rate=rate, l2=0.5)(BATCH)["loss"]
    assert loss == pytest.approx(without["loss"] + 0.5 * (6 + 3 + 8) / 2)  # l · ½ Σ w²
    for ours, theirs in zip(
        plain.trainable_variables, pulled.trainable_variables, strict=True
    ):
        np.testing.assert_allclose(ours - theirs, 0.1 * 0.5, rtol=1e-5)  # rate · l · w


def test_mgsas_penalty_stands_beside_the_sum_of_a_captions_words():
    """Eq. 5 is −Σ_t log p(x_t): T words of probability 1/V lose T · log V."""
    (stage,) = registry.get("mgsa").plan.stages
    size, words = 7, 3
    captioner = TableCaptioner(1, words, size)
    captioner.table.assign(tf.fill(captioner.table.shape, 2.0))
    captioner.compute_dtype = "float32"
    tokens = tf.constant([[[4, 5, 6, 2]]])
    masks = {"clip": tf.ones([1, 1], tf.bool)}
    video = VideoBatch(tf.constant(["a"]), {"clip": tf.constant([[0]])}, masks)
    context = ObjectiveContext(Vocabulary("abc"), {}, words, StepCounters())
    step = TrainStep(
        captioner, stage, stage.objective.build(context), context.counters, 1
    )
    values = step(TrainingBatch(video, tokens))
    likelihood = (words + 1) * math.log(size)
    weights = 4 * (words + 1) * size * size / 2  # ½ Σ w²
    penalty = values["loss"] - values["cross_entropy"]
    assert values["cross_entropy"] == pytest.approx(likelihood, rel=1e-6)
    assert penalty / values["cross_entropy"] == pytest.approx(
        5e-5 * weights / likelihood, rel=1e-4
    )


def test_rmsprop_is_pytorchs():
    random = np.random.default_rng(0)
    gradients = random.normal(size=(30, 5)).astype(np.float32)
    gradients[:, 0] *= 1e-8  # where it matters on which side of the root ε stands
    gradients[3, 1] = 0
    weight = tf.Variable(random.normal(size=5).astype(np.float32))
    expected = optimizers.rmsprop(weight.numpy(), gradients, 0.01)
    optimizer = RmsProp().build(lambda: tf.constant(0.01))
    for gradient in gradients:
        optimizer.apply_gradients([(tf.constant(gradient), weight)])
    np.testing.assert_allclose(weight, expected, rtol=2e-5)


def test_gradients_are_clipped_only_where_a_stage_says_so():
    assert Schedule(name="any", epochs=1).clip_norm is None


def test_frozen_weights_stay_as_they_are():
    weights = Weights()
    train_step(weights, frozen=("^encoder/",))(BATCH)
    kernel, bias, words = weights.trainable_variables
    assert np.all(kernel.numpy() == 1)
    assert np.all(bias.numpy() == 1)
    assert not np.all(words.numpy() == 1)


def test_a_frozen_pattern_that_fits_nothing_is_refused():
    stage = Schedule(name="late", epochs=1, frozen=("encodre",))
    with pytest.raises(ConfigError, match=r"'encodre' fits no weight; .*decoder/words"):
        trained_weights(Weights(), stage)


def test_freezing_everything_is_refused():
    stage = Schedule(name="late", epochs=1, frozen=("coder",))
    with pytest.raises(ConfigError, match="stage late freezes every weight"):
        trained_weights(Weights(), stage)


@pytest.mark.parametrize("optimizer", [Sgd(momentum=0.9), Adam(), RmsProp(), AdamW()])
def test_reset_state_makes_the_next_update_as_the_first_one(optimizer):
    weights = Weights()
    step = train_step(weights, optimizer=optimizer)
    step(BATCH)
    first = [weight.numpy() for weight in weights.trainable_variables]
    step(BATCH)
    for weight in weights.trainable_variables:
        weight.assign(tf.ones_like(weight))
    step.reset_state()
    step(BATCH)
    for weight, expected in zip(weights.trainable_variables, first, strict=True):
        np.testing.assert_allclose(weight, expected, rtol=1e-6)


def test_with_float16_the_loss_is_scaled_and_the_update_is_not():
    weights = Weights()
    weights.compute_dtype = "float16"
    step = train_step(weights, learning_rate=ConstantRate(rate=0.1))
    values = step(BATCH)
    assert values["loss"] == pytest.approx(3 * (6 + 3 + 6))
    assert float(step.optimizer.loss_scale) > 1
    np.testing.assert_allclose(weights.trainable_variables[0], 0.7, rtol=1e-6)
    step.reset_state()


def test_replicas_apply_the_mean_of_their_gradients():
    strategy = tf.distribute.MirroredStrategy(["CPU:0"])
    with strategy.scope():
        weights = Weights()
        step = train_step(weights, learning_rate=ConstantRate(rate=0.1), clip_norm=1e9)
        dataset = tf.data.Dataset.from_tensors(BATCH)
        (batch,) = strategy.experimental_distribute_dataset(dataset)
        values = step(batch)
    assert values["loss"] == pytest.approx(3 * (6 + 3 + 6))
    np.testing.assert_allclose(weights.trainable_variables[0], 0.7, rtol=1e-6)


def test_adamw_shrinks_weights_by_decay_times_rate():
    decayed, plain = Weights(), Weights()
    rate = ConstantRate(rate=0.1)
    train_step(decayed, optimizer=AdamW(weight_decay=0.2), learning_rate=rate)(BATCH)
    train_step(plain, optimizer=Adam(), learning_rate=rate)(BATCH)
    for ours, theirs in zip(
        decayed.trainable_variables, plain.trainable_variables, strict=True
    ):
        np.testing.assert_allclose(theirs - ours, 0.1 * 0.2, rtol=1e-4)


def test_the_rate_follows_the_clock_and_the_scale():
    step = train_step(Weights(), learning_rate=ExponentialRate(rate=1.0, share=0.2))
    rates = []
    for _ in range(5):
        rates.append(float(step.rate()))
        step(BATCH)
    np.testing.assert_allclose(rates, [0.5 ** (n / 2) for n in range(5)], rtol=1e-6)
    step.rate_scale.assign(0.1)
    assert float(step.rate()) == pytest.approx(0.1 * 0.5**2.5)


def test_cosine_rises_and_falls():
    rule = CosineRate(rate=1.0, warmup=0.2, final=0.1)
    rates = [float(rule.at(tf.constant(step, tf.int64), 100)) for step in range(101)]
    np.testing.assert_allclose(rates[:20], [(n + 1) / 20 for n in range(20)], rtol=1e-6)
    assert rates[60] == pytest.approx(0.55)
    assert rates[100] == pytest.approx(0.1)
    assert rates[20:] == sorted(rates[20:], reverse=True)


def test_a_plan_says_what_is_wrong_with_it():
    with pytest.raises(ConfigError, match="a plan needs at least one stage"):
        Plan.from_dict({"stages": []})
    twice = [XE | {"name": "a", "epochs": epochs} for epochs in (1, 2)]
    with pytest.raises(ConfigError, match="stage names must differ"):
        Plan.from_dict({"stages": twice})
    wrong = [XE | {"name": "a", "epochs": 1, "frozen": ["("]}]
    with pytest.raises(ConfigError, match="not a regular expression"):
        Plan.from_dict({"stages": wrong})


def test_the_name_of_a_stage_chooses_no_objective():
    named = {"stages": [{"name": "self_critical", "epochs": 1}]}
    with pytest.raises(ConfigError, match=r"^key stages\[0\]\.objective is missing\.$"):
        Plan.from_dict(named)


def test_the_epochs_of_a_stage_are_set_by_its_name():
    plan = registry.PRESETS["stats"].plan
    longer = plan.with_epochs({"reinforce": 40})
    assert [stage.epochs for stage in longer.stages] == [10, 40]
    assert longer.with_epochs({"reinforce": 10}) == plan
    with pytest.raises(
        ConfigError, match="no stage 'rl'; its stages are cross_entropy, reinforce"
    ):
        plan.with_epochs({"rl": 1})
    with pytest.raises(ConfigError, match="epochs = 0"):
        plan.with_epochs({"reinforce": 0})


def test_a_training_names_the_epochs_of_its_presets_stages():
    config = PresetTrainingConfig(variant="stats", epochs={"cross_entropy": 40})
    assert [stage.epochs for stage in config.preset().plan.stages] == [40, 10]
    with pytest.raises(ConfigError, match="a whole number"):
        PresetTrainingConfig.from_dict({"epochs": {"cross_entropy": 1.5}})


def test_a_stage_with_an_unknown_objective_is_one_sentence():
    stages = [{"name": "a", "epochs": 1, "objective": {"kind": "reinforce"}}]
    with pytest.raises(
        ConfigError,
        match=r"^stages\[0\]\.objective = .*'reinforce'.* 'cross_entropy', 'self_crit",
    ):
        Plan.from_dict({"stages": stages})


def test_a_plan_survives_json():
    plan = Plan.from_dict(
        {
            "stages": [
                {
                    "name": "first",
                    "epochs": 3,
                    "optimizer": {"kind": "adamw", "weight_decay": 0.1},
                    "learning_rate": {"kind": "cosine", "rate": 1e-3},
                    "objective": {
                        "kind": "cross_entropy",
                        "scheduled_sampling": {"kind": "inverse_sigmoid", "eta": 24},
                    },
                },
                {"name": "second", "epochs": 1, "objective": {"kind": "self_critical"}},
            ]
        }
    )
    assert Plan.from_json(plan.to_json()) == plan

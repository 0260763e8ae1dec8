"""Which weights a plan's stages begin with, keep and return, by scripted scores."""

from typing import NamedTuple

import pytest
import tensorflow as tf

from keras_models.objectives.objective import (
    Objective,
    ObjectiveContext,
    StepCounters,
)
from keras_models.structs import LossOutput
from keras_models.training.callbacks.callback import Callback
from keras_models.training.checkpoints import open_run
from keras_models.training.guards import CaptionGuards, TrainingError
from keras_models.training.learning_rates import ConstantRate
from keras_models.training.monitor import Monitor
from keras_models.training.optimizers import Sgd
from keras_models.training.schedule import Schedule
from keras_models.training.trainer import Trainer, TrainerStage
from keras_models.training.validation_result import (
    CaptionSample,
    ValidationMetrics,
    ValidationResult,
)
from transform.records.vocabulary import Vocabulary

CIDER_D = Monitor.from_setting("cider_d")
LOSS = Monitor.from_setting("loss")


class Count(Objective):
    """Adds 1 to the model's weight at every step; `form` is what it makes of it."""

    def __init__(self, form: int):
        super().__init__(name="count")
        self._form = form

    def __call__(self, captioner, batch) -> LossOutput:
        return LossOutput(-tf.reduce_sum(captioner.weight), {})

    def on_stage_begin(self, captioner) -> bool:
        changes = int(captioner.form.numpy()) != self._form
        captioner.form.assign(self._form)
        return changes


class Counter(tf.keras.Model):
    """A model that counts its steps, and has a form as VRE's phases are."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = self.add_weight("weight", (), initializer="zeros")
        self.form = self.add_weight("form", (), tf.int64, trainable=False)


class Batches:
    """Two batches an epoch."""

    steps_per_epoch = 2

    def epoch(self, epoch: int, first_step: int) -> tf.data.Dataset:
        return tf.data.Dataset.range(first_step, 2)


class Told(Callback):
    """Remembers what the run says."""

    def __init__(self) -> None:
        self.messages: list[str] = []

    def on_message(self, text: str) -> None:
        self.messages.append(text)


class Outcome(NamedTuple):
    best: ValidationMetrics
    steps: float  # that the returned weights have taken
    form: int
    history: list[dict]
    messages: list[str]


def stage(name: str, monitor: Monitor = CIDER_D, form: int = 0) -> TrainerStage:
    """Two epochs of a stage."""
    schedule = Schedule(
        name=name,
        epochs=2,
        optimizer=Sgd(),
        learning_rate=ConstantRate(rate=1.0),
        clip_norm=None,
    )
    return TrainerStage(schedule, lambda context: Count(form), monitor)


def run(folder, stages: list[TrainerStage], *values: float, distinct=9) -> Outcome:
    """Trains while validation returns one value after another of what it is asked."""
    left, told = list(values), Told()

    def validate(monitor: Monitor) -> ValidationResult:
        (name,) = monitor.weights
        metrics = {"CIDEr-D": 0.0, "distinct_captions": distinct, "bad_endings": 0.0}
        samples = (CaptionSample("clip", "a man", ("a dog",)),) * 2
        return ValidationResult(metrics | {name: left.pop(0)}, samples)

    model = Counter()
    trainer = Trainer(
        model,
        stages,
        ObjectiveContext(Vocabulary("abc"), {}, 2, StepCounters()),
        Batches(),
        validate,
        open_run(str(folder), {}),
        seed=0,
        guards=CaptionGuards(),
        checkpoint_steps=100,
        callbacks=[told],
    )
    best = trainer.train()
    assert not left
    return Outcome(
        best,
        float(model.weight.numpy()),
        int(model.form.numpy()),
        trainer.state.logs,
        told.messages,
    )


def test_a_stage_counts_only_if_it_beats_all_before_it(tmp_path):
    stages = [stage("cross_entropy"), stage("self_critical")]
    outcome = run(tmp_path, stages, 0.40, 0.50, 0.45, 0.49)
    assert outcome.steps == 4  # of cross-entropy
    assert [row["best"] for row in outcome.history] == [True, True, False, False]
    assert outcome.messages == [
        "Stage self_critical did not improve on its first weights; they are kept, with "
        "CIDEr-D 0.500."
    ]


def test_a_stage_that_improves_says_nothing(tmp_path):
    outcome = run(tmp_path, [stage("a"), stage("b")], 0.40, 0.50, 0.45, 0.51)
    assert outcome.steps == 8
    assert outcome.messages == []


def test_a_stage_that_makes_another_model_competes_with_itself_alone(tmp_path):
    stages = [
        stage("first_step"),
        stage("joint", form=1),
        stage("kept_key_frames", form=2),
        stage("reinforce", form=2),
    ]
    values = (0.20, 0.30, 0.40, 0.50, 0.45, 0.48, 0.47, 0.46)
    outcome = run(tmp_path, stages, *values)
    assert outcome.form == 2
    assert outcome.best.score == 0.48
    assert outcome.steps == 12
    best = [row["best"] for row in outcome.history]
    assert best == [True] * 6 + [False] * 2
    (message,) = outcome.messages
    assert message.startswith("Stage reinforce did not improve")


def test_another_model_without_usable_weights_is_no_result(tmp_path):
    stages = [stage("first_step"), stage("joint", form=1)]
    with pytest.raises(
        TrainingError, match=r"stage joint left no usable weights \(CIDEr-D is nan\)"
    ):
        run(tmp_path, stages, 0.2, 0.3, float("nan"), float("nan"))


def test_a_stage_with_another_monitor_has_to_improve_on_its_start(tmp_path):
    stages = [stage("first"), stage("second", LOSS)]
    kept = run(tmp_path / "kept", stages, 0.40, 0.50, 2.0, 2.2, 2.1)
    assert kept.steps == 4
    assert kept.messages == [
        "Stage second begins with weights of validation_loss 2.000.",
        "Stage second did not improve on its first weights; they are kept, with "
        "validation_loss 2.000.",
    ]
    better = run(tmp_path / "better", stages, 0.40, 0.50, 2.0, 1.9, 2.1)
    assert better.steps == 6
    assert better.best.score == -1.9


def test_one_caption_for_all_clips_is_said_once_a_stage(tmp_path):
    outcome = run(tmp_path, [stage("a"), stage("b")], 0.1, 0.2, 0.3, 0.4, distinct=1)
    assert [message.partition(": ")[::2] for message in outcome.messages] == [
        (f"Stage {name}, epoch 2", outcome.messages[0].partition(": ")[2])
        for name in "ab"
    ]
    assert "all validation clips have the caption “a man”" in outcome.messages[0]
    assert not any(row["problem"] for row in outcome.history)

"""The training loop: a plan's stages, from the first step to the best weights."""

from __future__ import annotations

import hashlib
import os
import pathlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Optional

import tensorflow as tf

from keras_models.captioner import Captioner
from keras_models.captioner_config import CaptionerConfig
from keras_models.captioning_model import CaptioningModel
from keras_models.data.records import RecordDataset, TrainingBatches
from keras_models.inference.precision import Precision
from keras_models.objectives.objective import ObjectiveContext, StepCounters
from keras_models.training import (
    checkpoints,
    distribution,
    pretrained_embeddings,
    warm_start,
)
from keras_models.training.callbacks.callback import (
    Callback,
    CallbackList,
    EpochLog,
    TrainBegin,
    ValidationEnd,
)
from keras_models.training.callbacks.history import HistoryFiles
from keras_models.training.checkpoints import Checkpoints, TrainerState
from keras_models.training.distribution import Distribution, OneDevice
from keras_models.training.epoch import Epoch
from keras_models.training.guards import Guards, TrainingError
from keras_models.training.plan import Plan, Stage
from keras_models.training.train_step import TrainStep, trained_weights
from keras_models.training.validation import ValidationConfig, Validator
from transform.common.config import Config, Field
from transform.common.precision import dtype_policy
from transform.records.vocabulary import Vocabulary
from transform.schema import FeatureSpec


class TrainingConfig(Config):
    """The settings of a training besides its model, its plan and its data."""

    batch_size: int = Field(32, ge=1)  # clips; MGSA Sec. 4.2
    captions_per_clip: int = Field(5, ge=1)
    max_words: int = Field(20, ge=1)
    word_vectors: Optional[str] = None  # a file in word2vec's format to begin with
    seed: int = Field(0, ge=0)
    validation: ValidationConfig = ValidationConfig()
    precision: Precision = "float32"
    distribution: Distribution = OneDevice()
    checkpoint_steps: int = Field(200, ge=1)  # besides every epoch's end
    guards: Guards = Guards()


class TrainingResult(NamedTuple):
    """What `train` returns."""

    model: CaptioningModel[Captioner]  # with its best weights
    score: float  # their validation CIDEr-D
    history: tuple[EpochLog, ...]  # one row an epoch
    folder: str  # of the run


def train(
    config: TrainingConfig,
    model: CaptionerConfig,
    plan: Plan,
    spec: FeatureSpec,
    train_files: Iterable[str | pathlib.Path],
    val_files: Iterable[str | pathlib.Path],
    vocabulary: Vocabulary,
    workdir: str | pathlib.Path,
    callbacks: Sequence[Callback] = (),
    init_checkpoint: str | pathlib.Path | None = None,
) -> TrainingResult:
    """Trains a captioner; called again after a kill, it goes on where it was.

    On one CPU device the result is then the same bit for bit. A run lives in
    `workdir/<digest>`, where the digest is that of the settings, the model, the
    plan, the specification, the vocabulary, the clips and the first weights: other
    settings are another run in another folder.

    Args:
        config: The settings of the training.
        model: The captioner to build.
        plan: The stages of its training.
        spec: What the features are made by.
        train_files: TFRecord files of the training clips, or patterns.
        val_files: The same of the validation clips.
        vocabulary: The words.
        workdir: A folder that outlives the process.
        callbacks: Told of everything; the history files are always written.
        init_checkpoint: A folder that `CaptioningModel.save` wrote; training starts
            from its weights.

    Raises:
        TrainingError: No usable weights came out.
        DataError, SpecMismatchError, CheckpointError, WarmStartError,
        WordVectorsError: As they say.
    """
    strategy = config.distribution.strategy()
    chief = distribution.is_chief(strategy)
    events = CallbackList([HistoryFiles(), *callbacks] if chief else [])
    clips = RecordDataset(train_files, spec), RecordDataset(val_files, spec)
    identity = _identity(config, model, plan, spec, vocabulary, *clips, init_checkpoint)
    folder = checkpoints.open_run(os.fspath(workdir), identity)
    with dtype_policy(config.precision), strategy.scope():
        run = _Run(config, model, plan, spec, clips, vocabulary, folder, events, chief)
        try:
            run.start(init_checkpoint)
            return run.finish()
        finally:
            events.on_train_end()


class _Run:
    """A run in progress."""

    def __init__(
        self,
        config: TrainingConfig,
        model: CaptionerConfig,
        plan: Plan,
        spec: FeatureSpec,
        clips: tuple[RecordDataset, RecordDataset],
        vocabulary: Vocabulary,
        folder: str,
        callbacks: Callback,
        chief: bool,
    ):
        training, validation = clips
        self._config = config
        self._stages = plan.stages
        self._folder = folder
        self._callbacks = callbacks
        tf.keras.utils.set_random_seed(config.seed)
        self._captioner = Captioner(
            model, spec, len(vocabulary), config.max_words
        ).build_from_spec()
        self._model = CaptioningModel(self._captioner, vocabulary)
        self._batches = TrainingBatches(
            training,
            vocabulary,
            model.features(),
            batch_size=config.batch_size,
            captions_per_clip=config.captions_per_clip,
            max_words=config.max_words,
            seed=config.seed,
        )
        self._validator = Validator(self._model, config.validation, validation)
        self._counters = StepCounters()
        self._context = ObjectiveContext(
            vocabulary, training.references, config.max_words, self._counters
        )
        self._progress = TrainerState()
        self._checkpoints = Checkpoints(
            folder, self._captioner, self._progress, writes=chief
        )
        self._epoch = Epoch(
            self._progress, self._checkpoints, config.checkpoint_steps, callbacks
        )

    def start(self, init_checkpoint: str | pathlib.Path | None) -> None:
        """Finds out how far the run has come, or gives it its first weights."""
        progress = self._progress
        resumed = self._checkpoints.peek()
        counts = [self._steps(stage) for stage in self._stages]
        finished = sum(counts[: progress.stage])
        if progress.stage_done:
            finished += counts[progress.stage]
        else:
            finished += progress.epoch * self._batches.steps_per_epoch + progress.step
        names = [stage.name for stage in self._stages]
        stages = tuple(zip(names, counts, strict=True))
        self._callbacks.on_train_begin(TrainBegin(self._folder, stages, finished))
        if resumed:
            self._callbacks.on_message(
                f"The run in {self._folder} goes on after {progress.steps} steps."
            )
            return
        if difference := checkpoints.difference_from_latest(self._folder):
            self._callbacks.on_message(
                f"A new run in {self._folder}: it differs from the one before in "
                f"{difference}."
            )
        if init_checkpoint is not None:
            known = warm_start.copy_weights(init_checkpoint, self._model)
            found = self._validator()
            progress.keep(found.metrics)
            score = found.metrics.score
            self._callbacks.on_message(
                f"Begins with the weights in {init_checkpoint}, which know {known} of "
                f"{len(self._model.vocabulary)} words: CIDEr-D {score:.3f}."
            )
        elif vectors := self._config.word_vectors:
            known = pretrained_embeddings.assign(vectors, self._model)
            self._callbacks.on_message(
                f"{known} of {len(self._model.vocabulary)} words begin with the "
                f"vectors in {vectors}."
            )
        self._checkpoints.save_best()

    def finish(self) -> TrainingResult:
        """Runs what is left of the plan, and takes the best weights."""
        progress = self._progress
        while True:
            if not progress.stage_done:
                self._run_stage(self._stages[progress.stage])
            if progress.best_score < 0:
                raise TrainingError(
                    f"stage {self._stages[progress.stage].name} left no usable "
                    f"weights ({progress.problem}); lower its learning rate."
                )
            if progress.stage + 1 == len(self._stages):
                break
            progress.begin_stage(progress.stage + 1)
        self._checkpoints.restore_best()
        return TrainingResult(
            self._model, progress.best_score, tuple(progress.rows), self._folder
        )

    def _run_stage(self, stage: Stage) -> None:
        progress = self._progress
        objective = self._objective = stage.objective.build(self._context)
        updater = TrainStep(
            self._captioner, stage, objective, self._counters, self._steps(stage)
        )
        average = self._average = stage.averaging.build(
            trained_weights(self._captioner, stage)
        )
        self._checkpoints.begin_stage(
            optimizer=updater.optimizer,
            objective=objective,
            counters=self._counters,
            average=average,
        )
        if progress.stage_begun:
            self._checkpoints.restore()
        else:
            self._checkpoints.restore_best()
            objective.on_stage_begin(self._captioner)
            average.reset()
            self._counters.restart(self._config.seed, progress.stage)
            progress.stage_begun = True
        updater.rate_scale.assign(progress.rate_scale)
        while not progress.stage_done:
            self._run_epoch(stage, updater)
            self._checkpoints.save()

    def _run_epoch(self, stage: Stage, updater: TrainStep) -> None:
        progress = self._progress
        self._counters.epoch.assign(progress.epoch)
        before = sum(earlier.epochs for earlier in self._stages[: progress.stage])
        batches = self._batches.epoch(before + progress.epoch, progress.step)
        strategy = tf.distribute.get_strategy()
        row, problem = self._epoch.run(
            stage.name,
            strategy.experimental_distribute_dataset(batches),
            updater,
            self._after_update,
        )
        last = progress.epoch == stage.epochs
        if not problem and (last or progress.epoch % stage.validate_every == 0):
            with self._average.swap_in():
                problem = self._validate(stage, row)
        progress.stage_done |= last
        if problem:
            self._roll_back(stage, updater, problem)
        progress.rows.append({**row, "problem": problem})
        self._callbacks.on_epoch_end(progress.rows)

    def _after_update(self, values: Mapping[str, float]) -> str:
        self._average.update()
        return self._config.guards.check_step(values)

    def _validate(self, stage: Stage, row: dict[str, Any]) -> str:
        """Adds the scores to `row`; returns what is wrong, '' if nothing."""
        progress = self._progress
        found = self._validator()
        metrics = found.metrics
        best = metrics.score > progress.best_score
        row |= {
            "CIDEr-D": metrics.score,
            "distinct_captions": metrics.distinct,
            "bad_endings": metrics.bad_endings,
        }
        self._callbacks.on_validation_end(
            ValidationEnd(
                stage.name,
                row["epoch"],
                progress.steps,
                *metrics,
                best,
                found.samples,
            )
        )
        if problem := self._config.guards.check_captions(metrics, progress.best):
            return problem
        progress.wait += 1
        if best:
            progress.wait = 0
            progress.keep(metrics)
            self._checkpoints.save_best()
        if stage.patience and progress.wait >= stage.patience:
            progress.stage_done = True
            self._callbacks.on_message(
                f"Stage {stage.name} ends after epoch {progress.epoch}: no progress "
                f"in {progress.wait} validations."
            )
        return ""

    def _roll_back(self, stage: Stage, updater: TrainStep, problem: str) -> None:
        progress = self._progress
        progress.problem = problem
        what = f"Stage {stage.name}, epoch {progress.epoch}: {problem}"
        if progress.rollbacks == self._config.guards.rollbacks or progress.stage_done:
            progress.stage_done = True
            self._callbacks.on_message(
                f"{what}; the stage ends with its best weights so far."
            )
            return
        progress.rollbacks += 1
        progress.rate_scale *= self._config.guards.rate_factor
        updater.rate_scale.assign(progress.rate_scale)
        updater.reset_state()
        self._checkpoints.restore_best()
        self._objective.on_stage_begin(self._captioner)
        self._average.reset()
        self._callbacks.on_message(
            f"{what}; back to the best weights with {self._config.guards.rate_factor} "
            "times the learning rate."
        )

    def _steps(self, stage: Stage) -> int:
        return stage.epochs * self._batches.steps_per_epoch


def _identity(
    config: TrainingConfig,
    model: CaptionerConfig,
    plan: Plan,
    spec: FeatureSpec,
    vocabulary: Vocabulary,
    training: RecordDataset,
    validation: RecordDataset,
    init_checkpoint: str | pathlib.Path | None,
) -> dict[str, Any]:
    """Everything that a run's outcome depends on, as plain JSON."""
    settings = config.to_dict()
    return {
        # Not the name of a preset: what it stands for is in the model and the plan.
        "training": {name: settings[name] for name in TrainingConfig.__fields__},
        "model": model.to_dict(),
        "plan": plan.to_dict(),
        "specification": spec.content_hash,
        "vocabulary": vocabulary.digest,
        "training_clips": training.digest,
        "validation_clips": validation.digest,
        "first_weights": _folder_digest(init_checkpoint) if init_checkpoint else "",
        "word_vectors_bytes": (
            pretrained_embeddings.size(config.word_vectors)
            if config.word_vectors
            else 0
        ),
    }


def _folder_digest(folder: str | pathlib.Path) -> str:
    digest = hashlib.sha256()
    for where, _, names in sorted(tf.io.gfile.walk(os.fspath(folder))):
        for name in sorted(names):
            with tf.io.gfile.GFile(os.path.join(where, name), "rb") as file:
                digest.update(name.encode() + file.read())
    return digest.hexdigest()[:16]

"""Training of a relevance model."""

from __future__ import annotations

import math
import os
import pathlib
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Optional

import numpy as np
import tensorflow as tf

from keras_models.data.records import RecordDataset, TrainingBatches
from keras_models.ensembling.relevance import retrieval
from keras_models.ensembling.relevance.model import RelevanceConfig, RelevanceModel
from keras_models.ensembling.relevance.ranking_loss import Ranking
from keras_models.ensembling.relevance.retrieval import Retrieval
from keras_models.objectives.objective import StepCounters
from keras_models.training import checkpoints
from keras_models.training.callbacks.callback import (
    Callback,
    CallbackList,
    EpochLog,
    TrainBegin,
)
from keras_models.training.callbacks.history import HistoryFiles
from keras_models.training.checkpoints import Checkpoints, TrainerState
from keras_models.training.epoch import Epoch
from keras_models.training.guards import TrainingError
from keras_models.training.learning_rates import ConstantRate
from keras_models.training.schedule import Schedule
from keras_models.training.train_step import TrainStep
from transform.common.config import Config, Field
from transform.records.vocabulary import Vocabulary
from transform.schema import FeatureSpec

EMBEDDED_AT_ONCE = 256  # captions


class RelevanceTraining(Config):
    """Everything that decides a relevance model's weights, besides its data.

    Chen et al. (2019) give no settings; these are those of VSE++.
    """

    relevance: RelevanceConfig = RelevanceConfig()
    objective: Ranking = Ranking()
    schedule: Schedule = Schedule(
        name="relevance",
        epochs=30,
        learning_rate=ConstantRate(rate=2e-4),
        clip_norm=2.0,
    )
    batch_size: int = Field(128, ge=2)  # clips: negatives are within a batch
    captions_per_clip: int = Field(1, ge=1)
    max_words: int = Field(20, ge=1)
    seed: int = Field(0, ge=0)
    validation_clips: Optional[int] = Field(1000, ge=1)  # the first ones
    checkpoint_steps: int = Field(200, ge=1)  # besides every epoch's end


class RelevanceResult(NamedTuple):
    """What `train_relevance` returns."""

    model: RelevanceModel  # with its best weights
    score: float  # their mean reciprocal rank on the validation clips
    history: tuple[EpochLog, ...]  # one row an epoch
    folder: str  # of the run


def train_relevance(
    config: RelevanceTraining,
    spec: FeatureSpec,
    train_files: Iterable[str | pathlib.Path],
    val_files: Iterable[str | pathlib.Path],
    vocabulary: Vocabulary,
    workdir: str | pathlib.Path,
    callbacks: Sequence[Callback] = (),
) -> RelevanceResult:
    """Trains a relevance model; called again after a kill, it goes on where it was.

    A run lives in `workdir/<digest>`, as with `keras_models.training.trainer.train`.

    Args:
        config: The settings.
        spec: What the features are made by.
        train_files: TFRecord files of the training clips, or patterns.
        val_files: The same of the validation clips.
        vocabulary: The words.
        workdir: A folder that outlives the process.
        callbacks: Told of everything; the history files are always written.

    Raises:
        TrainingError: The loss is no number any more.
        DataError, SpecMismatchError, CheckpointError: As they say.
    """
    training, validation = (
        RecordDataset(train_files, spec),
        RecordDataset(val_files, spec),
    )
    identity = {
        "relevance_training": config.to_dict(),
        "specification": spec.content_hash,
        "vocabulary": vocabulary.digest,
        "training_clips": training.digest,
        "validation_clips": validation.digest,
    }
    folder = checkpoints.open_run(os.fspath(workdir), identity)
    events = CallbackList([HistoryFiles(), *callbacks])
    run = _Run(config, vocabulary, (training, validation), folder, events)
    try:
        return run.finish()
    finally:
        events.on_train_end()


class _Run:
    """A run in progress."""

    def __init__(
        self,
        config: RelevanceTraining,
        vocabulary: Vocabulary,
        clips: tuple[RecordDataset, RecordDataset],
        folder: str,
        callbacks: Callback,
    ):
        training, validation = clips
        self._config = config
        self._schedule = config.schedule
        self._folder = folder
        self._callbacks = callbacks
        tf.keras.utils.set_random_seed(config.seed)
        self._model = RelevanceModel(
            config.relevance, training.spec, len(vocabulary), config.max_words
        ).build_from_spec()
        self._batches = TrainingBatches(
            training,
            vocabulary,
            config.relevance.features(),
            batch_size=config.batch_size,
            captions_per_clip=config.captions_per_clip,
            max_words=config.max_words,
            seed=config.seed,
        )
        self._validate = Validator(self._model, vocabulary, validation, config)
        self._steps = self._schedule.epochs * self._batches.steps_per_epoch
        self._progress = TrainerState()
        counters = StepCounters()
        self._updater = TrainStep(
            self._model, self._schedule, config.objective.build(), counters, self._steps
        )
        self._checkpoints = Checkpoints(folder, self._model, self._progress)
        self._checkpoints.begin_stage(
            optimizer=self._updater.optimizer, counters=counters
        )
        self._epoch = Epoch(
            self._progress, self._checkpoints, config.checkpoint_steps, callbacks
        )

    def finish(self) -> RelevanceResult:
        """Runs what is left of the schedule, and takes the best weights."""
        progress, schedule = self._progress, self._schedule
        if self._checkpoints.peek():
            self._checkpoints.restore()
        stages = ((schedule.name, self._steps),)
        self._callbacks.on_train_begin(TrainBegin(self._folder, stages, progress.steps))
        while progress.epoch < schedule.epochs and not progress.stage_done:
            batches = self._batches.epoch(progress.epoch, progress.step)
            row, _ = self._epoch.run(schedule.name, batches, self._updater, self._check)
            last = progress.epoch == schedule.epochs
            if last or progress.epoch % schedule.validate_every == 0:
                row |= self._keep_best()._asdict()
            progress.rows.append(row)
            self._callbacks.on_epoch_end(progress.rows)
            self._checkpoints.save()
        self._checkpoints.restore_best()
        return RelevanceResult(
            self._model, progress.best_score, tuple(progress.rows), self._folder
        )

    def _check(self, values: Mapping[str, float]) -> str:
        if not math.isfinite(values["loss"]):
            raise TrainingError(
                f"the loss of step {self._progress.steps} is {values['loss']}; lower "
                "the learning rate."
            )
        return ""

    def _keep_best(self) -> Retrieval:
        """Validates; keeps the weights if they are the best ones so far."""
        progress, found = self._progress, self._validate()
        progress.wait += 1
        if found.mean_reciprocal_rank > progress.best_score:
            progress.wait = 0
            progress.best_score = found.mean_reciprocal_rank
            self._checkpoints.save_best()
        self._callbacks.on_message(
            f"{self._schedule.name}, epoch {progress.epoch}: of the validation "
            f"captions {found.clip_recall:.1%} find their clip first, of the clips "
            f"{found.caption_recall:.1%} a caption of theirs."
        )
        patience = self._schedule.patience
        progress.stage_done = patience is not None and progress.wait >= patience
        return found


class Validator:
    """Retrieves the validation clips by their captions, and back.

    Args:
        model: Its current weights count at every call.
        vocabulary: Its words.
        clips: Those without captions are left out.
        config: How many clips, and how long their captions.
    """

    def __init__(
        self,
        model: RelevanceModel,
        vocabulary: Vocabulary,
        clips: RecordDataset,
        config: RelevanceTraining,
    ):
        self._references = clips.references
        self._videos = clips.videos(
            config.batch_size, model.config.features(), config.validation_clips
        )
        self._encode = lambda texts: vocabulary.encode(texts, config.max_words)
        self._embed_videos = tf.function(model.embed_videos, reduce_retracing=True)
        self._embed_sentences = tf.function(
            model.embed_sentences, reduce_retracing=True
        )

    def __call__(self) -> Retrieval:
        """Embeds all clips and captions, and ranks them."""
        videos: list[np.ndarray] = []
        texts: list[str] = []
        own: list[int] = []
        for video in self._videos:
            embedded = self._embed_videos(video).numpy()
            for video_id, vector in zip(video.video_id.numpy(), embedded, strict=True):
                captions = self._references.get(video_id.decode(), ())
                if captions:
                    own += [len(videos)] * len(captions)
                    texts += captions
                    videos.append(vector)
        sentences = [
            self._embed_sentences(
                self._encode(tf.constant(texts[first : first + EMBEDDED_AT_ONCE]))[None]
            )[0]
            for first in range(0, len(texts), EMBEDDED_AT_ONCE)
        ]
        scores = np.stack(videos) @ np.concatenate(sentences).T  # (B, R)
        rows = np.array(own)
        related = retrieval.same_texts(rows, texts, len(videos))
        return retrieval.measure(scores, rows, related)

"""Training of a relevance model, by the trainer that captioners have."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Iterable, Sequence
from typing import NamedTuple, Optional

import tensorflow as tf

from keras_models.data.records import RecordDataset
from keras_models.data.training_batches import (
    BatchConfig,
    ClipBatches,
    PairBatches,
    TrainingBatches,
)
from keras_models.ensembling.relevance.model import RelevanceConfig, RelevanceModel
from keras_models.ensembling.relevance.ranking_loss import Ranking
from keras_models.ensembling.relevance.validation import MONITOR, RetrievalValidator
from keras_models.inference.precision import Precision
from keras_models.objectives.objective import ObjectiveContext, StepCounters
from keras_models.training import checkpoints
from keras_models.training.callbacks.callback import Callback, EpochLog
from keras_models.training.distribution import Distribution, OneDevice
from keras_models.training.guards import Guards
from keras_models.training.learning_rates import ConstantRate
from keras_models.training.schedule import Schedule
from keras_models.training.trainer import Trainer, TrainerStage
from transform.common.config import Config, Field, validator
from transform.common.precision import dtype_policy
from transform.records.vocabulary import Vocabulary
from transform.schema import FeatureSpec


class RelevanceTraining(Config):
    """Everything that decides a relevance model's weights, besides its data.

    Chen et al. (2019) give no settings; the defaults are those of VSE++.
    """

    relevance: RelevanceConfig = RelevanceConfig()  # the model
    objective: Ranking = Ranking()  # the ranking loss
    # epochs, optimizer and rate
    schedule: Schedule = Schedule(
        name="relevance",
        epochs=30,
        learning_rate=ConstantRate(rate=2e-4),
        clip_norm=2.0,
    )
    # negatives are within a batch, which therefore needs a size of 2 or more
    batch: BatchConfig = ClipBatches(size=128, captions=1)
    max_words: int = Field(20, ge=1)  # longer sentences are cut
    seed: int = Field(0, ge=0)  # of the first weights and the order of clips
    validation_clips: Optional[int] = Field(1000, ge=1)  # the first ones
    checkpoint_steps: int = Field(200, ge=1)  # besides every epoch's end
    precision: Precision = "float32"  # that the model computes in
    distribution: Distribution = OneDevice()  # negatives are within a replica's share
    guards: Guards = Guards()  # against divergence

    @validator("batch")
    def _has_negatives(
        cls, batch: PairBatches | ClipBatches
    ) -> PairBatches | ClipBatches:
        if batch.size < 2:
            raise ValueError("size must be 2 or more: negatives are within a batch")
        return batch


class RelevanceResult(NamedTuple):
    """A trained relevance model with the history of its run."""

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
    """Trains a relevance model; called again after a kill, it resumes the run.

    A run lives in `workdir/<digest>`, as that of a captioner does.

    Args:
        config: Everything that decides the weights, besides the data.
        spec: The feature specification of the records.
        train_files: TFRecord files of the training clips, or patterns.
        val_files: TFRecord files of the validation clips, or patterns.
        vocabulary: The vocabulary whose ids the model reads.
        workdir: A folder that outlives the process.
        callbacks: Called with the events of the run; history files are always written.

    Raises:
        TrainingError: Training left no usable weights.
        DataError: Records are absent, empty or broken.
        SpecMismatchError: Records were extracted by another specification.
        CheckpointError: A checkpoint cannot be written or read.
    """
    strategy = config.distribution.strategy()
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
    with dtype_policy(config.precision), strategy.scope():
        tf.keras.utils.set_random_seed(config.seed)
        model = RelevanceModel(
            config.relevance, spec, len(vocabulary), config.max_words
        ).build_from_spec()
        trainer = Trainer(
            model,
            [TrainerStage(config.schedule, config.objective.build, MONITOR)],
            ObjectiveContext(
                vocabulary, training.references, config.max_words, StepCounters()
            ),
            TrainingBatches(
                training,
                vocabulary,
                config.relevance.features(),
                config.batch,
                max_words=config.max_words,
                seed=config.seed,
            ),
            RetrievalValidator(
                model,
                vocabulary,
                validation,
                config.batch.size,
                config.validation_clips,
            ),
            folder,
            seed=config.seed,
            guards=config.guards,
            checkpoint_steps=config.checkpoint_steps,
            callbacks=callbacks,
        )
        best = trainer.train()
    return RelevanceResult(model, best.score, tuple(trainer.state.logs), folder)

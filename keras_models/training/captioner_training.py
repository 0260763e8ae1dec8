"""Training of a captioner: its settings, its initial weights and its run."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, Optional

import tensorflow as tf

from keras_models.captioner import Captioner
from keras_models.captioner_config import CaptionerConfig
from keras_models.captioning_model import CaptioningModel
from keras_models.data.records import RecordDataset
from keras_models.data.training_batches import BatchConfig, PairBatches, TrainingBatches
from keras_models.inference.precision import Precision
from keras_models.objectives.objective import ObjectiveContext, StepCounters
from keras_models.training import (
    checkpoints,
    pretrained_embeddings,
    warm_start,
)
from keras_models.training.callbacks.callback import Callback, EpochLog
from keras_models.training.distribution import Distribution, OneDevice
from keras_models.training.guards import CIDER_D, CaptionGuards
from keras_models.training.monitor import Monitor
from keras_models.training.plan import Plan
from keras_models.training.pretrained_embeddings import WordVectors, WordVectorSource
from keras_models.training.trainer import InitialWeights, Trainer, TrainerStage
from keras_models.training.validation import CaptionValidator, ValidationConfig
from keras_models.training.validation_result import ValidationMetrics
from transform.common import storage
from transform.common.config import Config, Field
from transform.common.precision import dtype_policy
from transform.records.vocabulary import Vocabulary
from transform.schema import FeatureSpec


class TrainingConfig(Config):
    """The settings of a training besides its model, its plan and its data."""

    batch: BatchConfig = PairBatches()  # what an update sees, and what an epoch counts
    max_words: int = Field(20, ge=1)  # longer captions are cut
    # what the embeddings of words begin with; null for random vectors
    word_vectors: Optional[WordVectorSource] = None
    seed: int = Field(0, ge=0)  # of the first weights, the order of clips and dropout
    validation: ValidationConfig = ValidationConfig()  # how the best weights are told
    precision: Precision = "float32"  # that the model computes in
    distribution: Distribution = OneDevice()  # over which devices
    checkpoint_steps: int = Field(200, ge=1)  # besides every epoch's end
    guards: CaptionGuards = CaptionGuards()  # against divergence and collapse


class TrainingResult(NamedTuple):
    """A trained captioner with the history of its run."""

    model: CaptioningModel[Captioner]  # with its best weights
    score: float  # their validation CIDEr-D, whatever was monitored
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
    """Trains a captioner; called again after a kill, it resumes the run.

    On one CPU device the result is then the same bit for bit. A run lives in
    `workdir/<digest>`, where the digest is that of the settings, the model, the plan,
    the specification, the vocabulary, the clips and the initial checkpoint: other
    settings are another run in another folder.

    Args:
        config: The settings of the training.
        model: The configuration of the captioner to build.
        plan: The stages of its training.
        spec: The feature specification of the records.
        train_files: TFRecord files of the training clips, or patterns.
        val_files: TFRecord files of the validation clips, or patterns.
        vocabulary: The vocabulary whose ids the captioner writes.
        workdir: A folder that outlives the process.
        callbacks: Called with the events of the run; history files are always written.
        init_checkpoint: A folder that `CaptioningModel.save` wrote; training starts
            from its weights.

    Raises:
        TrainingError: Training left no usable weights.
        DataError: Records are absent, empty or broken.
        SpecMismatchError: Records were extracted by another specification.
        CheckpointError: A checkpoint cannot be written or read.
        WarmStartError: `init_checkpoint` is of another model.
        WordVectorsError: The file of word vectors cannot be used.
        WeightsError: The package of word vectors is not installed, or damaged.
    """
    strategy = config.distribution.strategy()
    vectors = None
    if config.word_vectors and init_checkpoint is None:
        vectors = config.word_vectors.locate()
    training, validation = (
        RecordDataset(train_files, spec),
        RecordDataset(val_files, spec),
    )
    identity = _identity(
        config,
        model,
        plan,
        spec,
        vocabulary,
        training,
        validation,
        vectors,
        init_checkpoint,
    )
    folder = checkpoints.open_run(os.fspath(workdir), identity)
    with dtype_policy(config.precision), strategy.scope():
        tf.keras.utils.set_random_seed(config.seed)
        captioner = Captioner(
            model, spec, len(vocabulary), config.max_words
        ).build_from_spec()
        captioning_model = CaptioningModel(captioner, vocabulary)
        batches = TrainingBatches(
            training,
            vocabulary,
            model.features(),
            config.batch,
            max_words=config.max_words,
            seed=config.seed,
        )
        validator = CaptionValidator(captioning_model, config.validation, validation)
        stages = [
            TrainerStage(
                stage,
                stage.objective.build,
                Monitor.from_setting(stage.monitor or config.validation.monitor),
            )
            for stage in plan.stages
        ]

        def initialize() -> InitialWeights:
            if init_checkpoint is not None:
                known = warm_start.copy_weights(init_checkpoint, captioning_model)
                monitor = stages[0].monitor
                metrics = ValidationMetrics(monitor, validator(monitor).metrics)
                return InitialWeights(
                    f"Begins with the weights in {init_checkpoint}, which know {known} "
                    f"of {len(vocabulary)} words: {metrics}.",
                    metrics.values,
                )
            if vectors:
                known = pretrained_embeddings.assign(vectors, captioning_model)
                return InitialWeights(
                    f"{known} of {len(vocabulary)} words begin with the vectors in "
                    f"{vectors.name}."
                )
            return InitialWeights()

        trainer = Trainer(
            captioner,
            stages,
            ObjectiveContext(
                vocabulary, training.references, config.max_words, StepCounters()
            ),
            batches,
            validator,
            folder,
            seed=config.seed,
            guards=config.guards,
            checkpoint_steps=config.checkpoint_steps,
            callbacks=callbacks,
        )
        best = trainer.train(initialize)
    return TrainingResult(
        captioning_model, best.values[CIDER_D], tuple(trainer.state.logs), folder
    )


def _identity(
    config: TrainingConfig,
    model: CaptionerConfig,
    plan: Plan,
    spec: FeatureSpec,
    vocabulary: Vocabulary,
    training: RecordDataset,
    validation: RecordDataset,
    vectors: WordVectors | None,
    init_checkpoint: str | pathlib.Path | None,
) -> dict[str, Any]:
    """Returns everything that a run's outcome depends on as plain JSON."""
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
        "init_checkpoint": (
            storage.folder_digest(os.fspath(init_checkpoint)) if init_checkpoint else ""
        ),
        "word_vectors_bytes": vectors.bytes if vectors else 0,
    }

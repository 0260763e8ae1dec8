"""Training and what it leaves: the same inside and outside of a pipeline."""

from __future__ import annotations

import os
from collections.abc import Sequence

from components.trainer.settings import TrainerSettings
from keras_models.inference.precision import require_served
from keras_models.saving import captioner
from keras_models.training.callbacks.callback import Callback
from keras_models.training.trainer import TrainingResult, train
from serving.export.export import export
from transform.records.vocabulary import Vocabulary
from transform.schema import FeatureSpec

SAVED = "captioner"  # beside the SavedModel: weights that another run can begin with


def train_and_export(
    settings: TrainerSettings,
    spec: FeatureSpec,
    train_files: Sequence[str],
    val_files: Sequence[str],
    vocabulary: Vocabulary,
    serving_model: str,
    callbacks: Sequence[Callback] = (),
    init_checkpoint: str = "",
) -> TrainingResult:
    """Trains a captioner, exports it, and saves its weights beside the SavedModel.

    Args:
        settings: What to train, and where its checkpoints are.
        spec: What the features are made by.
        train_files: Records of the training clips, or patterns.
        val_files: The same of the validation clips.
        vocabulary: The words.
        serving_model: Folder for the SavedModel; must not exist, or be empty.
        callbacks: Told of everything.
        init_checkpoint: Saved weights to begin with, in place of fresh ones.
    """
    require_served(settings.precision)
    result = train(
        settings.training,
        spec,
        train_files,
        val_files,
        vocabulary,
        settings.workdir,
        callbacks,
        init_checkpoint or None,
    )
    export(
        result.captioner,
        vocabulary,
        spec,
        serving_model,
        settings.search,
        precision=settings.precision,
    )
    captioner.save(result.captioner, vocabulary, beside(serving_model))
    return result


def beside(serving_model: str) -> str:
    """Where the weights of a SavedModel are saved."""
    return os.path.join(os.path.dirname(serving_model.rstrip("/")), SAVED)

"""Trains a captioner and exports it, inside or outside of a pipeline."""

from __future__ import annotations

import os
from collections.abc import Sequence

from keras_models.generation import SearchConfig
from keras_models.inference.precision import check_precision_supported
from keras_models.presets.preset_training import PresetTrainingConfig
from keras_models.training.callbacks.callback import Callback
from keras_models.training.captioner_training import TrainingResult, train
from serving.export.export import export
from serving.export.served_config import ServedConfig
from transform.common.config import Config
from transform.records.tokenizers import AnyTokenizer, Words
from transform.records.vocabulary import Vocabulary
from transform.schema import FeatureSpec

CAPTIONER_FOLDER = "captioner"  # weights that another training can start from


class TrainerSettings(Config):
    """The settings of a training and of the model that it exports.

    TFX's Trainer is given them as JSON in `custom_config["settings"]`.
    """

    training: PresetTrainingConfig
    search: SearchConfig  # of the exported model
    served: ServedConfig = ServedConfig()  # what else decides that
    tokenizer: AnyTokenizer = Words()  # of the vocabulary
    workdir: str  # outlives a failed run: checkpoints are there


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
        settings: The training, its folder of checkpoints, and the exported model.
        spec: Specification of the records' features.
        train_files: Records of the training clips, or patterns of their names.
        val_files: Records of the validation clips, likewise.
        vocabulary: The vocabulary whose ids the captioner predicts.
        serving_model: Folder for the SavedModel; must not exist, or be empty.
        callbacks: Called during the training.
        init_checkpoint: Saved weights to start from, in place of fresh ones.
    """
    check_precision_supported(settings.served.precision)
    preset = settings.training.preset()
    result = train(
        settings.training,
        preset.model,
        preset.plan,
        spec,
        train_files,
        val_files,
        vocabulary,
        settings.workdir,
        callbacks,
        init_checkpoint or None,
    )
    export(result.model, serving_model, settings.search, settings.served)
    result.model.save(captioner_folder(serving_model))
    return result


def captioner_folder(serving_model: str) -> str:
    """Returns the folder beside a SavedModel that its weights are saved to."""
    return os.path.join(os.path.dirname(serving_model.rstrip("/")), CAPTIONER_FOLDER)

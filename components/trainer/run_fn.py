"""The function `run_fn`, which TFX's Trainer calls."""

from __future__ import annotations

import tensorflow_transform as tft
from absl import logging
from tfx.components.trainer.fn_args_utils import FnArgs

from components.trainer.history_file import write_history
from components.transform.preprocessing import VOCABULARY
from keras_models.training import warm_start
from keras_models.training.callbacks.progress_bar import progress
from keras_models.training.callbacks.tensorboard import TensorBoard
from serving.export.train_and_export import (
    TrainerSettings,
    captioner_folder,
    train_and_export,
)
from serving.pushing import provenance
from serving.pushing.origin import Origin, weights_folder
from transform.common import storage
from transform.common.errors import KinescribeError
from transform.records.dataset import ExtractedDataset
from transform.records.vocabulary import Vocabulary
from transform.schema import FeatureSpec


def run_fn(fn_args: FnArgs) -> None:
    """Trains a captioner and exports it, called by TFX's Trainer.

    Training starts from the weights of the base model, if there is one and its parts
    and features are the same. What the base model says a new one is made from goes
    into the exported model.

    Args:
        fn_args: TFX's arguments; `custom_config["settings"]` holds `TrainerSettings` as
            JSON.
    """
    settings = TrainerSettings.from_json(fn_args.custom_config["settings"])
    settings.training.distribution.strategy()  # workers meet before all else
    records = ExtractedDataset.of_split_pattern(fn_args.train_files[0])
    spec = records.spec
    words = tft.TFTransformOutput(fn_args.transform_output)
    result = train_and_export(
        settings,
        spec,
        records.files("train"),
        records.files("val"),
        Vocabulary.from_file(
            str(words.vocabulary_file_by_name(VOCABULARY)), settings.tokenizer
        ),
        fn_args.serving_model_dir,
        callbacks=[progress(), TensorBoard(fn_args.model_run_dir)],
        init_checkpoint=_init_checkpoint(fn_args.base_model, settings, spec),
    )
    exported = fn_args.serving_model_dir
    storage.copy_folder(captioner_folder(exported), weights_folder(exported))
    if fn_args.base_model and (origin := Origin.read(fn_args.base_model)):
        origin.replace(image=provenance.image()).write(exported)
    write_history(fn_args.model_run_dir, result.history)


def _init_checkpoint(
    base_model: str | None, settings: TrainerSettings, spec: FeatureSpec
) -> str:
    """Returns the folder of the base model's weights if they fit, else ''."""
    if not base_model:
        return ""
    folder = weights_folder(base_model)
    try:
        warm_start.check(folder, settings.training.preset().model, spec)
    except KinescribeError as error:
        logging.info("Training starts from fresh weights: %s", error)
        return ""
    return folder

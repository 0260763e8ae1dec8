"""`run_fn`: what TFX's Trainer calls. The work is `keras_models.training.train`."""

from __future__ import annotations

import json
import os
import pathlib

import tensorflow as tf
import tensorflow_transform as tft
from tfx import v1 as tfx

from components.caption_transform import VOCABULARY
from components.report.build import HISTORY
from components.trainer.settings import TrainerSettings
from keras_models import saving
from keras_models.listeners.progress import ProgressBar
from keras_models.listeners.tensorboard import TensorBoard
from keras_models.training import train
from serving.export import export
from transform import storage
from transform.schema import FeatureSpec
from transform.vocabulary import Vocabulary

SAVED = "captioner"  # beside the SavedModel: weights that another run can begin with


def run_fn(fn_args: tfx.components.FnArgs) -> None:
    """Trains a captioner and exports it.

    Args:
        fn_args: TFX's; `custom_config["settings"]` holds `TrainerSettings` as JSON.
    """
    settings = TrainerSettings.from_json(fn_args.custom_config["settings"])
    spec = _spec_of(fn_args.train_files[0])
    words = tft.TFTransformOutput(fn_args.transform_output)
    vocabulary = Vocabulary.from_file(str(words.vocabulary_file_by_name(VOCABULARY)))
    result = train(
        settings.training,
        spec,
        fn_args.train_files,
        fn_args.eval_files,
        vocabulary,
        settings.workdir,
        listeners=[ProgressBar(), TensorBoard(fn_args.model_run_dir)],
        begin_with=_beside(fn_args.base_model) if fn_args.base_model else None,
    )
    export(
        result.captioner, vocabulary, spec, fn_args.serving_model_dir, settings.search
    )
    saving.save(result.captioner, vocabulary, _beside(fn_args.serving_model_dir))
    history = "".join(json.dumps(row) + "\n" for row in result.history)
    storage.write(os.path.join(fn_args.model_run_dir, HISTORY), history)


def _beside(serving_model: str) -> pathlib.Path:
    return pathlib.Path(serving_model).with_name(SAVED)


def _spec_of(pattern: str) -> FeatureSpec:
    """The specification that VideoExampleGen writes beside its splits."""
    folder = os.path.dirname(os.path.dirname(pattern))
    with tf.io.gfile.GFile(os.path.join(folder, "feature_spec.json")) as file:
        return FeatureSpec.from_json(file.read())

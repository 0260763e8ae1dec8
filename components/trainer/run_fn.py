"""`run_fn`: what TFX's Trainer calls. The work is `keras_models.training.train`."""

from __future__ import annotations

import os
import pathlib

import pydantic
import tensorflow as tf
import tensorflow_transform as tft
from tfx import v1 as tfx

from components.caption_transform import VOCABULARY
from keras_models import saving
from keras_models.listeners.progress import ProgressBar
from keras_models.listeners.tensorboard import TensorBoard
from keras_models.search import SearchConfig
from keras_models.training import TrainingConfig, train
from serving.export import export
from transform.schema import FeatureSpec
from transform.vocabulary import Vocabulary

SAVED = "captioner"  # beside the SavedModel: weights that another run can begin with


def run_fn(fn_args: tfx.components.FnArgs) -> None:
    """Trains a captioner and exports it.

    Args:
        fn_args: TFX's. `custom_config` holds `config` (`TrainingConfig` as JSON),
            `search` (of the exported model, as JSON) and `workdir`, a folder that
            outlives a failed run: checkpoints are there.
    """
    settings = fn_args.custom_config
    config = TrainingConfig.from_json(settings["config"])
    search = pydantic.parse_raw_as(SearchConfig, settings["search"])
    spec = _spec_of(fn_args.train_files[0])
    words = tft.TFTransformOutput(fn_args.transform_output)
    vocabulary = Vocabulary.from_file(words.vocabulary_file_by_name(VOCABULARY))
    result = train(
        config,
        spec,
        fn_args.train_files,
        fn_args.eval_files,
        vocabulary,
        settings["workdir"],
        listeners=[ProgressBar(), TensorBoard(fn_args.model_run_dir)],
        begin_with=_beside(fn_args.base_model) if fn_args.base_model else None,
    )
    export(result.captioner, vocabulary, spec, fn_args.serving_model_dir, search)
    saving.save(result.captioner, vocabulary, _beside(fn_args.serving_model_dir))


def _beside(serving_model: str) -> pathlib.Path:
    return pathlib.Path(serving_model).with_name(SAVED)


def _spec_of(pattern: str) -> FeatureSpec:
    """The specification that VideoExampleGen writes beside its splits."""
    folder = os.path.dirname(os.path.dirname(pattern))
    with tf.io.gfile.GFile(os.path.join(folder, "feature_spec.json")) as file:
        return FeatureSpec.from_json(file.read())

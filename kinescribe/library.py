"""The verbs of the Python interface: load, train, evaluate and export a model."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from keras_models.captioner_config import CaptionerConfig
from keras_models.captioning_model import CaptioningModel
from keras_models.data.records import RecordDataset
from keras_models.generation import BeamSearch, SearchConfig
from keras_models.inference.precision import ServedPrecision
from keras_models.presets.preset import Preset, RunSettings
from keras_models.training import captioner_training
from keras_models.training.callbacks.callback import Callback
from keras_models.training.captioner_training import TrainingConfig, TrainingResult
from keras_models.training.plan import Plan
from serving.client.local_model import LocalModel
from transform.records.dataset import ExtractedDataset
from transform.records.vocabulary import Vocabulary

if TYPE_CHECKING:
    from keras_models.evaluation.evaluate import Evaluation


def load_model(folder: str | os.PathLike[str]) -> LocalModel:
    """Loads an exported model, which captions files and records in this process.

    Args:
        folder: An exported model, or a folder of numbered versions of one, such as
            `demo/pushed`: then the newest is taken.

    Raises:
        serving.common.errors.ServingError: There is no model, or it cannot be loaded.
    """
    return LocalModel(folder)


def train(
    model: Preset | CaptionerConfig,
    dataset: ExtractedDataset,
    workdir: str | os.PathLike[str],
    *,
    plan: Plan | None = None,
    config: TrainingConfig | None = None,
    vocabulary: Vocabulary | None = None,
    callbacks: Sequence[Callback] = (),
    init_checkpoint: str | pathlib.Path | None = None,
) -> TrainingResult:
    """Trains a captioner on the `train` split and chooses its weights on `val`.

    Called again after a kill, it goes on where it was.

    Args:
        model: A preset, whose plan is used unless there is another, or the parts of a
            captioner.
        dataset: Extracted clips with captions.
        workdir: Folder of checkpoints and histories.
        plan: The stages of the training; needed where `model` is no preset.
        config: Batches, lengths, seed, precision and the like; by default what the
            preset's paper gives.
        vocabulary: Of the model; by default the words of the training captions that
            are frequent enough for the preset's paper, else all.
        callbacks: Called with the events of the training.
        init_checkpoint: Folder of a saved model whose weights come first.

    Raises:
        TrainingError: No usable weights came out.
        KinescribeError: The settings, the data and the model do not fit each other.
    """
    run = RunSettings()
    if isinstance(model, Preset):
        plan, run = plan or model.plan, model.run
        model = model.model
    if plan is None:
        raise ValueError("plan is missing: only a preset brings one of its own")
    train_files = dataset.files("train")
    return captioner_training.train(
        config or TrainingConfig(**run.training()),
        model,
        plan,
        dataset.spec,
        train_files,
        dataset.files("val"),
        vocabulary
        or RecordDataset(train_files, dataset.spec).vocabulary(run.min_count),
        os.fspath(workdir),
        callbacks,
        init_checkpoint,
    )


def evaluate(
    model: LocalModel, dataset: ExtractedDataset, split: str = "test"
) -> tuple[Evaluation, str]:
    """Scores a loaded model on a split, beside what its scores are to be held against.

    Returns:
        The scores with intervals, baselines and captions; and how many of the clips
        that is.

    Raises:
        SpecMismatchError: The model reads features of another specification.
        KinescribeError: The dataset has no such split.
    """
    from serving.evaluation import evaluate_split

    return evaluate_split(model, dataset, split)


def export(
    model: CaptioningModel,
    folder: str | os.PathLike[str],
    search: SearchConfig | None = None,
    precision: ServedPrecision | None = None,
    frames: bool = False,
) -> str:
    """Writes a SavedModel that decodes whole captions in its graph.

    Args:
        model: The `model` of a training's result.
        folder: Of the export; a number as its last part makes it a served version.
        search: How captions are written; beam search of width 5 by default.
        precision: That the exported model computes in; its training's by default.
        frames: Whether the network that makes the features is in it, so that clients
            without TensorFlow can send pictures.

    Returns:
        The folder.
    """
    from serving.export.export import export as write
    from serving.export.served_config import ServedConfig

    served = ServedConfig(precision=precision, frames=frames)
    return write(model, folder, search or BeamSearch(), served)

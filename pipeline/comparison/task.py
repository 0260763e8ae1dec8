"""One training of a comparison: a row, a seed and data, and what came of them."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
from collections.abc import Mapping
from typing import Any, NamedTuple

import tensorflow as tf

from keras_models.captioning_model import CaptionGenerator
from keras_models.data.training_batches import ClipBatches
from keras_models.evaluation import input_controls
from keras_models.generation import BeamSearch
from keras_models.presets import registry
from keras_models.presets.compact import Budget, compact
from keras_models.structs import VideoBatch
from keras_models.training import captioner_training
from keras_models.training.captioner_training import TrainingConfig
from pipeline.comparison import attention_figures
from pipeline.comparison.data import ComparisonData
from transform.common import storage
from transform.common.config import Config, ConfigError, Field
from transform.records.vocabulary import Vocabulary

AS_IT_IS = "the clips as they are"
ONE_FRAME = "one frame of each clip"
SHUFFLED_FRAMES = "frames in another order"


class ComparisonSettings(Config):
    """What every row of a comparison gets alike."""

    budget: Budget = Budget()  # widths, epochs and rates
    batch: ClipBatches = ClipBatches(size=16)  # what an update sees, an epoch counts
    max_words: int = Field(16, ge=1)  # longer captions are cut
    min_count: int = Field(1, ge=1)  # rarer words become <unk>
    search: BeamSearch = BeamSearch(width=3)  # that writes the captions


class Task(NamedTuple):
    """A row to be trained on data with a seed."""

    row: str  # a preset's name
    seed: int
    data: ComparisonData
    settings: ComparisonSettings

    def folder(self, root: str) -> str:
        """Returns the folder of the task below a comparison's root."""
        return os.path.join(root, self.data.name, self.row, f"seed-{self.seed}")

    @property
    def digest(self) -> str:
        """Hex digits that identify everything that the outcome depends on."""
        preset = registry.get(self.row)
        content = [
            self.settings.to_json(),
            preset.model.to_json(),
            preset.plan.to_json(),
            self.data.digest,
            str(self.seed),
        ]
        return hashlib.sha256("\n".join(content).encode()).hexdigest()[:16]


class Outcome(NamedTuple):
    """What came of a task; a row that cannot read the data has only a reason."""

    digest: str  # the task's
    captions: Mapping[str, Mapping[str, str]]  # by input and clip
    refused: str = ""  # why the row cannot read the data
    reading: str = ""  # which features stand for the paper's
    parameters: int = 0
    training_seconds: float = 0.0
    curve: tuple[tuple[float, float], ...] = ()  # seconds and validation score
    looks: attention_figures.Figures = {}  # noqa: RUF012  (of drawn clips)

    def write(self, folder: str) -> None:
        """Writes the outcome whole or not at all."""
        os.makedirs(folder, exist_ok=True)
        text = json.dumps(self._asdict(), indent=1)
        storage.write(os.path.join(folder, _FILE), text)

    @classmethod
    def read(cls, folder: str, digest: str) -> Outcome | None:
        """Returns the outcome of a task, None where it was not finished."""
        path = os.path.join(folder, _FILE)
        if not os.path.exists(path):
            return None
        with open(path, encoding="utf-8") as file:
            content: dict[str, Any] = json.load(file)
        return cls(**content) if content["digest"] == digest else None


_FILE = "outcome.json"


def run(task: Task, root: str) -> Outcome:
    """Trains a row, captions the test clips and writes the outcome.

    A training that was interrupted goes on where it was.
    """
    folder = task.folder(root)
    try:
        outcome = _train_and_caption(task, folder)
    except ConfigError as error:
        outcome = Outcome(task.digest, {}, refused=str(error))
    outcome.write(folder)
    return outcome


def _train_and_caption(task: Task, folder: str) -> Outcome:
    settings, data = task.settings, task.data
    adapted, plan = compact(registry.get(task.row), data.spec, settings.budget)
    training = data.split("train")
    result = captioner_training.train(
        TrainingConfig(
            batch=settings.batch, max_words=settings.max_words, seed=task.seed
        ),
        adapted.model,
        plan,
        data.spec,
        training.files,
        data.split("val").files,
        vocabulary(data, settings),
        os.path.join(folder, "run"),
    )
    seconds = 0.0
    curve = []
    for row in result.history:
        seconds += float(row["training_seconds"])
        if "CIDEr-D" in row:
            curve.append((round(seconds, 1), round(float(row["CIDEr-D"]), 4)))
    generate = CaptionGenerator(result.model, settings.search)
    videos = data.split("test").videos(settings.batch.size, adapted.model.features())
    batches = list(generate.batches(videos))
    looks: attention_figures.Figures = {}
    if data.drawn:
        axes = adapted.model.weight_axes()
        looks = attention_figures.figures(data.spec, axes, batches, data.drawn)
    return Outcome(
        task.digest,
        reading=str(adapted),
        parameters=result.model.captioner.count_params(),
        training_seconds=round(seconds, 1),
        captions={
            AS_IT_IS: dict(
                itertools.chain.from_iterable(b.by_clip.items() for b in batches)
            ),
            ONE_FRAME: generate(videos.map(input_controls.one_frame)),
            SHUFFLED_FRAMES: generate(videos.enumerate(task.seed).map(_shuffled)),
        },
        curve=tuple(curve),
        looks=looks,
    )


def vocabulary(data: ComparisonData, settings: ComparisonSettings) -> Vocabulary:
    """Returns the words that every row of a comparison knows."""
    return data.split("train").vocabulary(settings.min_count)


def _shuffled(index: tf.Tensor, video: VideoBatch) -> VideoBatch:
    return input_controls.shuffled_frames(video, tf.stack([index, index]))

"""`Objective`, the interface of all objectives, and what they are built from."""

from __future__ import annotations

import abc
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import tensorflow as tf

from keras_models.captioner import Captioner
from keras_models.structs import LossOutput, TrainingBatch
from transform.records.vocabulary import Vocabulary


class StepCounters(tf.Module):
    """The counters of a training run, which objectives read inside their graph.

    `step` counts a stage's updates and `epoch` the run's passes over the training
    clips, those of all stages, both from zero. `seed` differs from stage to stage. All
    are () int64.
    """

    def __init__(self) -> None:
        super().__init__(name="counters")
        self.epoch = tf.Variable(0, dtype=tf.int64, trainable=False)
        self.step = tf.Variable(0, dtype=tf.int64, trainable=False)
        self.seed = tf.Variable(0, dtype=tf.int64, trainable=False)

    def restart(self, seed: int, stage: int) -> None:
        """Sets the counters of a stage to its beginning."""
        self.step.assign(0)
        self.seed.assign(seed * 1000 + stage)

    def random_seed(self) -> tf.Tensor:
        """Returns a (2,) int64 seed for stateless ops, another one at every step."""
        return tf.stack([self.seed.read_value(), self.step.read_value()])


class ObjectiveContext(NamedTuple):
    """The things that objectives are built from, besides their own settings."""

    vocabulary: Vocabulary
    references: Mapping[str, Sequence[str]]  # training captions by video id
    max_words: int
    counters: StepCounters

    def reference_ids(self) -> dict[str, list[list[int]]]:
        """Returns the training captions as lists of max_words + 1 ids."""
        texts = [text for captions in self.references.values() for text in captions]
        encoded = self.vocabulary.encode(tf.constant(texts), self.max_words)
        ids = iter(encoded.numpy().tolist())
        return {
            video_id: [next(ids) for _ in captions]
            for video_id, captions in self.references.items()
        }


class Objective(tf.Module, abc.ABC):
    """A loss that is computed with a captioner's public methods.

    It is a `tf.Module`, so that variables which an objective keeps enter checkpoints.
    """

    @abc.abstractmethod
    def __call__(self, captioner: Captioner, batch: TrainingBatch) -> LossOutput:
        """Returns the batch's loss () float32, and scalars to be logged."""

    def on_stage_begin(self, captioner: Captioner) -> bool:
        """Is called before training continues from a captioner's best weights.

        That is at the beginning of a stage, and whenever a stage rolls back to them.

        Returns:
            Whether this makes another model of it, with whose scores the former ones
            cannot be compared: the stage's best weights are then the best of its own.
        """
        del captioner
        return False

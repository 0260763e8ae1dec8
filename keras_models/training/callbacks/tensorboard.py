"""Losses, scores, sample captions and what they looked at, for TensorBoard."""

from __future__ import annotations

import os

import numpy as np
import tensorflow as tf

from keras_models.training.callbacks.attention_image import attention_picture
from keras_models.training.callbacks.callback import (
    Callback,
    StepEnd,
    TrainBegin,
    ValidationEnd,
)


class TensorBoard(Callback):
    """Writes event files.

    Args:
        folder: Where to; by default `tensorboard` in the run's folder.
        every: Steps between two points of a curve.
    """

    def __init__(self, folder: str | None = None, every: int = 10):
        self._folder = folder
        self._every = every
        self._writer = tf.summary.create_noop_writer()

    def on_train_begin(self, run: TrainBegin) -> None:
        """Opens an event file."""
        self._writer = tf.summary.create_file_writer(
            self._folder or os.path.join(run.folder, "tensorboard")
        )

    def on_step_end(self, step: StepEnd) -> None:
        """Losses, rewards and whatever else a step is measured by."""
        if step.step % self._every:
            return
        with self._writer.as_default(step.step):
            for name, value in step.values.items():
                tf.summary.scalar(f"train/{name}", value)

    def on_validation_end(self, validated: ValidationEnd) -> None:
        """The scores, and captions beside a reference of theirs and their attention."""
        table = "| clip | caption | reference |\n|---|---|---|\n" + "".join(
            f"| {sample.video_id} | {sample.caption} | {sample.references[0]} |\n"
            for sample in validated.samples
        )
        with self._writer.as_default(validated.step):
            tf.summary.scalar("validation/CIDEr-D", validated.score)
            tf.summary.scalar("validation/distinct captions", validated.distinct)
            tf.summary.scalar("validation/bad endings", validated.bad_endings)
            tf.summary.text("validation/captions", table)
            for sample in validated.samples:
                for name, weights in sample.attention.items():
                    picture = attention_picture(sample.caption, weights)
                    tf.summary.image(
                        f"attention {name}/{sample.video_id}", picture[np.newaxis]
                    )
        self._writer.flush()

    def on_message(self, text: str) -> None:
        """What a person should know stands beside the curves."""
        with self._writer.as_default(0):
            tf.summary.text("messages", text)

    def on_train_end(self) -> None:
        """Closes the event file."""
        self._writer.close()

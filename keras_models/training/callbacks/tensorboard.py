"""Writes losses, metrics, sample captions and their attention for TensorBoard."""

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
    """Writes a run's curves, captions and attention images as event files.

    Args:
        folder: Folder of the event files; by default `tensorboard` in the run's folder.
        every: Number of steps between two points of a curve.
    """

    def __init__(self, folder: str | None = None, every: int = 10):
        self._folder = folder
        self._every = every
        self._writer = tf.summary.create_noop_writer()

    def on_train_begin(self, run: TrainBegin) -> None:
        """Opens an event file in the run's folder."""
        self._writer = tf.summary.create_file_writer(
            self._folder or os.path.join(run.folder, "tensorboard")
        )

    def on_step_end(self, step: StepEnd) -> None:
        """Writes the losses and metrics of every `every`-th step."""
        if step.step % self._every:
            return
        with self._writer.as_default(step.step):
            for name, value in step.values.items():
                tf.summary.scalar(f"train/{name}", value)

    def on_validation_end(self, validation: ValidationEnd) -> None:
        """Writes the metrics, sample captions beside a reference, and attention."""
        table = "| clip | caption | reference |\n|---|---|---|\n" + "".join(
            f"| {sample.video_id} | {sample.caption} | {sample.references[0]} |\n"
            for sample in validation.samples
        )
        with self._writer.as_default(validation.step):
            for name, value in validation.metrics.values.items():
                tf.summary.scalar(f"validation/{name.replace('_', ' ')}", value)
            if validation.samples:
                tf.summary.text("validation/captions", table)
            for sample in validation.samples:
                for name, weights in sample.attention.items():
                    picture = attention_picture(sample.caption, weights)
                    tf.summary.image(
                        f"attention {name}/{sample.video_id}", picture[np.newaxis]
                    )
        self._writer.flush()

    def on_message(self, text: str) -> None:
        """Writes the sentence as text beside the curves."""
        with self._writer.as_default(0):
            tf.summary.text("messages", text)

    def on_train_end(self) -> None:
        """Closes the event file of the run."""
        self._writer.close()

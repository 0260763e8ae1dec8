"""A tiny run on one CPU device and on two virtual ones, as a program: see `main`."""

from __future__ import annotations

import json
import pathlib
import sys

import tensorflow as tf

from keras_models.training.callbacks.callback import Callback, StepEnd
from tests.support.small_runs import CROSS_ENTROPY, run, settings


class Losses(Callback):
    """Remembers every step's loss."""

    def __init__(self) -> None:
        self.values: list[float] = []

    def on_step_end(self, step: StepEnd) -> None:
        """One more."""
        self.values.append(step.values["loss"])


def main(folder: str) -> None:
    """Prints the losses of both runs' steps, as JSON."""
    (cpu,) = tf.config.list_physical_devices("CPU")
    halves = [tf.config.LogicalDeviceConfiguration() for _ in range(2)]
    tf.config.set_logical_device_configuration(cpu, halves)
    # Replicas draw dropout masks of their own.
    certain = settings(CROSS_ENTROPY).override({"model": {"decoder": {"dropout": 0.0}}})
    found = []
    for distribution in (
        {"kind": "one_device"},
        {"kind": "mirrored", "devices": ["CPU:0", "CPU:1"]},
    ):
        losses = Losses()
        run(
            pathlib.Path(folder),
            certain.override({"distribution": distribution}),
            losses,
        )
        found.append(losses.values)
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])

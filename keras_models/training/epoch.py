"""One pass over the training clips, whatever is trained."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from keras_models.structs import TrainingBatch
from keras_models.training.callbacks.callback import Callback, StepEnd
from keras_models.training.checkpoints import Checkpoints, TrainerState
from keras_models.training.train_step import TrainStep


class Epoch(NamedTuple):
    """What every epoch of a run has in common."""

    progress: TrainerState
    checkpoints: Checkpoints
    checkpoint_steps: int  # between two of them
    callbacks: Callback

    def run(
        self,
        stage: str,
        batches: Iterable[TrainingBatch],
        updater: TrainStep,
        check: Callable[[Mapping[str, float]], str],
    ) -> tuple[dict[str, Any], str]:
        """Takes the steps that are left of an epoch.

        Args:
            stage: Its name.
            batches: Those of the steps.
            updater: Takes a step.
            check: Told a step's losses and metrics, says what is wrong; '' if nothing.

        Returns:
            The epoch's row of the history, and what ended it early, '' if nothing did.
        """
        progress, started = self.progress, time.monotonic()
        problem = ""
        for batch in batches:
            values = updater(batch)
            if problem := check(values):
                break
            self.callbacks.on_step_end(
                StepEnd(stage, progress.epoch, progress.steps, values)
            )
            progress.end_step(values)
            if progress.steps % self.checkpoint_steps == 0:
                self.checkpoints.save()
        row = {
            "stage": stage,
            "epoch": progress.epoch,
            "steps": progress.steps,
            "learning_rate": float(updater.rate()),
            "training_seconds": round(time.monotonic() - started, 3),
            **{name: total / progress.step for name, total in progress.sums.items()},
        }
        progress.end_epoch()
        return row, problem

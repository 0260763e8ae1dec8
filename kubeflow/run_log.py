"""How the tasks of a run ended: one file a task, in a folder that outlives the run.

A task of Kubeflow's that runs last, whatever happened, is given the run's state and no
output of any other task. It reads them here.
"""

from __future__ import annotations

import os
from typing import Any

import tensorflow as tf

from transform.common import storage
from transform.common.config import Config, Field

RUN_ID_VARIABLE = "KFP_RUN_ID"  # a task's environment variable with its run's id
SUCCEEDED, FAILED = "succeeded", "failed"


class TaskEnd(Config):
    """How one task of a run ended."""

    task: str
    state: str  # SUCCEEDED or FAILED
    reason: str = ""  # of a failure, in one sentence
    properties: dict[str, Any] = Field(default_factory=dict)  # of its artifacts


class RunLog:
    """The entries of one run.

    Args:
        folder: The folder of all journals.
        run_id: The run's id on the backend.
    """

    def __init__(self, folder: str, run_id: str):
        self._folder = os.path.join(folder, run_id)

    def write(self, entry: TaskEnd) -> None:
        """Adds an entry, in place of an earlier attempt's."""
        path = os.path.join(self._folder, f"{entry.task}.json")
        storage.write(path, entry.to_json())

    def read(self) -> dict[str, TaskEnd]:
        """Returns the entries by task."""
        entries = {}
        for name in storage.names_in(self._folder):
            if name.endswith(".json") and not name.startswith("."):
                path = os.path.join(self._folder, name)
                with tf.io.gfile.GFile(path, "rb") as file:
                    entry = TaskEnd.from_json(file.read(), path)
                entries[entry.task] = entry
        return entries

"""Writes `history.jsonl` and `history.csv`, which hold one row an epoch."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Sequence

from keras_models.training.callbacks.callback import Callback, EpochLog, TrainBegin
from transform.common import storage


class HistoryFiles(Callback):
    """Writes the logs of all epochs as `history.jsonl` and `history.csv`.

    Both files are written anew after each epoch, whole or not at all, so that a run
    which is resumed repeats no row.
    """

    def __init__(self) -> None:
        self._folder = ""

    def on_train_begin(self, run: TrainBegin) -> None:
        """Remembers the folder of the run."""
        self._folder = run.folder

    def on_epoch_end(self, logs: Sequence[EpochLog]) -> None:
        """Writes one row for each epoch so far."""
        lines = "".join(json.dumps(row) + "\n" for row in logs)
        storage.write(os.path.join(self._folder, "history.jsonl"), lines)
        table = io.StringIO()
        columns = list(dict.fromkeys(key for row in logs for key in row))
        writer = csv.DictWriter(table, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(logs)
        storage.write(os.path.join(self._folder, "history.csv"), table.getvalue())

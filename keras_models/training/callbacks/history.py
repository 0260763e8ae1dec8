"""`history.jsonl` and `history.csv`: one row an epoch."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Sequence

from keras_models.training.callbacks.callback import Callback, EpochLog, TrainBegin
from transform.common import storage


class HistoryFiles(Callback):
    """Writes both files anew after each epoch, so that a run that goes on repeats none.

    Each file appears whole or not at all.
    """

    def __init__(self) -> None:
        self._folder = ""

    def on_train_begin(self, run: TrainBegin) -> None:
        """Learns where the run's folder is."""
        self._folder = run.folder

    def on_epoch_end(self, rows: Sequence[EpochLog]) -> None:
        """Writes every row so far."""
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        storage.write(os.path.join(self._folder, "history.jsonl"), lines)
        table = io.StringIO()
        columns = list(dict.fromkeys(key for row in rows for key in row))
        writer = csv.DictWriter(table, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        storage.write(os.path.join(self._folder, "history.csv"), table.getvalue())

"""The training history inside the Trainer's `model_run` artifact."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from typing import Any

import tensorflow as tf

from transform.common import storage

HISTORY = "history.jsonl"  # one row for each epoch


def write_history(model_run: str, rows: Iterable[Mapping[str, Any]]) -> None:
    """Writes one line of JSON for each epoch to the folder `model_run`."""
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    storage.write(os.path.join(model_run, HISTORY), lines)


def read_history(model_run: str) -> list[dict[str, Any]]:
    """Reads the rows that `write_history` wrote; an absent file gives none."""
    path = os.path.join(model_run, HISTORY)
    if not tf.io.gfile.exists(path):
        return []
    with tf.io.gfile.GFile(path) as file:
        return [json.loads(line) for line in file]

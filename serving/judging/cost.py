"""Measures what captions cost: two models in turn, in one process."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from serving.client.local_model import LocalModel
from serving.gates.evidence import Cost

_WARM_UP = 2


def measure_costs(
    models: Sequence[tuple[LocalModel, str]], examples: Sequence[bytes], calls: int
) -> list[Cost]:
    """Measures single calls of several models, one after the other in turn.

    CPU time of all threads is measured, since other processes change it least; taking
    turns, the models share what is left of their influence.

    Args:
        models: Each model with its folder.
        examples: Records to caption, one a call.
        calls: How many of each model are measured.
    """
    seconds = np.empty((calls, len(models)))
    for model, _ in models:
        for _ in range(_WARM_UP):  # TensorFlow optimises the graph at the first call
            model.caption_examples([examples[0]])
    for call in range(calls):
        for index, (model, _) in enumerate(models):
            began = time.process_time()
            model.caption_examples([examples[call % len(examples)]])
            seconds[call, index] = time.process_time() - began
    p95 = np.quantile(seconds, 0.95, axis=0)
    return [
        Cost(float(value), calls, folder_bytes(folder))
        for value, (_, folder) in zip(p95, models, strict=True)
    ]


def folder_bytes(folder: str) -> int:
    """Returns the size of a folder's files."""
    return sum(
        tf.io.gfile.stat(os.path.join(parent, name)).length
        for parent, _, names in tf.io.gfile.walk(folder)
        for name in names
    )

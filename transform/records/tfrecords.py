"""`tf.data` pipelines of records that end at once.

Each iterator of `tf.data` has a thread that tunes it. Where that thread is woken before
its iterator is marked as cancelled, as happens on busy cores, the iterator's end waits
for the thread's next turn: up to a minute and a half, at the end of every epoch. So
nothing is tuned here, and how much is done at a time is said.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

import tensorflow as tf

PARALLEL_CALLS = os.cpu_count() or 1  # of one `map`


def untuned(dataset: tf.data.Dataset) -> tf.data.Dataset:
    """Returns a dataset whose iterators have no tuning thread."""
    options = tf.data.Options()
    options.autotune.enabled = False
    return dataset.with_options(options)


def records_of(files: str | Sequence[str]) -> tf.data.Dataset:
    """Returns the serialized records of TFRecord files, file by file."""
    return untuned(tf.data.TFRecordDataset(files))

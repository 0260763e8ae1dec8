"""Datasets of TFRecord files, and their features as layers compute with them."""

from __future__ import annotations

from keras_models.data.feature_casting import (
    cast_features,
    check_features,
    smallest_batch,
)
from keras_models.data.records import DataError, RecordDataset, RecordInfo
from keras_models.data.training_batches import ClipBatches, PairBatches, TrainingBatches

__all__ = [
    "ClipBatches",
    "DataError",
    "PairBatches",
    "RecordDataset",
    "RecordInfo",
    "TrainingBatches",
    "cast_features",
    "check_features",
    "smallest_batch",
]

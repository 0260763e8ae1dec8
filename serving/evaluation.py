"""Scores an exported model on a split of extracted records."""

from __future__ import annotations

import os

import tensorflow as tf

from keras_models.data.records import DataError, RecordDataset
from keras_models.evaluation.evaluate import Evaluation, evaluate
from serving.client.local_model import LocalModel
from transform.records.manifest import Manifest
from transform.schema import FeatureSpec


def evaluate_split(
    model: LocalModel, records: str, split: str = "test"
) -> tuple[Evaluation, str]:
    """Scores a model on a split of extracted records.

    Args:
        model: The model.
        records: Folder that an extraction wrote: splits, specification and manifest.
        split: The clips to caption.

    Returns:
        The scores, and the coverage: how many clips of the split were extracted.

    Raises:
        SpecMismatchError: The records are of another specification than the model's.
        DataError: There is no such split.
    """
    spec, manifest = read_spec(records), Manifest.read(records)
    model.spec.check_same(spec, ours="the model", theirs=f"the records in {records}")
    clips, training = (
        RecordDataset([os.path.join(records, f"Split-{name}", "*")], spec)
        for name in (split, "train")
    )
    results = model.caption_examples(list(clips.serialized()))
    captions = {
        clip.video_id: result.caption
        for clip, result in zip(clips.clips, results, strict=True)
    }
    evaluation = evaluate(captions, clips.references, training.references)
    rows = [row for row in manifest.rows if row.split == split]
    return evaluation, Manifest(rows).coverage()


def read_spec(records: str) -> FeatureSpec:
    """The specification beside the records; `DataError` where there are none."""
    path = os.path.join(records, "feature_spec.json")
    try:
        with tf.io.gfile.GFile(path) as file:
            return FeatureSpec.from_json(file.read())
    except tf.errors.NotFoundError as error:
        raise DataError(
            f"there are no records in {records}: {path} is missing; write them with "
            "`kinescribe extract`."
        ) from error

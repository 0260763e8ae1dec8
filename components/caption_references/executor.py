"""The work of `CaptionReferences`: reads a split's captions and writes the file."""

from __future__ import annotations

import os

from tfx.dsl.io import fileio
from tfx.types import Artifact, artifact_utils

from components.evaluator import caption_metrics
from keras_models.data.records import RecordDataset
from transform.common import storage
from transform.schema import FeatureSpec


def write_references(examples: Artifact, split: str, path: str) -> None:
    """Writes all captions of a split to one file, for CIDEr-D's document frequencies.

    Args:
        examples: The records.
        split: The split that is evaluated.
        path: The file, which is replaced if it exists.
    """
    with fileio.open(os.path.join(examples.uri, "feature_spec.json")) as file:
        spec = FeatureSpec.from_json(file.read())
    folder = artifact_utils.get_split_uri([examples], split)
    clips = RecordDataset([os.path.join(folder, "*")], spec)
    with storage.replacing(path) as temporary:
        caption_metrics.write_references(temporary, clips.references)

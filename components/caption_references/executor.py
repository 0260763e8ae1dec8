"""The work of `CaptionReferences`: reads a split's captions and writes the file."""

from __future__ import annotations

from tfx.types import Artifact

from components.evaluator import caption_metrics
from keras_models.data.records import RecordDataset
from transform.common import storage
from transform.records.dataset import ExtractedDataset


def write_references(examples: Artifact, split: str, path: str) -> None:
    """Writes all captions of a split to one file, for CIDEr-D's document frequencies.

    Args:
        examples: The records.
        split: The split that is evaluated.
        path: The file, which is replaced if it exists.
    """
    dataset = ExtractedDataset(examples.uri)
    clips = RecordDataset(dataset.files(split), dataset.spec)
    with storage.replacing(path) as temporary:
        caption_metrics.write_references(temporary, clips.references)

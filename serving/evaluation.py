"""Scores an exported model on a split of extracted records."""

from __future__ import annotations

from keras_models.data.records import RecordDataset
from keras_models.evaluation.evaluate import Evaluation, evaluate
from serving.client.local_model import LocalModel
from transform.records.dataset import ExtractedDataset
from transform.records.manifest import Manifest


def evaluate_split(
    model: LocalModel, dataset: ExtractedDataset, split: str = "test"
) -> tuple[Evaluation, str]:
    """Scores a model on a split of extracted records.

    Args:
        model: The model.
        dataset: The extracted records.
        split: The clips to caption.

    Returns:
        The scores, and the coverage: how many clips of the split were extracted.

    Raises:
        SpecMismatchError: The records are of another specification than the model's.
        DataError: There is no such split.
    """
    spec, manifest = dataset.spec, dataset.manifest
    theirs = f"the records in {dataset.folder}"
    model.spec.check_same(spec, ours="the model", theirs=theirs)
    clips, training = (
        RecordDataset(dataset.files(name), spec) for name in (split, "train")
    )
    results = model.caption_examples(list(clips.serialized()))
    captions = {
        clip.video_id: result.caption
        for clip, result in zip(clips.clips, results, strict=True)
    }
    evaluation = evaluate(captions, clips.references, training.references)
    rows = [row for row in manifest.rows if row.split == split]
    return evaluation, Manifest(rows).coverage()

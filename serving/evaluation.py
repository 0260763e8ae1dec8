"""Scores an exported model on a split of extracted records."""

from __future__ import annotations

from typing import NamedTuple

from keras_models.data.records import RecordDataset
from keras_models.evaluation.evaluate import Evaluation, evaluate
from serving.client.local_model import LocalModel
from transform.records.dataset import ExtractedDataset
from transform.records.manifest import Manifest


class Fallback(NamedTuple):
    """A model that captions the clips that another one has no records of."""

    model: LocalModel
    dataset: ExtractedDataset  # its own features of all clips


def evaluate_split(
    model: LocalModel,
    dataset: ExtractedDataset,
    split: str = "test",
    fallback: Fallback | None = None,
) -> tuple[Evaluation, str]:
    """Scores a model on a split of extracted records.

    Args:
        model: The model.
        dataset: The extracted records.
        split: The clips to caption.
        fallback: Captions the clips that `dataset` lacks, as where videos are gone and
            published features are left (Chen et al., 2019, Sec. 3).

    Returns:
        The scores, and the coverage: how many clips of the split were captioned.

    Raises:
        SpecMismatchError: The records are of another specification than the model's.
        DataError: There is no such split.
    """
    clips = _clips(model, dataset, split)
    captions, references = _captions(model, clips), dict(clips.references)
    rows = [row for row in dataset.manifest.rows if row.split == split]
    coverage = Manifest(rows).coverage()
    if fallback is not None:
        others = _clips(*fallback, split)
        ours = len(captions)
        captions = _captions(fallback.model, others) | captions
        references = {**others.references, **references}
        coverage += f", and {len(captions) - ours:,} by the fallback"
    captions_only = dataset.descriptions("train")
    training = RecordDataset(captions_only, dataset.spec).references
    found = evaluate(captions, references, training, tokenizer=model.tokenizer)
    return found, coverage


def _clips(model: LocalModel, dataset: ExtractedDataset, split: str) -> RecordDataset:
    """Returns the records of a split, which are of the model's specification."""
    theirs = f"the records in {dataset.folder}"
    model.spec.check_same(dataset.spec, ours="the model", theirs=theirs)
    return RecordDataset(dataset.files(split), dataset.spec)


def _captions(model: LocalModel, clips: RecordDataset) -> dict[str, str]:
    results = model.caption_examples(list(clips.serialized()))
    return {
        clip.video_id: result.spaced
        for clip, result in zip(clips.clips, results, strict=True)
    }

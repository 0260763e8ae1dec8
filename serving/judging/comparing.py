"""Compares two models, or two files of captions, on the same clips."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from keras_models.data.records import RecordDataset
from keras_models.metrics import METRICS
from keras_models.metrics.scorer import Scorer
from serving.client.local_model import LocalModel
from serving.gates.evidence import Captioned, Comparison, Sampling, compare
from serving.gates.verdict import number
from transform.common.errors import DataError
from transform.records.dataset import ExtractedDataset
from transform.records.tokenizers import Tokenizer, Words

_USUAL = Words()


def compare_models(
    ours: str, theirs: str, dataset: ExtractedDataset, split: str, sampling: Sampling
) -> list[Comparison]:
    """Compares two exported models on a split, by every metric.

    Args:
        ours: Folder of a model, or of versions of one.
        theirs: That of the model that it is held against.
        dataset: The extracted records.
        split: The clips to caption.
        sampling: The paired bootstrap.

    Raises:
        SpecMismatchError: A model reads features of another specification.
        DataError: There is no such split, or none of its clips has captions.
    """
    clips = RecordDataset(dataset.files(split), dataset.spec)
    records = list(clips.serialized())
    captions, models = [], [LocalModel(folder) for folder in (ours, theirs)]
    for folder, model in zip((ours, theirs), models, strict=True):
        place = f"the records in {dataset.folder}"
        model.spec.check_same(dataset.spec, ours=f"the model {folder}", theirs=place)
        results = model.caption_examples(records)
        captions.append(
            {
                clip.video_id: result.spaced
                for clip, result in zip(clips.clips, results, strict=True)
            }
        )
    first, second = captions
    return compare_captions(
        first,
        second,
        clips.references,
        theirs,
        sampling,
        tokenizer=models[0].tokenizer,
    )


def compare_captions(
    ours: Mapping[str, str],
    theirs: Mapping[str, str],
    references: Mapping[str, Sequence[str]],
    name: str,
    sampling: Sampling,
    metrics: Sequence[str] = tuple(METRICS),
    tokenizer: Tokenizer = _USUAL,
) -> list[Comparison]:
    """Compares captions of the clips that both have, by the paired bootstrap.

    Args:
        ours: Captions by clip.
        theirs: Those that they are held against.
        references: Captions of people, by clip.
        name: What the other captions are called.
        sampling: The bootstrap.
        metrics: Names of metrics.
        tokenizer: What splits all captions.

    Raises:
        DataError: There is no clip in common that has references.
    """
    common = [clip for clip in ours if clip in theirs and clip in references]
    if not common:
        raise DataError(
            "the two have no clip with references in common: are they captions of the "
            "same split, by the same ids?"
        )
    scorer = Scorer(references, tokenizer)
    sides = [
        Captioned(called, texts, scorer.collect({c: texts[c] for c in common}, metrics))
        for called, texts in (("these", ours), (name, theirs))
    ]
    return compare(sides[0], sides[1], metrics, sampling)


def conclusion(comparisons: Sequence[Comparison], confidence: float) -> str:
    """Says in a sentence what the comparisons come to, by CIDEr-D or the first."""
    by_name = {found.metric: found for found in comparisons}
    main = by_name.get("CIDEr-D", comparisons[0])
    low, high = main.interval
    if main.significant_gain:
        what = "The first is better"
    elif main.significant_fall:
        what = "The first is worse"
    else:
        what = "Nothing tells them apart"
    return (
        f"{what}: {main.metric} differs by {number(main.gain, signed=True)} "
        f"({100 * confidence:g} %: {number(low)} … {number(high)}) on {main.clips:,} "
        "clips."
    )

"""Checks of annotated clips: splits, captions, files, duplicates, and how many."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from pipeline.catalogue import content, wording
from pipeline.catalogue.finding import Finding, counted, error, named, warning
from transform.common.location import Location
from transform.datasets import Split, VideoRecord
from transform.records.tokenizers import Characters, Tokenizer

# What each split is for, in the words of a message.
_PURPOSES: dict[Split, str] = {
    "train": "a model learns from",
    "val": "training tells its best weights by",
    "test": "the model is scored and gated by",
}
# Below these, a model learns its clips by heart and little else.
FEW_CLIPS = 100
FEW_STEPS = 20  # of an epoch


def splits(clips: Sequence[VideoRecord]) -> Iterator[Finding]:
    """Finds the splits that no clip is in, and a test split that cannot be scored."""
    present = {clip.split for clip in clips}
    missing = [split for split in _PURPOSES if split not in present]
    if missing:
        reasons = "; ".join(f"{split} is what {_PURPOSES[split]}" for split in missing)
        yield error(
            "splits",
            f"no clip is in split {' or '.join(missing)} ({reasons}): give some of the "
            f"{counted(len(clips), 'clip')} that split, let `kinescribe init` divide "
            "them, or divide MSR-VTT's by its `splits`, as in {kind: by_number}.",
        )
    tested = [clip for clip in clips if clip.split == "test"]
    if tested and not any(clip.captions for clip in tested):
        yield error(
            "captions",
            f"none of the {counted(len(tested), 'test clip')} has a caption, so that "
            "nothing can be scored: caption some of them.",
        )


def captions(
    clips: Sequence[VideoRecord], max_words: int, tokenizer: Tokenizer
) -> Iterator[Finding]:
    """Finds captions that are cut or are one word, and test clips without any."""
    tested = [clip for clip in clips if clip.split == "test"]
    silent = [clip.video_id for clip in tested if not clip.captions]
    if silent and len(silent) < len(tested):
        yield warning(
            "captions",
            f"{counted(len(silent), 'test clip')} of {len(tested):,} without a caption "
            f"will not be scored: {named(silent)}.",
        )
    train = [text for clip in clips if clip.split == "train" for text in clip.captions]
    words = [wording.word_count(text, tokenizer) for text in train]
    if 10 * (long := sum(count > max_words for count in words)) > len(train):
        yield warning(
            "captions",
            f"{long:,} of {counted(len(train), 'training caption')} have more "
            f"than {max_words} words and will be cut: raise training.max_words.",
        )
    single = [len(t) > 5 and n == 1 for t, n in zip(train, words, strict=True)]
    if 2 * sum(single) > len(train):
        yield warning(
            "captions",
            f"{sum(single):,} of {counted(len(train), 'training caption')} come out as "
            f"a single word, as {train[single.index(True)]!r}: put spaces between "
            "words, or set vocabulary.tokenizer to {kind: characters}, which makes a "
            "word of every character.",
        )
    elif wording.spaceless(train) and not isinstance(tokenizer, Characters):
        yield warning(
            "captions",
            "the captions are of a script without spaces: each sign is a word, and "
            "models will write spaces between them; with vocabulary.tokenizer = "
            "{kind: characters} they write none. METEOR knows English alone.",
        )


def files(clips: Sequence[VideoRecord], max_failure_ratio: float) -> Iterator[Finding]:
    """Finds clips whose files are not there; those of other machines are left out."""
    if nameless := [clip.video_id for clip in clips if not clip.uri]:
        yield error(
            "clips",
            f"{counted(len(nameless), 'clip')} have no `video`, which features are "
            f"made of: {named(nameless)}; name their files, or import every feature.",
        )
        return
    here = sorted({clip.uri for clip in clips if not Location(clip.uri).is_remote})
    with ThreadPoolExecutor(8) as threads:
        found = dict(zip(here, threads.map(os.path.isfile, here), strict=True))
    absent = [clip for clip in clips if not found.get(clip.uri, True)]
    if not absent:
        return
    places = named([clip.uri for clip in absent])
    missing = f"{len(absent):,} of {counted(len(clips), 'clip')} cannot be found"
    if len(absent) > max_failure_ratio * len(clips):
        yield error(
            "clips",
            f"{missing}, more than extraction.max_failure_ratio = "
            f"{max_failure_ratio:g} allows: put {places} there, or correct the "
            "annotations.",
        )
    else:
        yield warning("clips", f"{missing} and will be left out: {places}.")


def duplicates(clips: Sequence[VideoRecord]) -> Iterator[Finding]:
    """Finds clips that show what a clip of another split shows: a leak."""
    leaks, parts, twice = [], [], []
    for shared in content.shared_files(clips):
        if pairs := shared.leaks():
            leaks += [_pair(*pair) for pair in pairs]
        elif len(shared.splits) > 1:
            parts.append(os.path.basename(shared.clips[0].uri))
        else:
            twice += [
                f"{before.video_id} and {clip.video_id}"
                for before, clip in shared.overlaps()
                if (before.start, before.end) == (clip.start, clip.end)
            ]
    if leaks:
        yield warning(
            "splits",
            f"{counted(len(leaks), 'pair')} of clips in different splits show the "
            f"same: {named(leaks)}; scores will be too good, so put each pair in one "
            "split.",
        )
    if parts:
        yield warning(
            "splits",
            f"{counted(len(parts), 'video')} ha{'s' if len(parts) == 1 else 've'} "
            f"parts in several splits ({named(parts)}), which look alike: scores of "
            "clips that are new altogether may be lower.",
        )
    if twice:
        yield warning(
            "clips",
            f"{counted(len(twice), 'pair')} of clips in one split are the same: "
            f"{named(twice)}; join their captions under one id.",
        )


def amount(clips: Sequence[VideoRecord], steps_per_epoch: int) -> Iterator[Finding]:
    """Finds data of which no model learns to describe clips that it has not seen."""
    train = [clip for clip in clips if clip.split == "train"]
    if not train or (len(train) >= FEW_CLIPS and steps_per_epoch >= FEW_STEPS):
        return
    sentences = sum(len(clip.captions) for clip in train)
    yield warning(
        "captions",
        f"{counted(len(train), 'training clip')} with {counted(sentences, 'caption')}, "
        f"{counted(steps_per_epoch, 'step')} an epoch, are too little to learn to "
        "describe new clips from: several hundred clips with five captions each are a "
        "beginning; until then begin with trained weights (`kinescribe train "
        "--begin-with`), keep the model small, and take the scores for a trial of the "
        "pipeline.",
    )


def _pair(one: VideoRecord, other: VideoRecord) -> str:
    return f"{one.video_id} ({one.split}) and {other.video_id} ({other.split})"

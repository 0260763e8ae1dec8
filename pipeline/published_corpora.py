"""The folders in which the papers' corpora lie, with the names of their files."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import NamedTuple

from keras_models.presets.published import CorpusName
from transform.common.errors import KinescribeError
from transform.datasets import (
    AnnotationSource,
    CorpusCsv,
    HeldOut,
    Msrvtt,
    Msvd,
    Mvad,
    SentenceFile,
    Split,
    Vatex,
)
from transform.datasets.splits import Splits
from transform.jobs.extraction_settings import ExtractionSettings

Found = Mapping[str, str]  # the part of a corpus → the name that it has in the folder


class PublishedCorpus(NamedTuple):
    """A corpus as it is published: one folder with annotation files and clips."""

    title: str
    # each part → the names that it may have; the first where none is there
    parts: Mapping[str, tuple[str, ...]]
    describe: Callable[[str, Found, Splits], AnnotationSource]
    extraction: ExtractionSettings

    def source(self, folder: str, splits: Splits) -> AnnotationSource:
        """Returns the description of the corpus in a folder, which need not exist."""
        found = {
            part: self._present(folder, part) or names[0]
            for part, names in self.parts.items()
        }
        return self.describe(folder, found, splits)

    def check(self, folder: str, splits: Splits) -> None:
        """Raises a `KinescribeError` that names every part which the folder lacks."""
        needed = [
            part
            for part in self.parts
            # Who makes a test split of the training clips reads no other test clips.
            if not (part == "test" and isinstance(splits, HeldOut))
        ]
        missing = [
            " or ".join(self.parts[part])
            for part in needed
            if self._present(folder, part) is None
        ]
        if missing:
            raise KinescribeError(
                f"{folder} is not a folder of {self.title}: it has no "
                f"{', no '.join(missing)}."
            )

    def _present(self, folder: str, part: str) -> str | None:
        for name in self.parts[part]:
            if os.path.exists(os.path.join(folder, name)):
                return name
        return None


def _msvd(folder: str, found: Found, splits: Splits) -> AnnotationSource:
    del splits  # all papers have the customary ones
    captions = os.path.join(folder, found["captions"])
    table = captions.endswith(".csv")
    return Msvd(
        captions=CorpusCsv(file=captions) if table else SentenceFile(file=captions),
        mapping=os.path.join(folder, found["mapping"]),
        videos=found["videos"],
    )


def _msrvtt(folder: str, found: Found, splits: Splits) -> AnnotationSource:
    names = [found["train and val"]]
    if not isinstance(splits, HeldOut):
        names.append(found["test"])
    return Msrvtt(
        files=tuple(os.path.join(folder, name) for name in names),
        videos=found["videos"],
        splits=splits,
    )


def _mvad(folder: str, found: Found, splits: Splits) -> AnnotationSource:
    del splits
    return Mvad(files=_files_by_split(folder, found), videos=found["videos"])


def _vatex(folder: str, found: Found, splits: Splits) -> AnnotationSource:
    del splits
    return Vatex(files=_files_by_split(folder, found), videos=found["videos"])


def _files_by_split(folder: str, found: Found) -> dict[Split, str]:
    splits: tuple[Split, ...] = ("train", "val", "test")
    return {split: os.path.join(folder, found[split]) for split in splits}


CORPORA: Mapping[CorpusName, PublishedCorpus] = {
    "msvd": PublishedCorpus(
        "MSVD",
        {
            "captions": ("sentences.txt", "video_corpus.csv"),
            "mapping": ("youtube_mapping.txt",),
            "videos": ("videos", "YouTubeClips"),
        },
        _msvd,
        ExtractionSettings(shards=8),
    ),
    "msrvtt": PublishedCorpus(
        "MSR-VTT",
        {
            "train and val": ("train_val_videodatainfo.json",),
            "test": ("test_videodatainfo.json",),
            "videos": ("videos",),
        },
        _msrvtt,
        ExtractionSettings(shards=32),
    ),
    "mvad": PublishedCorpus(
        "M-VAD",
        {
            "train": ("corpus_M-VAD_train.txt",),
            "val": ("corpus_M-VAD_val.txt",),
            "test": ("corpus_M-VAD_test.txt",),
            "videos": ("video",),
        },
        _mvad,
        ExtractionSettings(shards=64),
    ),
    "vatex": PublishedCorpus(
        "VATEX",
        {
            "train": ("vatex_training_v1.0.json",),
            "val": ("vatex_validation_v1.0.json",),
            "test": ("vatex_public_test_english_v1.1.json",),
            "videos": ("videos",),
        },
        _vatex,
        # Many of its videos have left YouTube.
        ExtractionSettings(shards=64, max_failure_ratio=0.2),
    ),
}


def get(name: str) -> PublishedCorpus:
    """Returns the corpus of that name.

    Raises:
        KinescribeError: There is none; the message lists the names that exist.
    """
    for known, corpus in CORPORA.items():
        if known == name:
            return corpus
    raise KinescribeError(
        f"there is no corpus {name!r}; choose one of: {', '.join(CORPORA)}."
    )

"""Annotation files → clips with captions."""

from __future__ import annotations

from typing import Annotated, Union

import pydantic

from transform.annotations.activitynet import ActivityNet
from transform.annotations.corpus import AnnotationError, Split, VideoRecord
from transform.annotations.csv_table import CsvTable
from transform.annotations.jsonl import Jsonl
from transform.annotations.msrvtt import MSRVTT_CATEGORIES, Msrvtt
from transform.annotations.msvd import CorpusCsv, Msvd, Sentences
from transform.annotations.mvad import Mvad
from transform.annotations.splits import ByNumber, HeldOut, Lists, Official
from transform.annotations.vatex import CutVideos, Vatex, WholeVideos

__all__ = [
    "MSRVTT_CATEGORIES",
    "ActivityNet",
    "AnnotationError",
    "AnnotationSource",
    "ByNumber",
    "CorpusCsv",
    "CsvTable",
    "CutVideos",
    "HeldOut",
    "Jsonl",
    "Lists",
    "Msrvtt",
    "Msvd",
    "Mvad",
    "Official",
    "Sentences",
    "Split",
    "Vatex",
    "VideoRecord",
    "WholeVideos",
    "read",
]

AnnotationSource = Annotated[
    Union[Jsonl, CsvTable, Msrvtt, Msvd, Vatex, Mvad, ActivityNet],
    pydantic.Field(discriminator="kind"),
]


def read(source: AnnotationSource) -> list[VideoRecord]:
    """All clips of a source, checked; `AnnotationError` is one sentence.

    Whether the video files exist is not looked at: a missing one ends as a failed row
    of the manifest.
    """
    return source.read()

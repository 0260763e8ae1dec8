"""Reads the annotation files of datasets into clips with captions."""

from __future__ import annotations

from typing import Annotated, Union

from transform.common.config import BY_KIND
from transform.datasets.activitynet import ActivityNet
from transform.datasets.csv_table import CsvTable
from transform.datasets.flickr8k import Flickr8k
from transform.datasets.jsonl import Jsonl
from transform.datasets.msrvtt import MSRVTT_CATEGORIES, Msrvtt
from transform.datasets.msvd import CorpusCsv, Msvd, SentenceFile
from transform.datasets.mvad import Mvad
from transform.datasets.splits import ByNumber, HeldOut, Lists, Official
from transform.datasets.vatex import CutVideos, Vatex, WholeVideos
from transform.datasets.video_record import AnnotationError, Split, VideoRecord

__all__ = [
    "MSRVTT_CATEGORIES",
    "ActivityNet",
    "AnnotationError",
    "AnnotationSource",
    "ByNumber",
    "CorpusCsv",
    "CsvTable",
    "CutVideos",
    "Flickr8k",
    "HeldOut",
    "Jsonl",
    "Lists",
    "Msrvtt",
    "Msvd",
    "Mvad",
    "Official",
    "SentenceFile",
    "Split",
    "Vatex",
    "VideoRecord",
    "WholeVideos",
    "read",
]

AnnotationSource = Annotated[
    Union[Jsonl, CsvTable, Msrvtt, Msvd, Vatex, Mvad, ActivityNet, Flickr8k],
    BY_KIND,
]


def read(source: AnnotationSource) -> list[VideoRecord]:
    """Reads and checks all clips of a source; `AnnotationError` is one sentence.

    The video files need not exist: a missing one becomes a failed row of the
    manifest.
    """
    return source.read()

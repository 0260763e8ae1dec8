"""Annotation files → clips with captions."""

from __future__ import annotations

from typing import Annotated, Union

import pydantic

from transform.annotations.corpus import AnnotationError, Split, VideoRecord
from transform.annotations.jsonl import Jsonl
from transform.annotations.msrvtt import MSRVTT_CATEGORIES, Msrvtt
from transform.annotations.msvd import CorpusCsv, Msvd, Sentences
from transform.annotations.mvad import Mvad
from transform.annotations.vatex import Vatex

__all__ = [
    "MSRVTT_CATEGORIES",
    "AnnotationError",
    "AnnotationSource",
    "CorpusCsv",
    "Jsonl",
    "Msrvtt",
    "Msvd",
    "Mvad",
    "Sentences",
    "Split",
    "Vatex",
    "VideoRecord",
    "read",
]

AnnotationSource = Annotated[
    Union[Msrvtt, Jsonl, Msvd, Vatex, Mvad], pydantic.Field(discriminator="kind")
]


def read(source: AnnotationSource) -> list[VideoRecord]:
    """All clips of a source, checked; `AnnotationError` is one sentence.

    Whether the video files exist is not looked at: a missing one ends as a failed row
    of the manifest.
    """
    return source.read()

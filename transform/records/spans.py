"""Numbers what a corpus was at one time or another, as TFX numbers examples.

The `span` of records counts the sets of clips that there have been, `version` the
records that were made of one set, as when a caption was corrected or a feature added.
The same records have the same numbers again, whoever makes them and however often.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from typing import NamedTuple

import tensorflow as tf

from transform.common import storage
from transform.common.config import Config

FILE = ".spans.json"  # in the folder of shared records


class Edition(NamedTuple):
    """The place of records among all that were made in a folder; both from 1 on."""

    span: int
    version: int


class _Span(Config):
    clips: str  # digest of the set
    versions: tuple[str, ...]  # digests of the records that were made of it


class _Spans(Config):
    spans: tuple[_Span, ...] = ()


def number(records: str, clips: Iterable[str], files: Iterable[str]) -> Edition:
    """Returns the numbers of records, new ones if they have none yet.

    Args:
        records: The folder of shared records, which remembers the numbers.
        clips: The hash of each clip.
        files: The paths of the records, whose names say their content.
    """
    path = os.path.join(records, FILE)
    known = _read(path)
    of_clips = _digest(clips)
    of_files = _digest(os.path.basename(file) for file in files)
    sets = [span.clips for span in known]
    if of_clips not in sets:
        sets.append(of_clips)
        known.append(_Span(clips=of_clips, versions=()))
    place = sets.index(of_clips)
    versions = known[place].versions
    if of_files not in versions:
        versions = (*versions, of_files)
        known[place] = known[place].replace(versions=versions)
        storage.write(path, _Spans(spans=tuple(known)).to_json())
    return Edition(place + 1, versions.index(of_files) + 1)


def _read(path: str) -> list[_Span]:
    try:
        with tf.io.gfile.GFile(path, "rb") as file:
            return list(_Spans.from_json(file.read(), path).spans)
    except tf.errors.NotFoundError:
        return []


def _digest(names: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(sorted(names)).encode()).hexdigest()[:16]

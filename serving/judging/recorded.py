"""What is kept of an evaluation: captions by clip, and the training's clips.

It lies in a version's `assets.extra/evaluation/`, so that a model can be compared with
long after its features can no longer be made.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import tensorflow as tf

from serving.gates.verdict import Verdict
from serving.pushing.destination import CAPTIONS, TRAINING, VERDICT
from transform.common import storage


class RecordedCaption(NamedTuple):
    """A model's caption of a test clip."""

    clip_hash: str  # of the clip's content, whatever it is called
    video_id: str
    caption: str
    log_prob: float
    baseline: str | None = None  # the caption of the model that it was compared with


def write_captions(folder: str, rows: Iterable[RecordedCaption]) -> None:
    """Writes one line of JSON a clip."""
    lines = "".join(
        json.dumps(row._asdict(), ensure_ascii=False) + "\n" for row in rows
    )
    storage.write(os.path.join(folder, CAPTIONS), lines)


def read_captions(folder: str) -> list[RecordedCaption]:
    """Reads what `write_captions` wrote; an absent file gives none."""
    text = _read(os.path.join(folder, CAPTIONS))
    lines = text.split("\n") if text else []
    return [RecordedCaption(**json.loads(line)) for line in lines if line]


def write_training(folder: str, clip_hashes: Sequence[str]) -> None:
    """Writes the hashes of the clips that a model was trained on."""
    lines = "".join(f"{clip}\n" for clip in sorted(set(clip_hashes)))
    storage.write(os.path.join(folder, TRAINING), lines)


def read_training(folder: str) -> frozenset[str] | None:
    """Reads what `write_training` wrote; None where nothing is recorded."""
    text = _read(os.path.join(folder, TRAINING))
    return None if text is None else frozenset(text.split())


def write_verdict(folder: str, verdict: Verdict) -> None:
    """Writes the verdict as JSON that a person can read, too."""
    text = json.dumps(verdict.to_dict(), indent=1, ensure_ascii=False)
    storage.write(os.path.join(folder, VERDICT), text)


def read_verdict(folder: str) -> Verdict | None:
    """Reads a verdict; None where there is none."""
    path = os.path.join(folder, VERDICT)
    text = _read(path)
    return None if text is None else Verdict.from_json(text, path)


def _read(path: str) -> str | None:
    if not tf.io.gfile.exists(path):
        return None
    with tf.io.gfile.GFile(path) as file:
        return file.read()

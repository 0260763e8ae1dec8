"""Recall and mean reciprocal rank of clips and captions that retrieve each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class Retrieval(NamedTuple):
    """Retrieval metrics from 0 to 1; 1 is perfect."""

    clip_recall: float  # captions whose clip is the nearest one
    caption_recall: float  # clips one of whose captions is the nearest one
    mean_reciprocal_rank: float  # of both, averaged


def measure(
    scores: np.ndarray, clip_of_caption: np.ndarray, related: np.ndarray
) -> Retrieval:
    """Ranks clips by captions and captions by clips, and returns the metrics.

    Where several are equally near, the rank is the middle one, so that a model that
    tells nothing apart has no success. Scores that are not numbers are the lowest.

    Args:
        scores: (B, R), of clip b and caption r.
        clip_of_caption: (R,), index of the clip that a caption was written for; every
            clip has one.
        related: (B, R) bool, captions that are right for a clip: its own ones, and
            others that say the same.
    """
    scores = np.where(np.isnan(scores), -np.inf, scores)
    right = scores[clip_of_caption, np.arange(len(clip_of_caption))]  # (R,)
    best = np.full(len(scores), -np.inf)  # (B,)
    np.maximum.at(best, clip_of_caption, right)
    wrong = np.where(related, -np.inf, scores)
    of_clips = _ranks(wrong, right[np.newaxis], 0)
    of_captions = _ranks(wrong, best[:, np.newaxis], 1)
    return Retrieval(
        float(np.mean(of_clips == 1)),
        float(np.mean(of_captions == 1)),
        float((np.mean(1 / of_clips) + np.mean(1 / of_captions)) / 2),
    )


def same_texts(
    clip_of_caption: np.ndarray, texts: Sequence[str], clips: int
) -> np.ndarray:
    """Returns which captions equal one of a clip's own: (clips, R) bool."""
    numbers = np.unique(np.array(texts), return_inverse=True)[1]  # (R,)
    equal = np.zeros((clips, numbers.max() + 1), bool)
    equal[clip_of_caption, numbers] = True
    return equal[:, numbers]


def _ranks(wrong: np.ndarray, right: np.ndarray, axis: int) -> np.ndarray:
    """Returns the ranks, from one, of right scores among wrong ones."""
    return 1 + np.sum(wrong > right, axis) + np.sum(wrong == right, axis) / 2

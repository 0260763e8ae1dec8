"""How often the right clip and the right caption come first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class Retrieval(NamedTuple):
    """Shares of captions and of clips; 1 is perfect."""

    clip_recall: float  # captions whose clip is the nearest one
    caption_recall: float  # clips one of whose captions is the nearest one
    mean_reciprocal_rank: float  # of both, averaged


def measure(scores: np.ndarray, own: np.ndarray, related: np.ndarray) -> Retrieval:
    """Ranks clips by captions, and captions by clips.

    Where several are equally near, the rank is the middle one, so that a model that
    tells nothing apart has no success.

    Args:
        scores: (B, R), of clip b and caption r.
        own: (R,), the clip that a caption was written for; every clip has one.
        related: (B, R) bool, captions that are right for a clip: its own ones, and
            others that say the same.
    """
    right = scores[own, np.arange(len(own))]  # (R,)
    best = np.full(len(scores), -np.inf)  # (B,)
    np.maximum.at(best, own, right)
    wrong = np.where(related, -np.inf, scores)
    of_clips = _ranks(wrong, right[np.newaxis], 0)
    of_captions = _ranks(wrong, best[:, np.newaxis], 1)
    return Retrieval(
        float(np.mean(of_clips == 1)),
        float(np.mean(of_captions == 1)),
        float((np.mean(1 / of_clips) + np.mean(1 / of_captions)) / 2),
    )


def same_texts(own: np.ndarray, texts: Sequence[str], clips: int) -> np.ndarray:
    """(clips, R) bool: which captions are, word by word, one of a clip's own."""
    numbers = np.unique(np.array(texts), return_inverse=True)[1]  # (R,)
    said = np.zeros((clips, numbers.max() + 1), bool)
    said[own, numbers] = True
    return said[:, numbers]


def _ranks(wrong: np.ndarray, right: np.ndarray, axis: int) -> np.ndarray:
    """Returns ranks from one, at which scores that are no numbers come last."""
    nearer = ~(wrong <= right)  # NaN counts as nearer
    return 1 + np.sum(nearer, axis) + np.sum(wrong == right, axis) / 2

"""How often the right clip and the right caption come first."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Retrieval(NamedTuple):
    """Shares of captions and of clips; 1 is perfect."""

    clip_recall: float  # captions whose clip is the nearest one
    caption_recall: float  # clips one of whose captions is the nearest one
    mean_reciprocal_rank: float  # of both, averaged


def measure(scores: np.ndarray, own: np.ndarray) -> Retrieval:
    """Ranks clips by captions, and captions by clips.

    Where several are equally near, the rank is the middle one, so that a model that
    tells nothing apart has no success.

    Args:
        scores: (B, R), of clip b and caption r.
        own: (R,), the clip that a caption was written for; every clip has one.
    """
    right = scores[own, np.arange(len(own))]  # (R,)
    of_clips = _ranks(scores, right[np.newaxis], 0) - 0.5  # it equals itself
    best = np.full(len(scores), -np.inf)
    np.maximum.at(best, own, right)
    others = np.arange(len(scores))[:, np.newaxis] != own  # (B, R)
    of_captions = _ranks(np.where(others, scores, -np.inf), best[:, np.newaxis], 1)
    return Retrieval(
        float(np.mean(of_clips == 1)),
        float(np.mean(of_captions == 1)),
        float((np.mean(1 / of_clips) + np.mean(1 / of_captions)) / 2),
    )


def _ranks(scores: np.ndarray, right: np.ndarray, axis: int) -> np.ndarray:
    return 1 + np.sum(scores > right, axis) + np.sum(scores == right, axis) / 2

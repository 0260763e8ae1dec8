"""Checks that a pipeline has clips to train on, to validate on and to test on."""

from __future__ import annotations

from collections.abc import Sequence

from transform.datasets import AnnotationError, AnnotationSource, Msrvtt, VideoRecord

_PURPOSES = {"train": "training", "val": "validation", "test": "testing"}


def check(clips: Sequence[VideoRecord], source: AnnotationSource) -> None:
    """Raises `AnnotationError` if one of the splits has no clip with a caption.

    Args:
        clips: All clips of a corpus.
        source: The annotations that they are from, for the way out.
    """
    found = {clip.split for clip in clips if clip.captions}
    if missing := [purpose for s, purpose in _PURPOSES.items() if s not in found]:
        listed = {clip.split for clip in clips}
        counts = ", ".join(
            f"{sum(clip.split == split for clip in clips):,} for {_PURPOSES[split]}"
            for split in _PURPOSES
            if split in listed
        )
        way_out = "give some of them that split in the annotations"
        if isinstance(source, Msrvtt):
            way_out = "`splits: {kind: by_number, …}` of the corpus makes such splits"
        raise AnnotationError(
            f"no clip with a caption is for {' or for '.join(missing)} (there are "
            f"{counts}); {way_out}."
        )

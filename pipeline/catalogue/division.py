"""Divides clips into splits so that what shows the same stays together."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

from pipeline.catalogue import content
from pipeline.catalogue.finding import counted
from transform.common.errors import DataError
from transform.datasets import Split, VideoRecord

_HELD_OUT: tuple[Split, ...] = ("val", "test")
_MOST = 2_000  # clips of a split that are enough for any score


def divide(
    clips: Sequence[VideoRecord], given: Mapping[str, Split], seed: int = 0
) -> list[VideoRecord]:
    """Returns the clips with a split each.

    A split that is given stays. A held-out split that nobody is in gets about a seventh
    of few clips, or a tenth of many, at random: first of the clips without a split,
    else of those that train. All parts and copies of one file go together.

    Args:
        clips: The clips; their own `split` does not count.
        given: The splits that are known, by the clips' ids.
        seed: Of the choice.

    Raises:
        DataError: There are too few different clips.
    """
    groups = _groups(clips)
    split_of: dict[str, Split] = dict(given)
    free = [g for g in groups if not any(clip.video_id in given for clip in g)]
    for group in groups:
        # Copies of a clip whose split is given belong beside it.
        known = [given[clip.video_id] for clip in group if clip.video_id in given]
        for clip in group:
            if known:
                split_of.setdefault(clip.video_id, known[0])
    absent = [split for split in _HELD_OUT if split not in split_of.values()]
    pool = free or [
        group
        for group in groups
        if all(split_of[clip.video_id] == "train" for clip in group)
    ]
    trained = "train" in given.values() and bool(free)
    if len(pool) < len(absent) + (not trained):
        raise DataError(
            f"{counted(len(pool), 'different clip')} without another split, too few to "
            f"divide: each of {', '.join((*absent, 'train'))} needs one."
        )
    random.Random(seed).shuffle(pool)
    share = 0.15 if len(clips) < 100 else 0.1
    wanted = min(_MOST, max(1, round(share * len(clips))))
    left = len(absent)
    for split in absent:
        taken = 0
        while taken < wanted and len(pool) > left + (not trained) - 1:
            group = pool.pop()
            taken += len(group)
            split_of |= {clip.video_id: split for clip in group}
        left -= 1
    for group in pool:
        for clip in group:
            split_of.setdefault(clip.video_id, "train")
    return [clip._replace(split=split_of[clip.video_id]) for clip in clips]


def _groups(clips: Sequence[VideoRecord]) -> list[list[VideoRecord]]:
    """Groups clips whose files are the same; each other one stands alone."""
    shared = [list(each.clips) for each in content.shared_files(clips)]
    together = {clip.video_id for group in shared for clip in group}
    alone = [[clip] for clip in clips if clip.video_id not in together]
    return sorted(shared + alone, key=lambda group: group[0].video_id)

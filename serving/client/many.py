"""Captions many clips: while some are decoded, others are captioned in batches."""

from __future__ import annotations

import collections
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import NamedTuple

from serving.client.base import ROWS_PER_CALL, ClipCaptioner
from serving.client.caption_result import CaptionResult
from serving.client.clip_parts import ClipPart
from serving.client.local_clips import local_clip
from transform.schema import SpecMismatchError
from transform.video.video_info import DecodeError


class Captioned(NamedTuple):
    """What became of a clip: captions, or why there are none."""

    clip: ClipPart
    result: CaptionResult | None
    problem: DecodeError | None


def caption_many(
    captioner: ClipCaptioner,
    clips: Iterable[ClipPart],
    category: str = "",
    workers: int | None = None,
) -> Iterator[Captioned]:
    """Captions clips, and gives them in their order as soon as they are done.

    A clip that cannot be decoded is one of the answers. No more clips are decoded ahead
    than two batches and one for each worker.

    Args:
        captioner: The model.
        clips: The clips, which may be found while others are captioned.
        category: Of all clips, as `ClipCaptioner.caption_file` has it.
        workers: Threads that decode; as many as there are cores.

    Raises:
        UnknownCategoryError: The model does not know the category.
        serving.errors.ServingError: The model does not respond.
    """
    workers = workers or os.cpu_count() or 1
    ahead = workers + 2 * ROWS_PER_CALL
    waiting = iter(clips)
    decoded: collections.deque[tuple[ClipPart, Future[bytes]]] = collections.deque()
    threads = ThreadPoolExecutor(workers)
    try:
        while True:
            for clip in islice(waiting, ahead - len(decoded)):
                decoded.append(
                    (clip, threads.submit(_record, captioner, clip, category))
                )
            if not decoded:
                return
            # What is decoded by now, but at least the next one.
            batch = [decoded.popleft()]
            while decoded and decoded[0][1].done() and len(batch) < ROWS_PER_CALL:
                batch.append(decoded.popleft())
            yield from _captioned(captioner, batch, category)
    finally:
        threads.shutdown(cancel_futures=True)


def _record(captioner: ClipCaptioner, clip: ClipPart, category: str) -> bytes:
    with local_clip(clip.path) as path:
        extraction = captioner.extract(path, clip.start, clip.end)
    return captioner.to_record(extraction, category)


def _captioned(
    captioner: ClipCaptioner,
    batch: list[tuple[ClipPart, Future[bytes]]],
    category: str,
) -> Iterator[Captioned]:
    problems: dict[ClipPart, DecodeError] = {}
    records: dict[ClipPart, bytes] = {}
    for clip, future in batch:
        try:
            records[clip] = future.result()
        except DecodeError as problem:
            problems[clip] = problem
    try:
        results = captioner.caption_examples(list(records.values()))
    except SpecMismatchError:  # a new model came in, which wants other features
        again = [_record(captioner, clip, category) for clip in records]
        results = captioner.caption_examples(again)
    by_clip = dict(zip(records, results, strict=True))
    for clip, _ in batch:
        yield Captioned(clip, by_clip.get(clip), problems.get(clip))

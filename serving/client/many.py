"""Captions many clips: while some are decoded, others are captioned in batches."""

from __future__ import annotations

import collections
import os
import time
from collections.abc import Collection, Iterable, Iterator
from concurrent import futures
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import NamedTuple

from serving.client.base import ROWS_PER_CALL, ClipCaptioner
from serving.client.caption_result import CaptionResult
from serving.client.clip_parts import ClipPart
from serving.client.local_clips import local_clip
from transform.schema import SpecMismatchError
from transform.video.frame_requests import FrameRequest
from transform.video.reader import ClipFrames
from transform.video.video_info import DecodeError

_GATHER_SECONDS = 0.5  # that a decoded clip waits for others to be captioned with


class Captioned(NamedTuple):
    """What became of a clip: captions, or why there are none."""

    clip: ClipPart  # without its frames
    result: CaptionResult | None
    problem: DecodeError | None
    kept: ClipFrames | None = None  # the frames that were to be kept


class _Record(NamedTuple):
    """A clip's record, and the frames of it that were to be kept."""

    data: bytes
    kept: ClipFrames | None


def caption_many(
    captioner: ClipCaptioner,
    clips: Iterable[ClipPart],
    category: str = "",
    workers: int | None = None,
    keep: Collection[FrameRequest] = (),
) -> Iterator[Captioned]:
    """Captions clips, and gives them in their order as soon as they are done.

    A clip that cannot be decoded is one of the answers. No more clips are decoded ahead
    than two batches and one for each worker; of clips that come with their frames, no
    more wait than two for each worker.

    Args:
        captioner: The model.
        clips: The clips, which may be found while others are captioned.
        category: Of all clips, as `ClipCaptioner.caption_file` has it.
        workers: Threads that decode; as many as there are cores.
        keep: Frames to return of each clip, from the same decoding.

    Raises:
        UnknownCategoryError: The model does not know the category.
        serving.common.errors.ServingError: The model does not respond.
    """
    workers = workers or os.cpu_count() or 1
    ahead = workers + 2 * ROWS_PER_CALL
    waiting = iter(clips)
    decoded: collections.deque[tuple[ClipPart, Future[_Record]]] = collections.deque()
    threads = ThreadPoolExecutor(workers)
    try:
        while True:
            for clip in islice(waiting, ahead - len(decoded)):
                job = threads.submit(_record, captioner, clip, category, keep)
                decoded.append((clip._replace(decoded=None), job))
                if clip.decoded and _unfinished(decoded) >= 2 * workers:
                    break  # frames take room
            if not decoded:
                return
            batch = _next_batch(decoded, workers)
            yield from _captioned(captioner, batch, category, keep)
    finally:
        threads.shutdown(cancel_futures=True)


def _next_batch(
    decoded: collections.deque[tuple[ClipPart, Future[_Record]]], workers: int
) -> list[tuple[ClipPart, Future[_Record]]]:
    """Takes what is decoded by now or in a moment, but at least the next clip.

    A caption in a batch costs a model half of what it costs alone. Nobody waits for
    more where that would leave workers without work.
    """
    batch = [decoded.popleft()]
    futures.wait([batch[0][1]])
    end = time.monotonic() + _GATHER_SECONDS
    while decoded and len(batch) < ROWS_PER_CALL:
        spare = _unfinished(decoded) > workers
        left = end - time.monotonic() if spare else 0.0
        futures.wait([decoded[0][1]], max(0.0, left))
        if not decoded[0][1].done():
            break
        batch.append(decoded.popleft())
    return batch


def _unfinished(jobs: Iterable[tuple[ClipPart, Future[_Record]]]) -> int:
    return sum(not job.done() for _, job in jobs)


def _record(
    captioner: ClipCaptioner,
    clip: ClipPart,
    category: str,
    keep: Collection[FrameRequest],
) -> _Record:
    with local_clip(clip.path) as path:
        found = captioner.extract(path, clip.start, clip.end, keep, clip.decoded)
    data = captioner.to_record(found, category)
    return _Record(data, found.frames if keep else None)


def _captioned(
    captioner: ClipCaptioner,
    batch: list[tuple[ClipPart, Future[_Record]]],
    category: str,
    keep: Collection[FrameRequest],
) -> Iterator[Captioned]:
    problems: dict[ClipPart, DecodeError] = {}
    records: dict[ClipPart, _Record] = {}
    for clip, future in batch:
        try:
            records[clip] = future.result()
        except DecodeError as problem:
            problems[clip] = problem
    try:
        results = captioner.caption_examples([each.data for each in records.values()])
    except SpecMismatchError:  # a new model came in, which wants other features
        again = [_record(captioner, clip, category, keep).data for clip in records]
        results = captioner.caption_examples(again)
    by_clip = dict(zip(records, results, strict=True))
    for clip, _ in batch:
        kept = records[clip].kept if clip in records else None
        yield Captioned(clip, by_clip.get(clip), problems.get(clip), kept)

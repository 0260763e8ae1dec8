"""Learns a codebook of audio words from the training clips of a corpus.

A Beam job takes windows of sound out of each clip, of which k-means makes the words.
Which windows depends on the clip's id and a seed, and they are put in the order of the
ids, so that the codebook is the same, whatever the number of workers.
"""

from __future__ import annotations

import base64
import collections
import hashlib
import json
import math
import os
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import apache_beam as beam
import numpy as np

from transform.audio import bag_of_words, log_mel
from transform.common import failures, outputs, progress_bar, storage
from transform.common.errors import KinescribeError
from transform.datasets import AnnotationSource, VideoRecord
from transform.datasets import read as read_annotations
from transform.jobs import text_rows
from transform.jobs.beam_runner import BeamRunner
from transform.jobs.extraction_settings import ExtractionSettings
from transform.jobs.work_tracker import WorkTracker
from transform.schema import AudioWords
from transform.video import reader
from transform.video.video_info import DecodeError

WINDOWS = 250_000  # of 25 ms, from all clips together
NO_SOUND = "it has no sound"


class CodebookError(KinescribeError, ValueError):
    """The clips have too little sound to learn a codebook from."""


class CodebookSources(NamedTuple):
    """Numbers of clips and windows that a codebook was learnt from."""

    clips: int  # of the training split
    with_sound: int
    windows: int
    reasons: dict[str, int]  # why others gave none, and how many


class Sample(NamedTuple):
    """Windows of one clip, or the reason why there are none."""

    video_id: str
    reason: str
    windows: np.ndarray  # (n, D) float32

    def to_json(self) -> str:
        data = base64.b64encode(self.windows.astype("<f4").tobytes()).decode()
        return json.dumps([self.video_id, self.reason, len(self.windows), data])

    @classmethod
    def from_json(cls, text: str) -> Sample:
        video_id, reason, rows, data = json.loads(text)
        values = np.frombuffer(base64.b64decode(data), "<f4")
        return cls(video_id, reason, values.reshape(rows, values.size // max(rows, 1)))


def learn(
    source: AnnotationSource,
    feature: AudioWords,
    *,
    out: str,
    settings: ExtractionSettings,
    windows: int = WINDOWS,
    seed: int = 0,
    pipeline_options: Sequence[str] = (),
) -> CodebookSources:
    """Learns the codebook of a feature and writes it, whole or not at all.

    Args:
        source: The annotations; only clips of the training split are listened to.
        feature: How many words there are, and of what windows.
        out: The codebook's file, an .npz.
        settings: How the job runs.
        windows: How many to learn from, about as many of each clip.
        seed: Of the choice of windows and of the start of k-means.
        pipeline_options: Beam options that `settings` wins over.

    Raises:
        AnnotationError: The annotations are wrong.
        CodebookError: The clips have too little sound for so many words.
        OutputError: The codebook cannot be written there.
    """
    outputs.require_file(out)
    clips = [clip for clip in read_annotations(source) if clip.split == "train"]
    each = math.ceil(windows / max(1, len(clips)))
    samples = _sample_windows(
        clips,
        WindowSampler(feature, each, seed),
        out,
        BeamRunner(settings, pipeline_options),
    )
    sampled = [sample.windows for sample in samples if len(sample.windows)]
    points = np.concatenate([*sampled, np.zeros((0, 3 * feature.coefficients), "f4")])
    steps = feature.words + bag_of_words.MAX_ROUNDS
    try:
        with progress_bar.shown("Learning words", steps) as report:
            codebook = bag_of_words.learn(points, feature.words, seed, report)
    except ValueError as error:
        raise CodebookError(
            f"{len(sampled)} of {len(clips)} training clips have sound, with too few "
            f"windows for {feature.words} words ({error}); lower the feature's `words`."
        ) from error
    codebook.save(out, feature)
    reasons = collections.Counter(sample.reason for sample in samples if sample.reason)
    return CodebookSources(
        len(clips), len(sampled), len(points), dict(sorted(reasons.items()))
    )


def _sample_windows(
    clips: list[VideoRecord], sampler: WindowSampler, out: str, runner: BeamRunner
) -> list[Sample]:
    """Samples the windows of every clip, in the order of the video ids."""
    folder = f"{out}.job"
    clips = [clip._replace(captions=()) for clip in clips]
    storage.remove(folder)
    with progress_bar.shown("Listening to clips", len(clips)) as report:
        samples, rest, workers = runner.estimate_workers(clips, sampler)
        report(len(samples))
        if rest:
            tracker = WorkTracker(os.path.join(folder, "tracker"))
            with (
                tracker.watched(lambda more: report(len(samples) + more)),
                runner.pipeline(workers) as pipeline,
            ):
                found = (
                    pipeline
                    | "Clips" >> beam.Create(rest)
                    | "Spread" >> beam.Reshuffle()
                    | "Listen" >> beam.ParDo(_SampleWindows(sampler, tracker))
                )
                text_rows.write(found, folder)
            samples += [Sample.from_json(line) for line in text_rows.read(folder)]
    storage.remove(folder)
    return sorted(samples, key=lambda sample: sample.video_id)


class WindowSampler:
    """Draws windows of sound from a clip, by its id and a seed.

    Args:
        feature: The audio words; windows are described as it says.
        each: The number of windows to draw from a clip.
        seed: Seed of the choice.
    """

    def __init__(self, feature: AudioWords, each: int, seed: int):
        self._feature = feature
        self._each = each
        self._seed = seed

    def __call__(self, clip: VideoRecord) -> Sample:
        none = np.zeros((0, 3 * self._feature.coefficients), np.float32)
        try:
            with storage.local_copy(clip.uri) as path:
                sound = reader.read_audio(path, log_mel.RATE, clip.start, clip.end)
        except FileNotFoundError:
            return Sample(clip.video_id, "there is no such file", none)
        except OSError as error:
            reason = f"the file cannot be read: {failures.reason(error)}"
            return Sample(clip.video_id, reason, none)
        except DecodeError as error:
            return Sample(clip.video_id, error.reason, none)
        windows = bag_of_words.windows_of(sound, self._feature)  # (W, D)
        if not len(windows):
            return Sample(clip.video_id, NO_SOUND, none)
        digest = hashlib.sha256(clip.video_id.encode()).digest()
        random = np.random.default_rng([self._seed, *digest])
        size = min(self._each, len(windows))
        chosen = np.sort(random.choice(len(windows), size, replace=False))
        return Sample(clip.video_id, "", windows[chosen])


class _SampleWindows(beam.DoFn):
    def __init__(self, sampler: WindowSampler, tracker: WorkTracker):
        self._sampler = sampler
        self._tracker = tracker

    def process(self, clip: VideoRecord) -> Iterator[str]:
        with self._tracker.claim(clip):
            sample = self._sampler(clip)
        yield sample.to_json()

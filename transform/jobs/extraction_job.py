"""The extraction job: from annotations and clips to a folder of records.

`ExtractFeatures` puts into the store what is not there yet; `ImportFeatures` looks at
features that were computed elsewhere. Only when it is known what became of every clip
does `AssembleExamples` join captions and features in records.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import count, repeat
from typing import NamedTuple

import apache_beam as beam

from transform.backbones import loading
from transform.common import outputs, processes, progress_bar, storage
from transform.common.location import Location
from transform.datasets import AnnotationSource, VideoRecord
from transform.datasets import read as read_annotations
from transform.jobs import check_categories, import_readers, text_rows
from transform.jobs.assemble_examples import AssembleExamples, assign_shards
from transform.jobs.beam_runner import BeamRunner, cores
from transform.jobs.extract_features import (
    FAILED,
    USABLE,
    ExtractFeatures,
    extract_clip,
)
from transform.jobs.extraction_settings import ExtractionSettings
from transform.jobs.import_features import (
    ImportFeatures,
    computed_features,
    import_row,
    imported,
    reads_video,
    row_without_video,
)
from transform.jobs.local_workers import WorkerEndedError
from transform.jobs.work_tracker import WorkTracker
from transform.records import feature_store
from transform.records.dataset import ExtractedDataset
from transform.records.feature_store import FeatureStore
from transform.records.manifest import Manifest, ManifestRow
from transform.schema import FeatureSpec
from transform.video.video_info import VideoInfo

JOB_FOLDER = ".job"  # of what workers say of clips, while the first job runs

_log = logging.getLogger(__name__)


def extract(
    source: AnnotationSource,
    spec: FeatureSpec,
    *,
    store: str,
    out: str,
    settings: ExtractionSettings,
    pipeline_options: Sequence[str] = (),
) -> Manifest:
    """Turns a corpus into records; only clips that the store lacks are decoded.

    The records become an `ExtractedDataset` in `out`, with a split for each that has
    a usable clip. The same clips and captions give the same bytes, whatever the number
    of workers.

    Args:
        source: The annotations, and where the clips lie.
        spec: The features; the hashes of weights are filled in. Where all are imported,
            no video file is opened.
        store: Folder of the feature store, kept between runs.
        out: Folder of the records; shards that it holds are replaced.
        settings: How the extraction runs.
        pipeline_options: Beam options that `settings` wins over.

    Raises:
        AnnotationError: The annotations are wrong, or have a category that the features
            do not.
        ConfigError: An imported feature has no files, or one for several videos.
        WeightsError: A network's weights are not to be had.
        ManifestError: More clips failed than the settings allow.
        OutputError: The store or the records cannot be written.
    """
    outputs.require_folder(out)
    found = find_features(source, spec, store, out, settings, pipeline_options)
    shards = assign_shards(found.clips, found.manifest, settings.shards)
    with found.runner.pipeline(1) as pipeline:
        _ = (
            pipeline
            | "Shards" >> beam.Create(shards)
            | "Assemble" >> AssembleExamples(found.spec, found.features, out)
        )
    dataset = ExtractedDataset(out)
    dataset.remove_shards_except({shard.path for shard in shards})
    manifest = found.manifest.in_shards(
        {row.video_id: shard.path for shard in shards for _, row in shard.clips}
    )
    dataset.write_spec(found.spec)
    dataset.write_manifest(manifest)
    _log.info("%s extracted to %s", manifest.coverage(), out)
    return manifest


class Found(NamedTuple):
    """The clips of a corpus, and what is known of them once all are extracted."""

    clips: list[VideoRecord]
    manifest: Manifest  # whose clips are in no shard yet
    spec: FeatureSpec  # with the hashes of weights
    features: FeatureStore
    runner: BeamRunner


def find_features(
    source: AnnotationSource,
    spec: FeatureSpec,
    store: str,
    job: str,
    settings: ExtractionSettings,
    pipeline_options: Sequence[str] = (),
) -> Found:
    """Puts the features of a corpus into the store; no record is written.

    Args:
        source: The annotations, and where the clips lie.
        spec: The features.
        store: Folder of the feature store.
        job: Folder that workers can write to; nothing is left there.
        settings: How the extraction runs.
        pipeline_options: Beam options that `settings` wins over.

    Raises:
        KinescribeError: As `extract`.
    """
    clips = read_annotations(source)
    check_categories.check(clips, spec)
    spec = loading.resolve(spec)
    imports = imported(spec)
    for feature in imports:
        import_readers.check_names(feature, clips)
    made = computed_features(spec)
    if reads_video(made):
        outputs.require_folder(store)
    features = FeatureStore(store, made.content_hash)
    runner = BeamRunner(settings, pipeline_options)

    if reads_video(made):
        rows = _extract_features(clips, made, features, job, runner)
    else:
        rows = [row_without_video(clip) for clip in clips]
    if imports:
        rows = _import_features(clips, rows, spec, job, runner)
    manifest = Manifest(rows)
    for reason, clips_lost in manifest.reasons():
        _log.warning("%d × %s", clips_lost, reason)
    manifest.check(settings.max_failure_ratio)
    return Found(clips, manifest, spec, features, runner)


def _extract_features(
    clips: list[VideoRecord],
    spec: FeatureSpec,
    store: FeatureStore,
    out: str,
    runner: BeamRunner,
) -> list[ManifestRow]:
    """Returns the rows of all clips; those not in the store are extracted first."""
    with progress_bar.shown("Extracting clips", len(clips)) as report:
        rows, missing = _look_up(clips, store, report)
        spec_json = spec.to_json()
        clips_in_flight = runner.settings.clips_together
        found, missing, workers = runner.estimate_workers(
            missing, lambda clip: extract_clip(clip, spec_json, store, clips_in_flight)
        )
        rows += found
        if missing:
            done = len(rows)
            rows += _run_until_none_dies(
                missing,
                spec,
                store,
                out,
                runner,
                workers,
                lambda more: report(done + more),
            )
    return rows


def _look_up(
    clips: list[VideoRecord], store: FeatureStore, report: Callable[[int], None]
) -> tuple[list[ManifestRow], list[VideoRecord]]:
    """Returns the rows of clips that are in the store, and the clips that are not.

    Reading a file costs a hundredth of decoding it, so that a job with nothing new
    starts no worker. Clips on other machines are left to the workers.
    """
    here = [clip for clip in clips if not Location(clip.uri).is_remote]
    rows: list[ManifestRow] = []
    with ThreadPoolExecutor(max_workers=cores()) as threads:
        for row in threads.map(_stored_row, here, repeat(store)):
            if row:
                rows.append(row)
                report(len(rows))
    stored = {row.video_id for row in rows}
    return rows, [clip for clip in clips if clip.video_id not in stored]


def _stored_row(clip: VideoRecord, store: FeatureStore) -> ManifestRow | None:
    if not os.path.isfile(clip.uri):  # a pipe or a device may never end
        return None
    try:
        name = feature_store.clip_hash(clip.uri, clip.start, clip.end)
    except OSError:
        return None
    info = store.info(name)
    return ManifestRow.of(clip, info, name) if info else None


def _import_features(
    clips: list[VideoRecord],
    rows: list[ManifestRow],
    spec: FeatureSpec,
    out: str,
    runner: BeamRunner,
) -> list[ManifestRow]:
    """Checks the imports of clips that are usable so far; returns all rows."""
    by_id = {clip.video_id: clip._replace(captions=()) for clip in clips}
    done = [row for row in rows if not row.usable]
    pairs = [(by_id[row.video_id], row) for row in sorted(rows) if row.usable]
    total = len(pairs)
    with progress_bar.shown("Looking at imports", total) as report:
        found, pairs, workers = runner.estimate_workers(
            pairs, lambda pair: import_row(*pair, spec)
        )
        done += found
        if pairs:
            folder = os.path.join(out, JOB_FOLDER)
            storage.remove(folder)
            tracker = WorkTracker(os.path.join(folder, "tracker"))
            with (
                tracker.watched(lambda more: report(total - len(pairs) + more)),
                runner.pipeline(workers) as pipeline,
            ):
                found = (
                    pipeline
                    | "Clips" >> beam.Create(pairs)
                    | "Imports" >> ImportFeatures(spec, tracker)
                )
                _write_rows(found, folder)
            done += _read_rows(folder)
    return done


def _write_rows(rows: beam.PCollection, folder: str) -> None:
    text_rows.write(rows | "ToJson" >> beam.Map(json.dumps), folder)


def _read_rows(folder: str) -> list[ManifestRow]:
    """Reads the rows that a job wrote, and removes its folder."""
    rows = [ManifestRow(*json.loads(line)) for line in text_rows.read(folder)]
    storage.remove(folder)
    return rows


def _run_until_none_dies(
    clips: list[VideoRecord],
    spec: FeatureSpec,
    store: FeatureStore,
    out: str,
    runner: BeamRunner,
    workers: int,
    report: Callable[[int], None],
) -> list[ManifestRow]:
    """Runs the extraction, and again whenever a worker process ended.

    A clip that ended one is a failed clip from then on; the others are found in the
    store. Workers that end without a clip, as where memory is short, come back fewer.
    """
    folder = os.path.join(out, JOB_FOLDER)
    clips_in_flight = runner.settings.clips_together
    for attempt in count():
        storage.remove(folder)
        tracker = WorkTracker(os.path.join(folder, f"tracker-{attempt}"))
        try:
            with tracker.watched(report), runner.pipeline(workers) as pipeline:
                found = (
                    pipeline
                    | "Clips" >> beam.Create(clips)
                    | "Features"
                    >> ExtractFeatures(spec, store, tracker, clips_in_flight)
                )
                both = (found[USABLE], found[FAILED]) | "Together" >> beam.Flatten()
                _write_rows(both, folder)
        except Exception as error:
            suspects = tracker.claimed()
            if not suspects:
                if not isinstance(error, WorkerEndedError) or workers == 1:
                    raise
                _log.warning("%s The job goes on with half of them.", error)
                workers //= 2
            for clip in suspects:
                if not _settle(clip, spec, store, clips_in_flight):
                    raise
        else:
            break
    return _read_rows(folder)


def _settle(
    clip: VideoRecord, spec: FeatureSpec, store: FeatureStore, clips_in_flight: int
) -> bool:
    """Extracts a clip in a process of its own; one that ends the process has failed.

    A job that ends takes all its workers with it, so the guilty clip is found here.
    False if no clip is to blame but what is around it, such as a full disk.
    """
    code = processes.run_alone(
        extract_clip, clip, spec.to_json(), store, clips_in_flight
    )
    if code == 1:  # Python's own, after an exception
        return False
    if code:
        reason = f"decoding it ends the process (exit code {code})"
        with storage.local_copy(clip.uri) as path:
            name = feature_store.clip_hash(path, clip.start, clip.end)
        store.put(name, VideoInfo.failed(reason), {})
    return True

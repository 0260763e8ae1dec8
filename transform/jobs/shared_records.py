"""Records that runs share: small files named by their content, and an index of them.

A run that finds ten new clips among thousands writes the files that those fall into and
an index; all others are there already. What a stage of a pipeline is handed is as small
as what it reads: an index for training, records without features for statistics and
vocabulary, and whole records of the clips that are evaluated.
"""

from __future__ import annotations

import hashlib
import json
import os
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import apache_beam as beam
import tensorflow as tf

from transform.common import outputs, storage
from transform.common.location import Location
from transform.datasets import AnnotationSource, VideoRecord
from transform.jobs import import_readers
from transform.jobs.assemble_examples import AssembleShared, Shard, id_hash
from transform.jobs.extraction_job import Found, find_features
from transform.jobs.extraction_settings import ExtractionSettings
from transform.jobs.import_features import imported
from transform.records import run_uses
from transform.records.dataset import DESCRIPTIONS, ExtractedDataset
from transform.records.manifest import Manifest, ManifestRow
from transform.records.run_uses import RunUse
from transform.schema import FeatureSpec

_FORMAT = 2  # of records; another one never takes a file for its own
_CLIPS = 2  # of a file, on average at the most: a new clip rewrites one file
_THREADS = 16  # remote stores answer slowly


class Folders(NamedTuple):
    """Where the parts of an extraction go."""

    records: str  # shared by all runs; files are only ever added
    examples: str  # index, specification and manifest
    descriptions: str  # all records without their features
    evaluation: str  # whole records of one split


def extract_shared(
    source: AnnotationSource,
    spec: FeatureSpec,
    *,
    store: str,
    folders: Folders,
    evaluated: str,
    settings: ExtractionSettings,
    pipeline_options: Sequence[str] = (),
) -> Manifest:
    """Turns a corpus into records, of which only new files are written.

    `folders.examples`, `.descriptions` and `.evaluation` become `ExtractedDataset`s.
    The same clips and captions give the same files in the same order.

    Args:
        source: The annotations, and where the clips lie.
        spec: The features; the hashes of weights are filled in.
        store: Folder of the feature store, kept between runs.
        folders: Where the parts go.
        evaluated: The split whose whole records are copied.
        settings: How the extraction runs.
        pipeline_options: Beam options that `settings` wins over.

    Raises:
        KinescribeError: As `extraction_job.extract`.
        ManifestError: All clips of a split failed.
    """
    for folder in folders:
        outputs.require_folder(folder)
    if not Location(folders.records).is_remote:  # as whoever reads it may be elsewhere
        folders = folders._replace(records=os.path.abspath(folders.records))
    # Workers on other machines have to reach it.
    job = os.path.join(folders.records, f".job-{uuid.uuid4().hex[:12]}")
    found = find_features(source, spec, store, job, settings, pipeline_options)
    storage.remove(job)
    found.manifest.check_splits()
    shards = {split: _shards(found, split) for split in found.manifest.splits()}
    everything = [shard for listed in shards.values() for shard in listed]
    with ThreadPoolExecutor(max_workers=_THREADS) as threads:
        paths = [
            os.path.join(folders.records, shard.path + DESCRIPTIONS)
            for shard in everything
        ]
        written = list(threads.map(tf.io.gfile.exists, paths))
    missing = [
        shard for shard, done in zip(everything, written, strict=True) if not done
    ]
    if missing:
        with found.runner.pipeline(1) as pipeline:
            _ = (
                pipeline
                | "Shards" >> beam.Create(missing)
                | "Assemble"
                >> AssembleShared(found.spec, found.features, folders.records)
            )
    return _hand_out(found, shards, folders, evaluated)


def _hand_out(
    found: Found, shards: dict[str, list[Shard]], folders: Folders, evaluated: str
) -> Manifest:
    """Writes the index, the descriptions and the evaluated records."""
    index, descriptions, evaluation = map(ExtractedDataset, folders[1:])
    places: dict[str, str] = {}
    copied: dict[str, str] = {}
    for split, listed in shards.items():
        files = [os.path.join(folders.records, shard.path) for shard in listed]
        index.write_index(split, files)
        path = ExtractedDataset.shard_path(split, 0, 1)
        _join(
            [file + DESCRIPTIONS for file in files],
            os.path.join(descriptions.folder, path),
        )
        for number, (shard, file) in enumerate(zip(listed, files, strict=True)):
            places |= {row.video_id: file for _, row in shard.clips}
            if split == evaluated:
                path = ExtractedDataset.shard_path(split, number, len(listed))
                copied |= {row.video_id: path for _, row in shard.clips}
                _join([file], os.path.join(evaluation.folder, path))
    manifest = found.manifest.in_shards(places)
    for dataset in (index, descriptions, evaluation):
        dataset.write_spec(found.spec)
        dataset.write_manifest(
            manifest.in_shards(copied) if dataset is evaluation else manifest
        )
    run_uses.write(
        folders.records,
        RunUse(
            records=[shard.path for listed in shards.values() for shard in listed],
            spec_hash=found.spec.content_hash,
            clips=[row.clip_hash for row in manifest.rows if row.clip_hash],
        ),
    )
    return manifest


def _shards(found: Found, split: str) -> list[Shard]:
    """Deals a split's usable clips to files by the hashes of their ids.

    The number of files is a power of two, so that it seldom changes.
    """
    by_id = {clip.video_id: clip for clip in found.clips}
    rows = [row for row in found.manifest.rows if row.usable and row.split == split]
    files = 1
    while files * _CLIPS < len(rows):
        files *= 2
    dealt: dict[int, list[tuple[VideoRecord, ManifestRow]]] = {}
    for row in rows:
        number = int.from_bytes(id_hash(row.video_id)[:8], "big") % files
        dealt.setdefault(number, []).append((by_id[row.video_id], row))
    return [
        Shard(_path(dealt[number], found.spec), dealt[number])
        for number in sorted(dealt)
    ]


def _path(clips: list[tuple[VideoRecord, ManifestRow]], spec: FeatureSpec) -> str:
    """Returns a file's path, which says all that its bytes follow from."""
    imports = imported(spec)
    content = [
        [
            *(clip.video_id, clip.captions, clip.category, *clip.labels),
            *(row.clip_hash, row.frames, row.seconds),
            [_stamps(path) for f in imports for path in import_readers.paths(f, clip)],
        ]
        for clip, row in clips
    ]
    described = json.dumps([_FORMAT, spec.content_hash, content])
    name = hashlib.sha256(described.encode()).hexdigest()[:32]
    return f"{spec.content_hash}/{name[:2]}/{name}.tfrecord"


def _stamps(path: str) -> list[int]:
    """Returns size and time of an imported file, which is not read for its name."""
    try:
        found = tf.io.gfile.stat(path)
    except tf.errors.NotFoundError:
        return []
    return [found.length, found.mtime_nsec]


def _join(sources: Sequence[str], target: str) -> None:
    """Writes files of records one after the other into one."""
    with (
        storage.replacing(target) as temporary,
        tf.io.gfile.GFile(temporary, "wb") as file,
    ):
        for source in sources:
            with tf.io.gfile.GFile(source, "rb") as part:
                file.write(part.read())

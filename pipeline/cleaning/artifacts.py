"""Which artifacts of runs on this machine can go, as ML Metadata tells it."""

from __future__ import annotations

import os
from collections.abc import Sequence

from ml_metadata.proto import metadata_store_pb2

from pipeline import metadata_store
from pipeline.cleaning.removal import Removal, Rules, state
from transform.common.errors import DataError
from transform.common.location import Location
from transform.records.dataset import ExtractedDataset
from transform.records.run_uses import RunUse

_RUN = "pipeline_run"  # TFX's type of context


def removable(
    root: str, rules: Rules, now: float
) -> tuple[list[RunUse], list[Removal]]:
    """Returns what the kept runs' records use, and the artifacts of other runs.

    A run on a cluster has its artifacts in the backend's bucket: then there are none.
    """
    database = os.path.join(root, metadata_store.FILE)
    if Location(root).is_remote or not os.path.isfile(database):
        return [], []
    with metadata_store.opened(root) as handle:
        runs = sorted(
            handle.store.get_contexts_by_type(_RUN),
            key=lambda run: -run.create_time_since_epoch,
        )
        kept = {
            artifact.uri
            for run in runs[: rules.keep_runs]
            for artifact in handle.store.get_artifacts_by_context(run.id)
        }
        known = {
            artifact.uri
            for artifact in handle.store.get_artifacts()
            if artifact.state == metadata_store_pb2.Artifact.LIVE
        }
    gone = []
    for uri in sorted(known - kept):
        if os.path.isdir(uri):
            stated = state(uri)
            if now - stated.modified > rules.older_days * 86400:
                why = f"not of the newest {rules.keep_runs} runs"
                gone.append(Removal("artifact", uri, stated.size, why))
    going = {removal.path for removal in gone}
    return [use for uri in sorted(known - going) for use in _uses(root, uri)], gone


def forget(root: str, uris: Sequence[str]) -> None:
    """Marks artifacts as deleted, so that no later run takes them from the cache."""
    if not uris:
        return
    with metadata_store.opened(root) as handle:
        found = [a for uri in uris for a in handle.store.get_artifacts_by_uri(uri)]
        for artifact in found:
            artifact.state = metadata_store_pb2.Artifact.DELETED
        handle.store.put_artifacts(found)


def _uses(root: str, uri: str) -> list[RunUse]:
    """Returns what an artifact's records consist of, if it is an index of records."""
    dataset = ExtractedDataset(uri)
    records = os.path.abspath(os.path.join(root, "records"))
    try:
        clips = [row.clip_hash for row in dataset.manifest.rows if row.clip_hash]
        files = [path for split in dataset.splits for path in dataset.files(split)]
        spec = dataset.spec.content_hash
    except DataError:  # an artifact of another kind
        return []
    paths = [os.path.abspath(path) for path in files]
    below = [
        os.path.relpath(path, records)
        for path in paths
        if path.startswith(records + os.sep)
    ]
    return [RunUse(records=below, spec_hash=spec, clips=clips)]

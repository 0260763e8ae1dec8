"""`ImportFeatures`: which clips have the features that were computed elsewhere.

Imported features are not kept in the feature store: they lie in files already. They are
looked at once before it is decided which clips are usable, and read again when records
are written.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import apache_beam as beam
from apache_beam.metrics import Metrics

from transform.common.config import ConfigError
from transform.common.errors import KinescribeError
from transform.datasets import VideoRecord
from transform.jobs import import_readers
from transform.jobs.import_readers import AbsentFeature, ImportProblem
from transform.jobs.journal import Journal
from transform.records import example_codec
from transform.records.manifest import ManifestRow
from transform.schema import Category, FeatureSpec, Imported, Sampling
from transform.schema.features.feature_files import MaskFeature
from transform.video.video_info import VideoInfo

_log = logging.getLogger(__name__)


class ChangedImportError(KinescribeError):
    """Imported features went away while they were read."""


class Imports(NamedTuple):
    """A clip's imported features, as they go into its record."""

    features: dict[str, bytes]
    remarks: tuple[str, ...]  # what is masked, and why

    @property
    def digest(self) -> str:
        """Thirty-two hex digits of the values."""
        digest = hashlib.sha256()
        for name, data in sorted(self.features.items()):
            digest.update(f"{name} {len(data)} ".encode() + data)
        return digest.hexdigest()[:32]


def imported(spec: FeatureSpec) -> tuple[Imported, ...]:
    """The features that come from files.

    Raises:
        ConfigError: It is not said of one where its files lie.
    """
    found = tuple(f for f in spec.features if isinstance(f, Imported))
    for feature in found:
        if feature.files is None:
            raise ConfigError(
                f"feature {feature.name} is imported "
                f"({feature.origin or 'of unknown origin'}), but its `files` does not "
                'say from where, as in {kind: npy, file: "features/{video_id}.npy"}.'
            )
    return found


def made_from_clips(spec: FeatureSpec) -> FeatureSpec:
    """The specification without what is imported or stands in the annotation.

    What the feature store goes by.
    """
    kept = tuple(f for f in spec.features if not isinstance(f, Imported | Category))
    return spec.replace(features=kept) if len(kept) < len(spec.features) else spec


def needs_clips(spec: FeatureSpec) -> bool:
    """Whether a video file has to be opened for any of the features."""
    return any(not isinstance(f, Imported | Category) for f in spec.features)


def import_clip(clip: VideoRecord, features: Sequence[Imported]) -> Imports:
    """A clip's imported features; one that is absent is masked where its files say so.

    Raises:
        ImportProblem: The clip cannot be used.
    """
    found: dict[str, bytes] = {}
    remarks = []
    for feature in features:
        try:
            values = import_readers.read(feature, clip)
        except AbsentFeature as error:
            if not (feature.files and isinstance(feature.files.absent, MaskFeature)):
                raise
            remarks.append(f"left out {error}")
        else:
            tensor = feature.tensor(Sampling())  # which it does not depend on
            found[feature.name] = example_codec.encode_tensor(values, tensor)
    return Imports(found, tuple(remarks))


def import_again(clip: VideoRecord, features: Sequence[Imported]) -> dict[str, bytes]:
    """The imported features of a clip that was found usable before.

    Raises:
        ChangedImportError: It is so no longer.
    """
    try:
        return import_clip(clip, features).features
    except ImportProblem as error:
        raise ChangedImportError(
            f"the imported features of clip {clip.video_id} changed while records were "
            f"written: {error}; leave them alone and run this again."
        ) from error


class ImportFeatures(beam.PTransform):
    """(clip, row of the manifest) pairs → the rows, with what the imports are like.

    A clip whose imports cannot be used has failed. The row of a clip that was not
    opened gets the hash of its imports.
    """

    def __init__(self, spec: FeatureSpec, journal: Journal):
        super().__init__()
        self._do = _ImportClip(spec.to_json(), journal)

    def expand(self, pairs: beam.PCollection) -> beam.PCollection:
        """Builds the job."""
        return pairs | "Spread" >> beam.Reshuffle() | "Import" >> beam.ParDo(self._do)


class _ImportClip(beam.DoFn):
    def __init__(self, spec_json: str, journal: Journal):
        self._spec_json = spec_json
        self._journal = journal

    def setup(self) -> None:
        self._spec = FeatureSpec.from_json(self._spec_json)

    def process(self, pair: tuple[VideoRecord, ManifestRow]) -> Iterator[ManifestRow]:
        clip, row = pair
        with self._journal.holding(clip):
            row = import_row(clip, row, self._spec)
        Metrics.counter("kinescribe", f"imports_{row.status}").inc()
        yield row


def import_row(clip: VideoRecord, row: ManifestRow, spec: FeatureSpec) -> ManifestRow:
    """A usable clip's row, after a look at its imports."""
    try:
        found = import_clip(clip, imported(spec))
        if not found.features and not needs_clips(spec):
            raise ImportProblem("; ".join((*found.remarks, "no feature is there")))
    except ImportProblem as error:
        return row._replace(status="failed", reason=str(error))
    except Exception as error:  # one clip never stops a run
        _log.exception("clip %s", clip.video_id)
        return row._replace(status="failed", reason=f"{type(error).__name__}: {error}")
    return row._replace(
        reason="; ".join(filter(None, (row.reason, *found.remarks))),
        clip_hash=row.clip_hash or found.digest,
    )


def unopened(clip: VideoRecord) -> ManifestRow:
    """The row of a clip whose file nothing needs; its length is known if annotated."""
    info = VideoInfo(
        status="ok",
        reason="",
        frames=0,
        packets_lost=0,
        fps=0.0,
        seconds=(clip.end or 0.0) - (clip.start or 0.0) if clip.end else 0.0,
        width=0,
        height=0,
        rotation=0,
        codec="",
        pixel_format="",
        audio="",
    )
    return ManifestRow.of(clip, info, "")

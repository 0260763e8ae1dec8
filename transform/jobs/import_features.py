"""`ImportFeatures`: finds the clips whose imported features can be used.

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
from transform.jobs.work_tracker import WorkTracker
from transform.records import example_codec
from transform.records.manifest import ManifestRow
from transform.schema import Category, FeatureSpec, FrameSampling, Imported
from transform.schema.features.feature_files import MaskFeature
from transform.video.video_info import VideoInfo

_log = logging.getLogger(__name__)


class ChangedImportError(KinescribeError):
    """Imported features went away while they were read."""


class Imports(NamedTuple):
    """The imported features of one clip, as they go into its record."""

    features: dict[str, bytes]
    remarks: tuple[str, ...]  # what is masked, and why

    @property
    def digest(self) -> str:
        """Hash of the values, as thirty-two hex digits."""
        digest = hashlib.sha256()
        for name, data in sorted(self.features.items()):
            digest.update(f"{name} {len(data)} ".encode() + data)
        return digest.hexdigest()[:32]


def imported(spec: FeatureSpec) -> tuple[Imported, ...]:
    """Returns the features of a specification that come from files.

    Raises:
        ConfigError: The `files` of one are not given.
    """
    features = tuple(f for f in spec.features if isinstance(f, Imported))
    for feature in features:
        if feature.files is None:
            raise ConfigError(
                f"feature {feature.name} is imported "
                f"({feature.origin or 'of unknown origin'}), but its `files` does not "
                'say from where, as in {kind: npy, file: "features/{video_id}.npy"}.'
            )
    return features


def computed_features(spec: FeatureSpec) -> FeatureSpec:
    """Returns the specification of the features that are computed from clips alone.

    Imported features and those that stand in the annotation are left out. Its hash is
    the one that the feature store uses.
    """
    kept = tuple(f for f in spec.features if not isinstance(f, Imported | Category))
    return spec.replace(features=kept) if len(kept) < len(spec.features) else spec


def reads_video(spec: FeatureSpec) -> bool:
    """Returns whether a video file has to be opened for any of the features."""
    return any(not isinstance(f, Imported | Category) for f in spec.features)


def import_clip(clip: VideoRecord, features: Sequence[Imported]) -> Imports:
    """Reads a clip's imported features; an absent one is masked if its files say so.

    Raises:
        ImportProblem: The clip cannot be used.
    """
    encoded: dict[str, bytes] = {}
    remarks = []
    for feature in features:
        try:
            values = import_readers.read(feature, clip)
        except AbsentFeature as error:
            if not (feature.files and isinstance(feature.files.absent, MaskFeature)):
                raise
            remarks.append(f"left out {error}")
        else:
            tensor = feature.tensor(FrameSampling())  # which it does not depend on
            encoded[feature.name] = example_codec.encode_tensor(values, tensor)
    return Imports(encoded, tuple(remarks))


def import_again(clip: VideoRecord, features: Sequence[Imported]) -> dict[str, bytes]:
    """Reads the imported features of a clip that was usable before.

    Raises:
        ChangedImportError: It is no longer usable.
    """
    try:
        return import_clip(clip, features).features
    except ImportProblem as error:
        raise ChangedImportError(
            f"the imported features of clip {clip.video_id} changed while records were "
            f"written: {error}; leave them alone and run this again."
        ) from error


class ImportFeatures(beam.PTransform):
    """Checks the imports of (clip, row of the manifest) pairs and gives their rows.

    A clip whose imports cannot be used has failed. The row of a clip that was not
    opened gets the hash of its imports.
    """

    def __init__(self, spec: FeatureSpec, tracker: WorkTracker):
        super().__init__()
        self._do = _ImportClip(spec.to_json(), tracker)

    def expand(self, pairs: beam.PCollection) -> beam.PCollection:
        """Applies the transform to the pairs."""
        return pairs | "Spread" >> beam.Reshuffle() | "Import" >> beam.ParDo(self._do)


class _ImportClip(beam.DoFn):
    def __init__(self, spec_json: str, tracker: WorkTracker):
        self._spec_json = spec_json
        self._tracker = tracker

    def setup(self) -> None:
        self._spec = FeatureSpec.from_json(self._spec_json)

    def process(self, pair: tuple[VideoRecord, ManifestRow]) -> Iterator[ManifestRow]:
        clip, row = pair
        with self._tracker.claim(clip):
            row = import_row(clip, row, self._spec)
        Metrics.counter("kinescribe", f"imports_{row.status}").inc()
        yield row


def import_row(clip: VideoRecord, row: ManifestRow, spec: FeatureSpec) -> ManifestRow:
    """Checks the imports of a usable clip and returns its row."""
    try:
        imports = import_clip(clip, imported(spec))
        if not imports.features and not reads_video(spec):
            raise ImportProblem("; ".join((*imports.remarks, "no feature is there")))
    except ImportProblem as error:
        return row._replace(status="failed", reason=str(error))
    except Exception as error:  # one clip never stops a run
        _log.exception("clip %s", clip.video_id)
        return row._replace(status="failed", reason=f"{type(error).__name__}: {error}")
    return row._replace(
        reason="; ".join(filter(None, (row.reason, *imports.remarks))),
        clip_hash=row.clip_hash or imports.digest,
    )


def row_without_video(clip: VideoRecord) -> ManifestRow:
    """Returns the row of a clip whose file is not opened.

    Its length is known if the annotation has it.
    """
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

"""`ExtractedDataset`: the folder of records that an extraction writes."""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Collection, Sequence

import tensorflow as tf

from transform.common import documents, storage
from transform.common.errors import DataError
from transform.records.manifest import Manifest, ManifestRow
from transform.schema import FeatureSpec

_SPEC_FILE = "feature_spec.json"
_SPLIT_PREFIX = "Split-"  # TFX's name for the folder of a split
_INDEX = "shards.json"  # in a split's folder: where its files are, if not there
DESCRIPTIONS = ".descriptions"  # after such a file's name: its records, no features


class ExtractedDataset:
    """Reads and writes the folder of one extraction, which TFX calls `Examples`.

    It holds `Split-<split>/data_tfrecord-…` for each split, `feature_spec.json`,
    `manifest.parquet` and `manifest.csv`. Folders are listed rather than matched, so
    that a name with `[`, `*` or `?` in it is a name like any other.

    Args:
        folder: Any path that `tf.io.gfile` knows. It need not exist until it is read.
    """

    def __init__(self, folder: str | os.PathLike[str]):
        self.folder = os.fspath(folder)

    @classmethod
    def of_split_pattern(cls, pattern: str) -> ExtractedDataset:
        """Returns the dataset whose split's files TFX names by `<folder>/<split>/*`."""
        return cls(os.path.dirname(os.path.dirname(pattern)))

    @staticmethod
    def shard_path(split: str, index: int, total: int) -> str:
        """Returns the path of one of a split's `total` files, below the folder."""
        return f"{_SPLIT_PREFIX}{split}/data_tfrecord-{index:05d}-of-{total:05d}"

    @functools.cached_property
    def spec(self) -> FeatureSpec:
        """The specification that the features were made by.

        Raises:
            DataError: The folder or the file is missing.
        """
        path = os.path.join(self.folder, _SPEC_FILE)
        try:
            with tf.io.gfile.GFile(path, "rb") as file:
                return FeatureSpec.from_json(file.read(), path)
        except tf.errors.NotFoundError as error:
            raise self._without(path) from error

    @functools.cached_property
    def manifest(self) -> Manifest:
        """The row of every annotated clip.

        Raises:
            DataError: The folder or the file is missing.
        """
        manifest = Manifest.read(self.folder)
        if manifest is None:
            raise self._without(os.path.join(self.folder, Manifest.FILE))
        return manifest

    @property
    def splits(self) -> tuple[str, ...]:
        """The names of the splits with at least one file, sorted."""
        return tuple(
            name.removeprefix(_SPLIT_PREFIX)
            for name in storage.names_in(self.folder)
            if name.startswith(_SPLIT_PREFIX) and self._shards(name)
        )

    def files(self, split: str) -> list[str]:
        """Returns the sorted paths of a split's TFRecord files.

        Raises:
            DataError: The folder is missing, or has no records of this split.
        """
        if (elsewhere := self._index(split)) is not None:
            return elsewhere
        name = _SPLIT_PREFIX + split
        if paths := self._shards(name):
            return [os.path.join(self.folder, path) for path in paths]
        if splits := ", ".join(self.splits):
            raise DataError(
                f"there are no records of split {split} in {self.folder}, only of "
                f"{splits}."
            )
        raise self._without(os.path.join(self.folder, name))

    def descriptions(self, split: str) -> list[str]:
        """Returns files with the captions of a split's records, as small as there are.

        Those of shared records leave the features out.

        Raises:
            DataError: As `files`.
        """
        elsewhere = self._index(split)
        if elsewhere is None:
            return self.files(split)
        return [path + DESCRIPTIONS for path in elsewhere]

    def path_of(self, row: ManifestRow) -> str:
        """Returns the path of the file with a clip's record, as the manifest has it."""
        if self._index(row.split) is not None:
            return row.shard
        return os.path.join(self.folder, row.shard)

    def _index(self, split: str) -> list[str] | None:
        """Returns a split's files if they are elsewhere."""
        path = os.path.join(self.folder, _SPLIT_PREFIX + split, _INDEX)
        try:
            with tf.io.gfile.GFile(path, "rb") as file:
                return documents.parse_json(file.read(), path)
        except tf.errors.NotFoundError:
            return None

    def write_index(self, split: str, files: Sequence[str]) -> None:
        """Lets a split consist of files elsewhere, in this order."""
        path = os.path.join(self.folder, _SPLIT_PREFIX + split, _INDEX)
        storage.write(path, json.dumps(list(files)))

    def write_spec(self, spec: FeatureSpec) -> None:
        """Writes the specification beside the splits, whole or not at all."""
        path = os.path.join(self.folder, _SPEC_FILE)
        storage.write(path, spec.to_json().encode())
        self.__dict__.pop("spec", None)

    def write_manifest(self, manifest: Manifest) -> None:
        """Writes the manifest beside the splits, as Parquet and as CSV."""
        manifest.write(self.folder)
        self.__dict__.pop("manifest", None)

    def remove_shards_except(self, paths: Collection[str]) -> None:
        """Removes the files and splits of an earlier run.

        Args:
            paths: The files to keep, as `shard_path` names them.
        """
        for name in storage.names_in(self.folder):
            if not name.startswith(_SPLIT_PREFIX):
                continue
            folder = os.path.join(self.folder, name)
            present = {f"{name}/{file}" for file in storage.names_in(folder)}
            for path in present.difference(paths):
                tf.io.gfile.remove(os.path.join(self.folder, path))
            if present.isdisjoint(paths):
                tf.io.gfile.rmtree(folder)

    def _shards(self, split_folder: str) -> list[str]:
        names = storage.names_in(os.path.join(self.folder, split_folder))
        # A file whose writing was interrupted has a hidden name.
        return [f"{split_folder}/{name}" for name in names if not name.startswith(".")]

    def _without(self, path: str) -> DataError:
        return DataError(
            f"there are no records in {self.folder}: {path} is missing; write them "
            "with `kinescribe extract`."
        )

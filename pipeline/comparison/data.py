"""The data that rows are compared on: folders of records with one specification."""

from __future__ import annotations

import collections
import functools
import os
from collections.abc import Mapping

import tensorflow as tf

from keras_models.data.records import RecordDataset
from transform.common import storage
from transform.common.errors import DataError
from transform.moving_world.truth import DrawnClip
from transform.records.dataset import ExtractedDataset
from transform.schema import FeatureSpec

_DONE = "complete"  # the file that says that records are written whole
HELD_OUT = 10  # one of so many training clips chooses weights where no split does


class ComparisonData:
    """Extracted records in three splits, in one or several parts.

    Rows are trained on the clips of all parts together; their captions are scored for
    each part and for all of them.

    Args:
        name: Of the data, in tables.
        parts: The folder of each part, by the part's name.
        drawn: What is known of the test clips, by id, where they were drawn.

    Raises:
        DataError: A part lacks a split.
        SpecMismatchError: The parts differ in their specification.
    """

    def __init__(
        self,
        name: str,
        parts: Mapping[str, str | os.PathLike[str]],
        drawn: Mapping[str, DrawnClip] | None = None,
    ):
        self.name = name
        self.drawn = drawn or {}
        self._splits: dict[tuple[str, str | None], RecordDataset] = {}
        self.parts = {part: ExtractedDataset(folder) for part, folder in parts.items()}
        first, *others = self.parts.values()
        self.spec: FeatureSpec = first.spec
        for other in others:
            self.spec.check_same(
                other.spec, ours=first.folder, theirs=f"the part in {other.folder}"
            )

    def split(self, name: str, part: str | None = None) -> RecordDataset:
        """Returns a split of one part, or of all of them, whose files are read once.

        Raises:
            DataError: Two parts have a clip of the same id.
        """
        if (name, part) in self._splits:
            return self._splits[name, part]
        datasets = self.parts.values() if part is None else [self.parts[part]]
        records = RecordDataset(
            [file for dataset in datasets for file in dataset.files(name)], self.spec
        )
        ids = collections.Counter(clip.video_id for clip in records.clips)
        if len(ids) < len(records.clips):
            (twice, _), *_ = ids.most_common(1)
            raise DataError(
                f"two parts of {self.name} have a clip {twice}: captions go by id, so "
                "give the clips of one part other ids and extract it again."
            )
        self._splits[name, part] = records
        return records

    @functools.cached_property
    def digest(self) -> str:
        """Hex digits that identify the clips of all splits."""
        return "-".join(self.split(name).digest for name in ("train", "val", "test"))


def with_test_split(dataset: ExtractedDataset, folder: str) -> ExtractedDataset:
    """Returns records with three splits, made of records that have no test clips.

    What was for validation is tested on, since nothing may be chosen on what is
    reported; one of `HELD_OUT` training clips chooses the weights. A dataset with a
    test split is returned as it is. The new records are written to `folder` once.

    Raises:
        DataError: There is no training or validation split either.
    """
    missing = {"train", "val", "test"} - {*dataset.splits}
    if not missing:
        return dataset
    if missing != {"test"}:
        raise DataError(
            f"{dataset.folder} lacks clips for {' and '.join(sorted(missing))}; "
            "a comparison needs train and val, and takes test where there is one."
        )
    made = ExtractedDataset(folder)
    if os.path.exists(os.path.join(folder, _DONE)):
        return made
    training = list(RecordDataset(dataset.files("train"), dataset.spec).serialized())
    validation = RecordDataset(dataset.files("val"), dataset.spec).serialized()
    held_out = slice(HELD_OUT - 1, None, HELD_OUT)
    chosen = training[held_out]
    del training[held_out]
    splits = {"train": training, "val": chosen, "test": validation}
    for split, records in splits.items():
        path = os.path.join(folder, made.shard_path(split, 0, 1))
        tf.io.gfile.makedirs(os.path.dirname(path))
        with tf.io.TFRecordWriter(path) as writer:
            for record in records:
                writer.write(record)
    made.write_spec(dataset.spec)
    storage.write(os.path.join(folder, _DONE), "")
    return made

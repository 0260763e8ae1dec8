"""Data that a comparison can be asked for: folders of records, and the drawn world."""

from __future__ import annotations

import os
from collections.abc import Sequence

from pipeline.comparison.data import ComparisonData, with_test_split
from pipeline.comparison.moving_world import Counts, drawn_clips, prepare
from transform.common.errors import DataError
from transform.records.dataset import ExtractedDataset

QUICK = Counts(train=80, val=24, test=24)


def moving_world(name: str, root: str, counts: Counts) -> ComparisonData:
    """Returns the diagnostic subsets of the moving world, rendered and extracted once.

    Args:
        name: Of the data.
        root: Folder of the comparison.
        counts: Clips of each subset and split.
    """
    folder = os.path.join(root, f"{name}-{'-'.join(map(str, counts))}")
    datasets = prepare(folder, counts)
    return ComparisonData(
        name,
        {part: dataset.folder for part, dataset in datasets.items()},
        drawn_clips(datasets, "test", counts),
    )


def from_folders(name: str, folders: Sequence[str], root: str) -> ComparisonData:
    """Returns the data in folders of records.

    Args:
        name: Of the data; by default the first folder's.
        folders: Each a path, or `part=path`.
        root: Folder of the comparison, where records are split anew that have no clips
            for testing.

    Raises:
        DataError: Two parts have one name, or one cannot be read.
    """
    parts: dict[str, str] = {}
    for entry in folders:
        part, separator, path = entry.rpartition("=")
        part = part if separator else os.path.basename(os.path.abspath(path))
        if part in parts:
            raise DataError(f"two folders are called {part}; name them NAME=FOLDER.")
        split = os.path.join(root, "splits", part)
        parts[part] = with_test_split(ExtractedDataset(path), split).folder
    return ComparisonData(name or next(iter(parts)), parts)

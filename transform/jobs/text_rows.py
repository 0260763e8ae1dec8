"""Lines of text that a Beam job hands to whoever started it.

Beam's own text files are found by patterns, for which a folder's name may not have
brackets. The lines of a job are few: one for each clip.
"""

from __future__ import annotations

import os

import apache_beam as beam

from transform.common import storage
from transform.common.location import Location

_FILE = "rows.jsonl"


def write(lines: beam.PCollection, folder: str) -> None:
    """Writes all lines of a collection to a file of a folder."""
    path = os.path.join(folder, _FILE)
    _ = (
        lines
        | "Gathered" >> beam.combiners.ToList()
        | "Rows" >> beam.Map(_write_file, path)
    )


def read(folder: str) -> list[str]:
    """Returns the lines that a job wrote."""
    return (Location(folder) / _FILE).read_text().splitlines()


def _write_file(lines: list[str], path: str) -> None:
    storage.write(path, "".join(f"{line}\n" for line in sorted(lines)))

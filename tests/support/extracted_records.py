"""The folder of records of random clips, as an extraction would leave it."""

from __future__ import annotations

import pathlib

from tests.support import corpora
from transform.records.manifest import Manifest, ManifestRow


def write_records(folder: pathlib.Path, test: int = 6) -> pathlib.Path:
    """What `kinescribe extract` would write, where a clip of the test split failed."""
    rows = []
    for seed, (split, clips) in enumerate(
        {"train": 24, "val": 6, "test": test}.items()
    ):
        corpus = corpora.write(folder / f"Split-{split}", clips, seed)
        for clip in corpus.references:
            row = ManifestRow(
                clip, clip, split, "ok", "", 0, 9, 1.0, 8, 8, 25.0, "", "", ""
            )
            rows.append(row)
    failed = rows[-1]._replace(video_id="broken", status="failed", reason="no frames")
    Manifest([*rows, failed]).write(str(folder))
    (folder / "feature_spec.json").write_text(corpora.SPEC.to_json())
    return folder

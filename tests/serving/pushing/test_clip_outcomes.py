import hashlib

import pytest

from serving.pushing import clip_outcomes
from serving.pushing.destination import PushRecord
from tests.support.manifests import row
from tests.support.pushing import RECORD
from transform.common.errors import DataError
from transform.records.dataset import ExtractedDataset
from transform.records.manifest import Manifest


def outcomes(folder, *rows):
    Manifest(rows).write(str(folder))
    return clip_outcomes.of_records(ExtractedDataset(folder))


def test_clips_are_counted_by_split_status_and_reason(tmp_path):
    found = outcomes(
        tmp_path,
        row("a", "train"),
        row("b", "train", "short", "3 of 9 frames"),
        row("c", "train", "failed", "no frames"),
        row("d", "test", "failed", "no frames"),
        row("e", "test", "failed", "it has no video stream"),
    )
    assert found.clips == {
        "train": {"ok": 1, "short": 1, "failed": 1},
        "test": {"failed": 2},
    }
    assert found.failures == {"no frames": 2, "it has no video stream": 1}


def test_digest_is_what_sha256sum_prints_of_the_manifest(tmp_path):
    found = outcomes(tmp_path, row("a", "train"))
    content = (tmp_path / "manifest.csv").read_bytes()
    assert hashlib.sha256(content).hexdigest().startswith(found.manifest_digest)
    assert len(found.manifest_digest) == 16


def test_digest_changes_with_any_clip(tmp_path):
    digests = {
        outcomes(tmp_path / name, row(name, "train"), row("b", "val")).manifest_digest
        for name in ("a", "c")
    }
    assert len(digests) == 2


def test_reasons_that_name_each_file_do_not_fill_the_record(tmp_path):
    rows = [row(f"v{n}", "train", "failed", f"v{n}.npy is absent") for n in range(30)]
    found = outcomes(tmp_path, row("a", "train", "failed", "no frames"), *rows)
    assert len(found.failures) == 21
    assert found.failures[clip_outcomes.OTHER_REASONS] == 11
    assert sum(found.failures.values()) == 31


def test_records_without_a_manifest_are_one_sentence(tmp_path):
    with pytest.raises(DataError, match=str(tmp_path)):
        clip_outcomes.of_records(ExtractedDataset(tmp_path))


def test_older_records_say_what_was_used_and_not_what_was_wanted():
    second = RECORD.replace(format=2, clips={"train": {"ok": 5, "short": 1}})
    assert PushRecord.from_json(second.to_json()) == second
    assert (second.clips_used, second.clips_wanted) == (6, None)
    assert (RECORD.clips_used, RECORD.clips_wanted) == (0, None)

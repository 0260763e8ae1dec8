import pytest

from pipeline import metadata_store, report_again
from transform.common.errors import KinescribeError


def test_a_root_without_a_database_gets_one_that_is_opened_again(tmp_path):
    for _ in range(2):
        with metadata_store.opened(tmp_path) as handle:
            assert handle.store.get_executions() == []
    assert (tmp_path / metadata_store.FILE).read_bytes().startswith(b"SQLite format 3")


def test_a_damaged_database_is_one_sentence_that_says_what_to_do(tmp_path):
    (tmp_path / metadata_store.FILE).write_bytes(b"\0no database" * 999)
    with pytest.raises(KinescribeError, match=r"sqlite is damaged: .* Move it away; a"):
        report_again.report_again(tmp_path)
    (tmp_path / metadata_store.FILE).write_bytes(b"SQLite format 3\0" + b"\xff" * 9999)
    with pytest.raises(KinescribeError, match=r"sqlite cannot be opened: .*\.$"):
        report_again.report_again(tmp_path)

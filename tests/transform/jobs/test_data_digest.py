import os

import pytest

from tests.support import corpus
from transform.jobs.data_digest import data_digest

IDS = ("whole", "missing")


@pytest.fixture
def source(tmp_path):
    (tmp_path / "whole.mp4").write_bytes(b"frames")
    return corpus.annotate(tmp_path, IDS)


def test_digest_is_the_same_where_nothing_changed(source):
    assert data_digest(source) == data_digest(source)
    assert len(data_digest(source)) == 16


def test_digest_changes_with_a_caption(source, tmp_path):
    before = data_digest(source)
    corpus.annotate(tmp_path, IDS, {"whole": ["something else"]})
    assert data_digest(source) != before


def test_digest_changes_with_a_clip_and_when_one_turns_up(source, tmp_path):
    digests = {data_digest(source)}
    (tmp_path / "whole.mp4").write_bytes(b"more frames")
    digests.add(data_digest(source))
    os.utime(tmp_path / "whole.mp4", (0, 0))
    digests.add(data_digest(source))
    (tmp_path / "missing.mp4").touch()
    digests.add(data_digest(source))
    assert len(digests) == 4

import os

import pytest

from tests.support import corpus
from transform.datasets import VideoRecord
from transform.jobs.data_digest import data_digest

IDS = ("whole", "missing")


@pytest.fixture
def source(tmp_path):
    (tmp_path / "whole.mp4").write_bytes(b"frames")
    return corpus.annotate(tmp_path, IDS)


def test_digest_is_the_same_where_nothing_changed(source):
    assert data_digest(source.read()) == data_digest(source.read())
    assert len(data_digest(source.read())) == 16


def test_digest_changes_with_a_caption(source, tmp_path):
    before = data_digest(source.read())
    corpus.annotate(tmp_path, IDS, {"whole": ["something else"]})
    assert data_digest(source.read()) != before


def test_digest_changes_with_a_clip_and_when_one_turns_up(source, tmp_path):
    digests = {data_digest(source.read())}
    (tmp_path / "whole.mp4").write_bytes(b"more frames")
    digests.add(data_digest(source.read()))
    os.utime(tmp_path / "whole.mp4", (0, 0))
    digests.add(data_digest(source.read()))
    (tmp_path / "missing.mp4").touch()
    digests.add(data_digest(source.read()))
    assert len(digests) == 4


def test_clips_that_cannot_be_reached_have_no_stamp(tmp_path):
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "file").touch()
    names = ("x" * 300, "file/x.mp4", "loop", "absent", "gs:/odd", "nosuch://b/x")
    for name in names:
        uri = name if "://" in name else str(tmp_path / name)
        record = VideoRecord("a", uri, "train", ("a cat",))
        assert len(data_digest([record])) == 16

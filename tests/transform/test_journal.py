import subprocess
import sys

import pytest

from transform.annotations import VideoRecord
from transform.journal import Journal

CLIP = VideoRecord("v1", "clips/v1.mp4", "train", ("a ball rolls",), "", 1.0, None)

DIES = """
import os, sys
from transform.annotations import VideoRecord
from transform.journal import Journal
clip = VideoRecord("v1", "clips/v1.mp4", "train", ("a",), "", 1.0)
with Journal(sys.argv[1]).holding(clip):
    os._exit(9)
"""


def test_finished_clips_are_counted(tmp_path):
    journal = Journal(str(tmp_path / "journal"))
    assert journal.finished() == 0
    for _ in range(3):
        with journal.holding(CLIP):
            pass
    assert journal.finished() == 3
    assert journal.orphans() == []


def test_clip_that_raises_is_neither_finished_nor_held(tmp_path):
    journal = Journal(str(tmp_path))
    with pytest.raises(ZeroDivisionError), journal.holding(CLIP):
        raise ZeroDivisionError
    assert journal.finished() == 0
    assert journal.orphans() == []


def test_clip_that_is_being_read_is_no_orphan(tmp_path):
    journal = Journal(str(tmp_path))
    with journal.holding(CLIP):
        assert journal.orphans() == []


def test_clip_of_a_dead_process_is_told_once(tmp_path):
    subprocess.run([sys.executable, "-c", DIES, str(tmp_path)], check=False)
    journal = Journal(str(tmp_path))
    assert journal.orphans() == [CLIP._replace(captions=())]
    assert journal.orphans() == []
    assert journal.finished() == 0

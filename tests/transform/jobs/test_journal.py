import os
import subprocess
import sys
import threading

import pytest

from transform.datasets import VideoRecord
from transform.jobs import journal as journals
from transform.jobs.journal import Journal

CLIP = VideoRecord("v1", "clips/v1.mp4", "train", ("a ball rolls",), "", 1.0, None)

DIES = """
import os, sys
from transform.datasets import VideoRecord
from transform.jobs.journal import Journal
clip = VideoRecord("v1", "clips/v1.mp4", "train", ("a",), "", 1.0)
with Journal(sys.argv[1]).holding(clip):
    os._exit(9)
"""


@pytest.fixture
def journal(tmp_path, monkeypatch):
    monkeypatch.setattr(journals, "SECONDS_BETWEEN_COUNTS", 0)
    return Journal(str(tmp_path / "journal"))


def test_finished_clips_are_counted(journal):
    assert journal.finished() == 0
    for _ in range(3):
        with journal.holding(CLIP):
            pass
    assert journal.finished() == 3
    assert journal.held() == []


def test_counts_of_processes_add_up(journal, monkeypatch):
    for process in ("one", "another"):
        monkeypatch.setattr(journals, "_PROCESS", process)
        monkeypatch.setattr(journals, "_finished", journals._finished.__class__())
        with journal.holding(CLIP):
            pass
    assert journal.finished() == 2


def test_threads_of_one_process_hold_a_clip_each(journal):
    both = threading.Barrier(2)

    def work():
        with journal.holding(CLIP):
            both.wait()
            both.wait()

    worker = threading.Thread(target=work)
    worker.start()
    both.wait()
    with journal.holding(CLIP):
        assert len(journal.held()) == 2
    both.wait()
    worker.join()
    assert journal.held() == []
    assert journal.finished() == 2


def test_counts_are_not_written_more_often_than_object_stores_allow(
    journal, monkeypatch
):
    monkeypatch.setattr(journals, "SECONDS_BETWEEN_COUNTS", 1000)
    for _ in range(3):
        with journal.holding(CLIP):
            pass
    assert journal.finished() == 1
    monkeypatch.setattr(journals, "SECONDS_BETWEEN_COUNTS", 0)
    with journal.holding(CLIP):
        pass
    assert journal.finished() == 4


def test_clip_that_raises_is_neither_finished_nor_held(journal):
    with pytest.raises(ZeroDivisionError), journal.holding(CLIP):
        raise ZeroDivisionError
    assert journal.finished() == 0
    assert journal.held() == []


def test_journal_that_was_thrown_away_stops_no_worker(journal):
    with journal.holding(CLIP):
        [held] = os.listdir(journal.folder)
        os.unlink(os.path.join(journal.folder, held))


def test_clip_of_a_dead_process_is_still_held(journal):
    subprocess.run([sys.executable, "-c", DIES, journal.folder], check=False)
    assert journal.held() == [CLIP._replace(captions=())]
    assert journal.finished() == 0

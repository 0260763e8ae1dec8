import collections
import os
import subprocess
import sys
import threading

import pytest

from transform.datasets import VideoRecord
from transform.jobs import work_tracker
from transform.jobs.work_tracker import WorkTracker

CLIP = VideoRecord("v1", "clips/v1.mp4", "train", ("a ball rolls",), "", 1.0, None)

DIES = """
import os, sys
from transform.datasets import VideoRecord
from transform.jobs.work_tracker import WorkTracker
clip = VideoRecord("v1", "clips/v1.mp4", "train", ("a",), "", 1.0)
with WorkTracker(sys.argv[1]).claim(clip):
    os._exit(9)
"""


@pytest.fixture
def tracker(tmp_path, monkeypatch):
    monkeypatch.setattr(work_tracker, "SECONDS_BETWEEN_COUNTS", 0)
    return WorkTracker(str(tmp_path / "tracker"))


def test_finished_clips_are_counted(tracker):
    assert tracker.finished() == 0
    for _ in range(3):
        with tracker.claim(CLIP):
            pass
    assert tracker.finished() == 3
    assert tracker.claimed() == []


def test_counts_of_processes_add_up(tracker, monkeypatch):
    for process in ("one", "another"):
        monkeypatch.setattr(work_tracker, "_PROCESS", process)
        monkeypatch.setattr(work_tracker, "_finished", collections.Counter())
        with tracker.claim(CLIP):
            pass
    assert tracker.finished() == 2


def test_threads_of_one_process_hold_a_clip_each(tracker):
    both = threading.Barrier(2)

    def work():
        with tracker.claim(CLIP):
            both.wait()
            both.wait()

    worker = threading.Thread(target=work)
    worker.start()
    both.wait()
    with tracker.claim(CLIP):
        assert len(tracker.claimed()) == 2
    both.wait()
    worker.join()
    assert tracker.claimed() == []
    assert tracker.finished() == 2


def test_counts_are_not_written_more_often_than_object_stores_allow(
    tracker, monkeypatch
):
    monkeypatch.setattr(work_tracker, "SECONDS_BETWEEN_COUNTS", 1000)
    for _ in range(3):
        with tracker.claim(CLIP):
            pass
    assert tracker.finished() == 1
    monkeypatch.setattr(work_tracker, "SECONDS_BETWEEN_COUNTS", 0)
    with tracker.claim(CLIP):
        pass
    assert tracker.finished() == 4


def test_clip_that_raises_is_neither_finished_nor_claimed(tracker):
    with pytest.raises(ZeroDivisionError), tracker.claim(CLIP):
        raise ZeroDivisionError
    assert tracker.finished() == 0
    assert tracker.claimed() == []


def test_folder_that_was_thrown_away_stops_no_worker(tracker):
    with tracker.claim(CLIP):
        [claim] = os.listdir(tracker.folder)
        os.unlink(os.path.join(tracker.folder, claim))


def test_clip_of_a_dead_process_is_still_claimed(tracker):
    subprocess.run([sys.executable, "-c", DIES, tracker.folder], check=False)
    assert tracker.claimed() == [CLIP._replace(captions=())]
    assert tracker.finished() == 0

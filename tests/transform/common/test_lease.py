import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from transform.common import lease
from transform.common.lease import Holder, LeaseError

HOLDER = """
import sys, time
from transform.common import lease
with lease.held(sys.argv[1], owner="other", seconds=float(sys.argv[2])):
    print("held", flush=True)
    time.sleep(60)
"""


def elsewhere(folder, owner="other", host="far", until=60.0):
    """An entry of another machine."""
    place = folder / lease.FOLDER
    place.mkdir(parents=True, exist_ok=True)
    now = time.time()
    entry = Holder(owner=owner, host=host, pid=1, since=now, until=now + until)
    (place / f"{owner}.json").write_text(entry.to_json())


def entries(folder):
    return sorted(path.name for path in (folder / lease.FOLDER).iterdir())


def test_a_second_owner_is_refused_with_who_where_and_since_when(tmp_path):
    elsewhere(tmp_path)
    with pytest.raises(LeaseError, match=r"other on far holds the lease of .* since 2"):
        with lease.held(str(tmp_path)):
            raise AssertionError("never reached")
    assert entries(tmp_path) == ["other.json"]


def test_processes_of_one_owner_hold_it_together_and_keep_since_when(tmp_path):
    with lease.held(str(tmp_path), "run-1", release=False):
        [before] = lease.others(str(tmp_path))
    with lease.held(str(tmp_path), "run-1", release=False):
        [after] = lease.others(str(tmp_path))
    assert after.since == before.since
    with pytest.raises(LeaseError, match="run-1"), lease.held(str(tmp_path), "run-2"):
        pass
    lease.release(str(tmp_path), "run-1")
    with lease.held(str(tmp_path), "run-2"):
        pass
    assert entries(tmp_path) == []


def test_an_entry_that_ran_out_is_nobodys(tmp_path):
    elsewhere(tmp_path, until=-1.0)
    with lease.held(str(tmp_path), "mine"):
        assert entries(tmp_path) == ["mine.json"]


def test_whoever_waits_comes_in_when_the_holder_ends(tmp_path):
    elsewhere(tmp_path, until=0.5)
    with lease.held(str(tmp_path), "mine", wait=60):
        assert entries(tmp_path) == ["mine.json"]


def test_a_holder_is_renewed_and_one_that_was_asleep_knows_it_lost(tmp_path):
    with lease.held(str(tmp_path), "mine", seconds=2.0) as mine:
        time.sleep(2.5)
        mine.check()
    with lease.held(str(tmp_path), "mine") as mine:
        os.remove(tmp_path / lease.FOLDER / "mine.json")  # as whoever came has done
        mine.renew()
        with pytest.raises(LeaseError, match="others may have written since"):
            mine.check()
    assert entries(tmp_path) == []


def test_a_killed_holder_of_this_machine_keeps_nobody_out(tmp_path):
    code = [sys.executable, "-c", HOLDER, str(tmp_path), "600"]
    with subprocess.Popen(code, stdout=subprocess.PIPE) as holder:
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(LeaseError), lease.held(str(tmp_path), "mine"):
            pass
        holder.send_signal(signal.SIGKILL)
    with lease.held(str(tmp_path), "mine"):
        pass


def test_of_many_that_come_at_once_one_is_in_at_any_time(tmp_path):
    inside, most, done = [], [], []

    def work(number):
        with lease.held(str(tmp_path), f"owner-{number}", wait=60):
            inside.append(number)
            most.append(len(inside))
            time.sleep(0.01)
            inside.remove(number)
        done.append(number)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (max(most), sorted(done)) == (1, [0, 1, 2, 3, 4])

import os
import signal
import subprocess
import sys
import time

import pytest

from tests.support.paths import ROOT
from transform.common import processes
from transform.common.processes import ProcessEndedError

PROGRAM = """
import sys, time
from transform.common import processes

if __name__ == "__main__":
    with processes.pool(2) as pool:
        sleeps = [pool.submit(time.sleep, 600) for _ in range(9)]
        pool.submit(abs, 0)
        print(*pool._processes, flush=True)
        sleeps[0].result()
"""


def test_an_interrupt_ends_a_pool_at_once_and_without_a_word_of_its_processes():
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        text=True,
        start_new_session=True,
    ) as parent:
        workers = [int(pid) for pid in parent.stdout.readline().split()]
        time.sleep(1)
        os.killpg(parent.pid, signal.SIGINT)  # as a terminal does
        _, said = parent.communicate(timeout=20)
    assert len(workers) == 2
    assert said.count("Traceback") == 1 and said.endswith("KeyboardInterrupt\n")
    for worker in workers:
        with pytest.raises(ProcessLookupError):
            os.kill(worker, 0)


def test_a_process_that_is_killed_is_one_sentence():
    with pytest.raises(ProcessEndedError, match="ended from outside"):
        with processes.pool(1) as pool:
            pool.submit(os._exit, 9).result()


def test_a_process_of_its_own_says_by_its_code_how_it_ended(capfd):
    assert processes.run_alone(abs, -1) == 0
    assert processes.run_alone(int, "x") == 1
    assert processes.run_alone(os._exit, 9) == 9
    assert processes.run_alone(os.abort) == -signal.SIGABRT
    assert "Traceback" not in capfd.readouterr().err

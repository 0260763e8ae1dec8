"""Beam's own job service and worker pool, each in a process; `run` is what one does.

python -m tests.support.beam_services job_service address.txt 2
python -m tests.support.beam_services worker_pool address.txt
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

from tests.support.paths import ROOT


@contextlib.contextmanager
def running(service: str, folder: pathlib.Path, *arguments: object) -> Iterator[str]:
    """Runs a service for as long as the block; gives its address on loopback.

    Raises:
        AssertionError: The service left a process behind.
    """
    address = folder / f"{service}.address"
    with (folder / f"{service}.log").open("w") as log:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "tests.support.beam_services"),
                *(service, str(address), *map(str, arguments)),
            ],
            cwd=ROOT,
            # The pool starts its workers as `python`.
            env=os.environ
            | {"PATH": f"{pathlib.Path(sys.executable).parent}:{os.environ['PATH']}"},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        while not address.exists():
            assert process.poll() is None, (folder / f"{service}.log").read_text()
            time.sleep(0.1)
        yield address.read_text()
        process.send_signal(signal.SIGTERM)
        process.wait()
        assert _ends(process.pid), f"{service} left processes behind"
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _ends(group: int, seconds: float = 20.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    return False


def job_service(workers: str) -> str:
    from apache_beam.runners.portability import local_job_service
    from apache_beam.runners.portability.fn_api_runner import fn_runner

    class Job(local_job_service.BeamJob):
        """A job whose number of workers is chosen; Beam's own has always one."""

        def _invoke_runner(self):
            self.set_state(local_job_service.beam_job_api_pb2.JobState.RUNNING)
            runner = fn_runner.FnApiRunner(provision_info=self._provision_info)
            runner._num_workers = int(workers)
            return runner.run_via_runner_api(
                self._pipeline_proto, self.pipeline_options()
            )

    service = local_job_service.LocalJobServicer(beam_job_type=Job)
    return f"localhost:{service.start_grpc_server()}"


def worker_pool() -> str:
    from apache_beam.runners.worker import worker_pool_main

    address, _ = worker_pool_main.BeamFnExternalWorkerPoolServicer.start(
        use_process=True
    )
    return address


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    name, file, *rest = sys.argv[1:]
    address = {"job_service": job_service, "worker_pool": worker_pool}[name](*rest)
    temporary = pathlib.Path(f"{file}.new")
    temporary.write_text(address)
    temporary.rename(file)
    threading.Event().wait()

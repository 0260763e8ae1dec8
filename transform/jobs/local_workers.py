"""Beam's worker processes on this machine, watched from their first second.

Beam misses a worker only once it has called in: a job whose workers end while they
start would wait for ever. Beam's handler of Docker containers tells the job of such an
end; `WatchedWorker` does the same for processes.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import grpc
from apache_beam.portability import python_urns
from apache_beam.portability.api import (
    beam_fn_api_pb2,
    beam_fn_api_pb2_grpc,
    endpoints_pb2,
)
from apache_beam.runners.portability.fn_api_runner import worker_handlers
from apache_beam.runners.portability.local_job_service import BeamFnLoggingServicer
from apache_beam.utils import thread_pool_executor
from google.protobuf import json_format, text_format

from transform.common import loopback
from transform.common.errors import KinescribeError

SECONDS_TO_END = 10.0  # for a worker whose job is done

_ended: list[str] = []  # how workers of the job that runs ended before it did


class WorkerEndedError(KinescribeError):
    """Raised where a worker process ended while its job still ran."""


@contextlib.contextmanager
def watched() -> Iterator[None]:
    """Says of a job that fails in the block, if so, that a worker process ended.

    Raises:
        WorkerEndedError: One did.
    """
    _ended.clear()
    try:
        yield
    except Exception as error:
        if _ended:
            raise WorkerEndedError(
                f"a worker process {_ended[0]} before the job was done; take fewer "
                "workers or more memory."
            ) from error
        raise


@worker_handlers.WorkerHandler.register_environment(python_urns.SUBPROCESS_SDK, bytes)
class WatchedWorker(worker_handlers.GrpcWorkerHandler):
    """A worker process whose end is the end of the job's requests to it.

    It takes the place of Beam's own handler of worker processes. Ctrl-C is the job's
    alone, which ends its workers; and no proxy comes between the two.
    """

    def __init__(self, command: bytes, *services: Any):
        super().__init__(*services)
        self._command = command.decode()
        self._stopping = False
        self._refused: str | None = None
        self._lock = threading.Lock()
        connection: Any = self.control_conn
        self._push, connection.push = connection.push, self._push_or_refuse

    def start_worker(self) -> None:
        """Starts the process, and the thread that waits for its end."""
        self._logging = grpc.server(thread_pool_executor.shared_unbounded_instance())
        port = self._logging.add_insecure_port("[::]:0")
        beam_fn_api_pb2_grpc.add_BeamFnLoggingServicer_to_server(
            BeamFnLoggingServicer(), self._logging
        )
        self._logging.start()
        options = self.provision_info.provision_info.pipeline_options
        environment = loopback.exempted(os.environ) | {
            "CONTROL_API_SERVICE_DESCRIPTOR": _descriptor(self.control_address),
            "LOGGING_API_SERVICE_DESCRIPTOR": _descriptor(f"localhost:{port}"),
            "PIPELINE_OPTIONS": json_format.MessageToJson(options),
            "WORKER_ID": self.worker_id,
        }
        self._process = subprocess.Popen(
            # An interrupt from the keyboard reaches all processes of a terminal.
            f"trap '' INT; exec {self._command}",
            shell=True,
            env=environment,
            stdin=subprocess.DEVNULL,
        )
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._watcher.start()

    def close(self) -> None:
        """Closes the connections and ends the process, which may end on its own."""
        self._stopping = True
        super().close()

    def stop_worker(self) -> None:
        """Waits for the process' end; a job that failed does not wait long."""
        failed = self._refused or sys.exc_info()[0]
        try:
            self._process.wait(timeout=0.5 if failed else SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._watcher.join()
        self._logging.stop(0)

    def _watch(self) -> None:
        code = self._process.wait()
        if not self._stopping:
            how = _how_it_ended(code)
            _ended.append(how)
            self._refuse(how)

    def _push_or_refuse(self, request: Any) -> Any:
        future = self._push(request)
        with self._lock:
            if future is not None and self._refused is not None:
                self._fail(future, self._refused)
        return future

    def _refuse(self, reason: str) -> None:
        """Ends all requests to the worker, those of later too, with an error."""
        with self._lock:
            self._refused = reason
            for future in list(self.control_conn._futures_by_id.values()):
                self._fail(future, reason)

    def _fail(self, future: Any, reason: str) -> None:
        error = beam_fn_api_pb2.InstructionResponse(
            instruction_id=future.instruction_id, error=f"the worker {reason}"
        )
        future.set(error)


def _descriptor(url: str) -> str:
    return text_format.MessageToString(endpoints_pb2.ApiServiceDescriptor(url=url))


def _how_it_ended(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code}"
    with contextlib.suppress(ValueError):
        return f"was ended by {signal.Signals(-code).name}"
    return f"was ended by signal {-code}"

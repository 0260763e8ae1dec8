"""The metrics of a server, and their endpoint for Prometheus."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from wsgiref.simple_server import WSGIServer

import grpc
import prometheus_client

from serving.errors import ServingError

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_ROWS = (1, 2, 4, 8, 16, 32, 64)


class Metrics:
    """The counters of one server, in a separate registry."""

    def __init__(self) -> None:
        self.registry = prometheus_client.CollectorRegistry()
        self._calls = prometheus_client.Counter(
            "kinescribe_requests",
            "Calls by method, signature and gRPC status.",
            ("method", "signature", "code"),
            registry=self.registry,
        )
        self._seconds = prometheus_client.Histogram(
            "kinescribe_request_seconds",
            "Time from a call's arrival to its answer.",
            ("method", "signature"),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._in_progress = prometheus_client.Gauge(
            "kinescribe_requests_in_progress",
            "Calls that are being answered.",
            registry=self.registry,
        )
        self._batch_rows = prometheus_client.Histogram(
            "kinescribe_batch_rows",
            "Rows of each run of the graph.",
            buckets=_ROWS,
            registry=self.registry,
        )
        self._version = prometheus_client.Gauge(
            "kinescribe_model_version",
            "The live version.",
            registry=self.registry,
        )
        self._loads = prometheus_client.Counter(
            "kinescribe_model_loads",
            "Versions that went live, or failed to load.",
            ("outcome",),
            registry=self.registry,
        )

    @contextmanager
    def call(self, method: str) -> Iterator[Call]:
        """Times one call, whose signature and status the caller fills in."""
        call = Call(method)
        started = time.perf_counter()
        with self._in_progress.track_inprogress():
            try:
                yield call
            finally:
                self._calls.labels(method, call.signature, call.code.name).inc()
                self._seconds.labels(method, call.signature).observe(
                    time.perf_counter() - started
                )

    def batch(self, rows: int) -> None:
        """Records a run of the graph on `rows` rows."""
        self._batch_rows.observe(rows)

    def live(self, version: int) -> None:
        """Records that a version went live."""
        self._version.set(version)
        self._loads.labels("live").inc()

    def load_failed(self, version: int) -> None:
        """Records that a version failed to load."""
        del version
        self._loads.labels("failed").inc()


class Call:
    """A call in progress, with what is known of it."""

    def __init__(self, method: str):
        self.method = method
        self.signature = ""  # only names that the model has: callers make up others
        self.code = grpc.StatusCode.OK


class MetricsEndpoint:
    """The HTTP endpoint `http://host:port/metrics`, until it is closed."""

    def __init__(self, metrics: Metrics, host: str, port: int):
        try:
            self._server, self._thread = prometheus_client.start_http_server(
                port, host, metrics.registry
            )
        except OSError as error:
            raise ServingError(
                f"metrics cannot be offered on {host}:{port}: {error.strerror}; choose "
                "another --metrics-port, or 0 for a free one."
            ) from error
        server: WSGIServer = self._server
        self.port: int = server.server_port

    def close(self) -> None:
        """Stops the endpoint and frees its port."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

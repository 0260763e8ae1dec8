"""The metrics of a server, as Prometheus reads them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import prometheus_client
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from serving.server.calls import Call
from serving.server.refusals import cut, refusal_of

CONTENT_TYPE = prometheus_client.CONTENT_TYPE_LATEST
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_ROWS = (1, 2, 4, 8, 16, 32, 64)


class ModelVersions(NamedTuple):
    """The versions of one model, as its metrics tell of them."""

    live: Sequence[int]  # ascending
    rejected: int | None  # newer than those, and passed over for what it is


class _VersionMetrics(Collector):
    """Reads the versions when it is asked, so that none is told that is no more."""

    def __init__(self, models: Callable[[], Mapping[str, ModelVersions]]):
        self._models = models

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yields the metrics of all models."""
        newest = GaugeMetricFamily(
            "kinescribe_model_version",
            "The newest live version; absent without one.",
            labels=("model",),
        )
        live = GaugeMetricFamily(
            "kinescribe_live_versions",
            "How many versions are live.",
            labels=("model",),
        )
        rejected = GaugeMetricFamily(
            "kinescribe_rejected_version",
            "The version passed over that is newer than the live ones; absent without.",
            labels=("model",),
        )
        for model, versions in self._models().items():
            live.add_metric((model,), len(versions.live))
            if versions.live:
                newest.add_metric((model,), versions.live[-1])
            if versions.rejected is not None:
                rejected.add_metric((model,), versions.rejected)
        yield from (newest, live, rejected)


class Metrics:
    """The counters of one server, in a separate registry."""

    def __init__(self) -> None:
        self.registry = registry = prometheus_client.CollectorRegistry()
        prometheus_client.ProcessCollector(registry=registry)
        self._calls = prometheus_client.Counter(
            "kinescribe_requests",
            "Calls by method, signature and status, refused ones as well.",
            ("method", "protocol", "model", "signature", "code"),
            registry=registry,
        )
        self._seconds = prometheus_client.Histogram(
            "kinescribe_request_seconds",
            "Time from a call's arrival to its answer.",
            ("method", "signature"),
            buckets=_SECONDS,
            registry=registry,
        )
        self._queue_seconds = prometheus_client.Histogram(
            "kinescribe_queue_seconds",
            "Time that a prediction waited for its run.",
            buckets=_SECONDS,
            registry=registry,
        )
        self._run_seconds = prometheus_client.Histogram(
            "kinescribe_run_seconds",
            "Time of the runs of the graph that a prediction took part in.",
            buckets=_SECONDS,
            registry=registry,
        )
        self._in_progress = prometheus_client.Gauge(
            "kinescribe_requests_in_progress",
            "Calls that are being answered.",
            registry=registry,
        )
        self._refused = prometheus_client.Counter(
            "kinescribe_refused",
            "Calls that were turned away unread: calls, rate, stopping, token, unread.",
            ("reason",),
            registry=registry,
        )
        self._batch_rows = prometheus_client.Histogram(
            "kinescribe_batch_rows",
            "Rows of each run of the graph.",
            buckets=_ROWS,
            registry=registry,
        )
        self._empty = prometheus_client.Counter(
            "kinescribe_empty_captions",
            "Captions without a word.",
            registry=registry,
        )
        self._waiting_rows = prometheus_client.Gauge(
            "kinescribe_waiting_rows",
            "Rows that wait for a run of the graph.",
            registry=registry,
        )
        self._running = prometheus_client.Gauge(
            "kinescribe_longest_run_seconds",
            "How long the longest of the present runs has taken.",
            registry=registry,
        )
        self._failures = prometheus_client.Counter(
            "kinescribe_model_load_failures",
            "Versions that did not load.",
            ("model",),
            registry=registry,
        )
        self._expiry = prometheus_client.Gauge(
            "kinescribe_certificate_expiry_seconds",
            "When the server's certificate ends, in seconds since 1970.",
            registry=registry,
        )

    @contextmanager
    def call(self, call: Call) -> Iterator[Call]:
        """Counts, times and logs one call; any error of it becomes a `RefusalError`."""
        fault = ""
        with self._in_progress.track_inprogress():
            try:
                yield call
            except BaseException as error:
                refusal = refusal_of(error, call.method)
                call.code, fault = refusal.code, str(refusal)
                try:
                    if isinstance(error, Exception) and refusal is not error:
                        raise refusal from error
                    raise  # a cancelled task has to end as one
                finally:
                    del refusal  # whose traceback holds this frame: no cycle of them
            finally:
                self._calls.labels(
                    call.method,
                    call.protocol,
                    call.model,
                    call.signature,
                    call.code.name,
                ).inc()
                self._seconds.labels(call.method, call.signature).observe(call.seconds)
                if call.run_seconds:
                    self._queue_seconds.observe(call.queue_seconds)
                    self._run_seconds.observe(call.run_seconds)
                call.log(cut(fault))

    def refused(self, reason: str) -> None:
        """Records a call that was turned away before it was read."""
        self._refused.labels(reason).inc()

    def batch(self, rows: int) -> None:
        """Records a run of the graph on `rows` rows."""
        self._batch_rows.observe(rows)

    def empty_captions(self, count: int) -> None:
        """Records captions that have no word."""
        self._empty.inc(count)

    def watch(
        self,
        waiting_rows: Callable[[], float],
        run: Callable[[], float],
        models: Callable[[], Mapping[str, ModelVersions]],
    ) -> None:
        """Takes the functions that say what waits, runs and is served just now."""
        self._waiting_rows.set_function(waiting_rows)
        self._running.set_function(run)
        self.registry.register(_VersionMetrics(models))

    def load_failed(self, model: str, version: int) -> None:
        """Records that a version failed to load."""
        del version
        self._failures.labels(model).inc()

    def certificate_ends(self, seconds: float) -> None:
        """Records when the server's certificate ends."""
        self._expiry.set(seconds)

    def page(self) -> bytes:
        """Returns all of it, in Prometheus' text format."""
        return prometheus_client.generate_latest(self.registry)

"""Serves models with TensorFlow Serving's gRPC and REST interfaces."""

from __future__ import annotations

import asyncio
import functools
import logging
import os
import posixpath
import threading
import time
from collections.abc import Coroutine
from typing import Any, TypeVar

import grpc
import tensorflow as tf

from serving.common.errors import ServingError
from serving.pushing import rejections
from serving.server import auth, model_configs
from serving.server.admission import Admission
from serving.server.catalogue import Catalogue
from serving.server.config import ServerConfig
from serving.server.grpc_services import (
    MODEL_SERVICE,
    PREDICTION_SERVICE,
    Health,
    TensorFlowServing,
)
from serving.server.http import HttpEndpoint
from serving.server.predictor import Predictor
from serving.server.prometheus import Metrics, ModelVersions
from serving.server.rest import Probes, RestInterface, operator_app
from serving.server.servable import load_version

LOG = logging.getLogger("kinescribe.serving")
HEALTH_NAMES = (
    PREDICTION_SERVICE,
    MODEL_SERVICE,
    "PredictionService",  # as TensorFlow Serving calls the two
    "ModelService",
)
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_UNIX = "unix:"
_WATCH_SECONDS = 1.0  # between looks at stuck runs and changed files
_SETTLE_SECONDS = 0.2  # for the last refusals to reach their callers

Result = TypeVar("Result")


class Server:
    """Serves models until it is stopped; a context manager.

    `port`, `rest_port` and `metrics_port` are the ports in use once it has started;
    `is_stuck` says of one that has stopped that a run of a graph goes on.
    """

    def __init__(self, config: ServerConfig):
        self._config = config
        self._metrics = Metrics()
        if config.model_base:
            _check_base(config.model_base)
        else:
            model_configs.read_file(config.model_config_file)  # wrong ones are said now
        load = load_version(config, self._metrics.batch)
        self._catalogue = Catalogue(
            lambda name: load,
            config.model_config_file,
            on_change=self._models_changed,
            on_failure=self._load_failed,
        )
        self._metrics.watch(
            lambda: sum(
                model.versions.waiting_rows for model in self._catalogue.models.values()
            ),
            self._catalogue.running_seconds,
            lambda: {
                name: ModelVersions(model.versions.versions, model.versions.rejected)
                for name, model in self._catalogue.models.items()
            },
        )
        self._tokens = auth.Tokens(config.token_file) if config.token_file else None
        self._admin_tokens = (
            auth.Tokens(config.admin_token_file) if config.admin_token_file else None
        )
        self._certificates = (
            auth.Certificates(config.tls, self._metrics.certificate_ends)
            if config.tls
            else None
        )
        self._admission = Admission(config.limits, self._metrics.refused)
        self._predictor = Predictor(self._catalogue, config.limits, self._metrics)
        self._grpc: grpc.aio.Server | None = None
        self._health: Health | None = None
        self._endpoints: list[HttpEndpoint] = []
        self._watcher: asyncio.Task[None] | None = None
        self._hurry = threading.Event()
        self._is_running = False
        self._is_ending = False
        self.port = 0
        self.rest_port: int | None = None
        self.metrics_port: int | None = None
        self.is_stuck = False

    @property
    def version(self) -> int | None:
        """The newest live version of the first model, if there is one."""
        models = [*self._catalogue.models.values()]
        return models[0].versions.version if models else None

    @property
    def address(self) -> str:
        """The server's `host:port`, for a client."""
        return self._at(self.port)

    def __enter__(self) -> Server:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def start(self) -> None:
        """Opens the ports and loads the versions that there are."""
        config = self._config
        self._is_running = True
        _run(self._open())
        if config.model_config_file:
            self._catalogue.read_file()
        else:
            self._catalogue.configure(config.model_configs())
        self._catalogue.start(config.poll_seconds)
        if not self._catalogue.is_ready():
            LOG.warning(
                "not every model can be served yet; looking every %g s",
                config.poll_seconds,
            )

    def reload(self) -> None:
        """Looks at the model config file, folders, tokens and certificates at once."""
        self._refresh_files()
        self._catalogue.look_now()

    def hurry(self) -> None:
        """Lets a `stop` in another thread, or to come, wait for no calls."""
        self._hurry.set()

    def stop(self) -> None:
        """Finishes the calls in progress, then closes everything.

        It is unhealthy for `lame_duck_seconds` while it still takes calls, then
        refuses new ones as UNAVAILABLE, and gives those under way `drain_seconds`. A
        run of a graph that is stuck beyond that is left behind.
        """
        if not self._is_running:
            return
        self._is_running = False
        begun = time.monotonic()
        if self._health:
            self._close_door_after(self._config.lame_duck_seconds)
        deadline = time.monotonic() + self._config.drain_seconds
        while self._admission.in_progress and time.monotonic() < deadline:
            if self._hurry.wait(0.01):
                break
        if cut_off := self._admission.in_progress:
            LOG.error("%d calls are cut off", cut_off)
        _run(self._close())
        self._predictor.close()
        left = max(_SETTLE_SECONDS, deadline - time.monotonic())
        self.is_stuck = not self._catalogue.close(left)
        LOG.info("stopped after %.1f s", time.monotonic() - begun)

    def _close_door_after(self, seconds: float) -> None:
        assert self._health
        self._is_ending = True
        _run(self._health.set(False))
        if seconds:
            LOG.info("unhealthy from now on; ending in %g s", seconds)
            self._hurry.wait(seconds)
        self._admission.stopping = True
        LOG.info("%d calls are under way", self._admission.in_progress)

    async def _open(self) -> None:
        config = self._config
        self._health = Health(HEALTH_NAMES)
        services = TensorFlowServing(
            self._predictor,
            self._admission,
            config.limits,
            self._metrics,
            self._tokens,
            self._admin_tokens,
        )
        limits = config.limits
        self._grpc = grpc.aio.server(
            handlers=(*services.handlers(), self._health.handler()),
            options=[
                ("grpc.max_receive_message_length", limits.message_bytes),
                ("grpc.max_send_message_length", -1),
                ("grpc.max_concurrent_streams", 100 + 2 * limits.calls),
                ("grpc.max_allowed_incoming_connections", limits.connections),
                # Identity alone: gRPC would inflate a message before it is judged.
                ("grpc.compression_enabled_algorithms_bitset", 1),
                ("grpc.keepalive_time_ms", 60_000),
                ("grpc.keepalive_timeout_ms", 20_000),
                ("grpc.so_reuseport", 0),  # a port in use is an error
            ],
        )
        self.port = self._bind(self._grpc)
        probes = Probes(self._is_ready, self._metrics)
        context = self._certificates.context() if self._certificates else None
        if config.rest_port is not None:
            rest = RestInterface(
                self._predictor,
                self._admission,
                limits,
                probes,
                self._tokens,
                config.cors_origins,
            )
            endpoint = HttpEndpoint(
                rest.app, config.host, config.rest_port, "--rest-port", limits, context
            )
            self._endpoints.append(endpoint)
            self.rest_port = endpoint.port
        if config.metrics_port is not None:
            endpoint = HttpEndpoint(
                operator_app(probes),
                config.host,
                config.metrics_port,
                "--metrics-port",
                limits,
            )
            self._endpoints.append(endpoint)
            self.metrics_port = endpoint.port
        await self._grpc.start()
        for endpoint in self._endpoints:
            await endpoint.start()
        self._watcher = asyncio.ensure_future(self._watch())

    async def _close(self) -> None:
        if self._watcher:
            self._watcher.cancel()
        await asyncio.sleep(_SETTLE_SECONDS)
        await asyncio.gather(*(endpoint.close() for endpoint in self._endpoints))
        if self._grpc:
            await self._grpc.stop(_SETTLE_SECONDS)

    async def _watch(self) -> None:
        """Keeps health true to the models, and files up to date."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(_WATCH_SECONDS)
            assert self._health
            await self._health.set(self._is_ready())
            await loop.run_in_executor(None, self._refresh_files)

    def _bind(self, server: grpc.aio.Server) -> int:
        config = self._config
        address = self._at(config.port)
        if self._tokens and not config.tls and not self._is_local():
            LOG.warning("without TLS the token travels in plain text")
        if not self._tokens and not self._is_local():
            LOG.warning("anybody who reaches %s is answered; see --token-file", address)
        try:
            if self._certificates:
                credentials = self._certificates.credentials()
                return server.add_secure_port(address, credentials)
            return server.add_insecure_port(address)
        except RuntimeError as error:
            raise ServingError(
                f"{address} cannot be opened; choose another --port, or 0 for a free "
                "one."
            ) from error

    def _at(self, port: int) -> str:
        host = self._config.host
        if host.startswith(_UNIX):
            return host
        return f"[{host}]:{port}" if _is_bare_ipv6(host) else f"{host}:{port}"

    def _is_local(self) -> bool:
        host = self._config.host
        return host.startswith(_UNIX) or host.strip("[]") in _LOOPBACK

    def _is_ready(self) -> bool:
        return (
            not self._is_ending
            and self._catalogue.is_ready()
            and self._catalogue.running_seconds() < self._config.limits.batch_seconds
        )

    def _models_changed(self) -> None:
        if self._health and self._is_running:
            asyncio.run_coroutine_threadsafe(
                self._health.set(self._is_ready()), _event_loop()
            )

    def _load_failed(
        self, model: model_configs.ModelConfig, version: int, error: Exception
    ) -> None:
        self._metrics.load_failed(model.name, version)
        rejections.note(model.base_path, version, error)

    def _refresh_files(self) -> None:
        for tokens in (self._tokens, self._admin_tokens):
            if tokens:
                tokens.refresh()
        if self._certificates:
            self._certificates.refresh()


@functools.cache
def _event_loop() -> asyncio.AbstractEventLoop:
    """Starts the one event loop of a process that all its servers run in.

    gRPC wakes every loop that it knows for each event of any of them, so that several
    would quarrel about them.
    """
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="server", daemon=True).start()
    return loop


def _run(work: Coroutine[Any, Any, Result]) -> Result:
    """Runs a coroutine in the servers' event loop and returns its result."""
    return asyncio.run_coroutine_threadsafe(work, _event_loop()).result()


def _is_bare_ipv6(host: str) -> bool:
    return ":" in host and not host.startswith("[")


def _check_base(base: str) -> None:
    if tf.io.gfile.exists(posixpath.join(base, "saved_model.pb")):
        raise ServingError(
            f"{base} is a model itself; serve the folder that holds its numbered "
            f"versions ({os.path.dirname(os.path.abspath(base))}?)."
        )
    if not tf.io.gfile.isdir(base):
        raise ServingError(
            f"there is no folder {base}; give the one that models are pushed to."
        )

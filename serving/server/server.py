"""Serves a folder of versions with TensorFlow Serving's gRPC protocol."""

from __future__ import annotations

import logging
import os
import posixpath
from concurrent import futures

import grpc
import tensorflow as tf
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from tensorflow_serving.apis import (
    model_service_pb2_grpc,
    prediction_service_pb2_grpc,
)

from serving.credentials import read_token
from serving.errors import ServingError
from serving.server import auth
from serving.server.config import ServerConfig
from serving.server.prometheus import Metrics, MetricsEndpoint
from serving.server.servables import ServableManager, load_version
from serving.server.services import ModelService, PredictionService

LOG = logging.getLogger("kinescribe.serving")
PREDICTION_SERVICE = "tensorflow.serving.PredictionService"
MODEL_SERVICE = "tensorflow.serving.ModelService"
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


class Server:
    """Serves one model until it is stopped; a context manager.

    `port` and `metrics_port` are the ports in use once it has started.
    """

    def __init__(self, config: ServerConfig):
        _check_base(config.model_base)
        self._config = config
        self._metrics = Metrics()
        self._health = health.HealthServicer()
        self._report_health(health_pb2.HealthCheckResponse.NOT_SERVING)
        self._manager = ServableManager(
            config.model_base,
            load_version(config.batching, self._metrics.batch),
            pinned=config.version,
            on_live=self._went_live,
            on_failure=self._metrics.load_failed,
        )
        workers = config.max_concurrent_calls  # each waits for its batch in a thread
        self._grpc = grpc.server(
            futures.ThreadPoolExecutor(workers, thread_name_prefix="call"),
            interceptors=_interceptors(config),
            options=[
                ("grpc.max_receive_message_length", config.max_message_bytes),
                ("grpc.max_send_message_length", -1),
                ("grpc.so_reuseport", 0),  # a port in use is an error
            ],
            maximum_concurrent_rpcs=workers,
        )
        services = config, self._manager, self._metrics
        prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(
            PredictionService(*services), self._grpc
        )
        model_service_pb2_grpc.add_ModelServiceServicer_to_server(
            ModelService(*services), self._grpc
        )
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._grpc)
        self.port = 0
        self.metrics_port: int | None = None
        self._endpoint: MetricsEndpoint | None = None

    @property
    def version(self) -> int | None:
        """The number of the live version, if there is one."""
        return self._manager.version

    @property
    def address(self) -> str:
        """The server's `host:port`, for a client."""
        return f"{self._config.host}:{self.port}"

    def __enter__(self) -> Server:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def start(self) -> None:
        """Opens the ports and loads the newest version, if there is one yet."""
        config = self._config
        self.port = self._bind(f"{config.host}:{config.port}")
        if config.metrics_port is not None:
            self._endpoint = MetricsEndpoint(
                self._metrics, config.host, config.metrics_port
            )
            self.metrics_port = self._endpoint.port
        self._grpc.start()
        self._manager.start(config.poll_seconds)
        if self.version is None:
            LOG.warning(
                "no version in %s can be served yet; looking every %g s",
                config.model_base,
                config.poll_seconds,
            )

    def stop(self) -> None:
        """Finishes the calls in progress, then closes everything."""
        self._health.enter_graceful_shutdown()
        self._grpc.stop(self._config.drain_seconds).wait()
        self._manager.close()
        if self._endpoint:
            self._endpoint.close()

    def _bind(self, address: str) -> int:
        tls = self._config.tls
        try:
            if tls:
                return self._grpc.add_secure_port(address, auth.server_credentials(tls))
            if self._config.token_file and self._config.host not in _LOOPBACK:
                LOG.warning("without TLS the token travels in plain text")
            return self._grpc.add_insecure_port(address)
        except RuntimeError as error:
            raise ServingError(
                f"{address} cannot be opened; choose another --port, or 0 for a free "
                "one."
            ) from error

    def _went_live(self, version: int) -> None:
        LOG.info("version %d is live", version)
        self._metrics.live(version)
        self._report_health(health_pb2.HealthCheckResponse.SERVING)

    def _report_health(self, status: int) -> None:
        for service in ("", PREDICTION_SERVICE, MODEL_SERVICE):
            self._health.set(service, status)


def _interceptors(config: ServerConfig) -> list[grpc.ServerInterceptor]:
    if not config.token_file:
        return []
    return [auth.TokenInterceptor(read_token(config.token_file))]


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

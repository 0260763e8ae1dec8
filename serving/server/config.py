"""The configuration of `kinescribe serve` and of its parts."""

from __future__ import annotations

from typing import Optional

from serving import signature_names
from transform.common.config import Config, Field


class BatchingConfig(Config):
    """Settings of dynamic batching, where requests share one run of the graph.

    While a batch runs, the next one is collected. It starts when it is full, or when
    its first request has waited long enough. By default a request does not wait, which
    on two cores gave the same throughput as waiting and half the latency of a single
    request.
    """

    max_rows: int = Field(8, ge=1)
    max_wait_seconds: float = Field(0.0, ge=0)


class ServerTLS(Config):
    """The server's certificate, and the authority of its clients' ones (PEM files)."""

    certificate_file: str
    key_file: str
    client_ca_file: str = ""  # if given, clients must show a certificate signed by it


class ServerConfig(Config):
    """The settings of a server of one model."""

    model_base: str  # holds the numbered versions
    model_name: str = signature_names.MODEL_NAME
    version: Optional[int] = None  # the newest, if not given
    host: str = "127.0.0.1"
    port: int = Field(8500, ge=0, le=65535)  # 0 takes a free one
    metrics_port: Optional[int] = Field(None, ge=0, le=65535)
    poll_seconds: float = Field(2.0, gt=0)
    drain_seconds: float = Field(10.0, ge=0)  # for calls in progress at the end
    batching: BatchingConfig = BatchingConfig()
    max_rows: int = Field(64, ge=1)  # of one request
    max_message_bytes: int = Field(128 * 1024 * 1024, ge=1024)
    max_concurrent_calls: int = Field(64, ge=1)  # more are refused
    threads: int = Field(0, ge=0)  # of TensorFlow's pools; 0: one a core
    token_file: str = ""
    tls: Optional[ServerTLS] = None

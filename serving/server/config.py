"""The configuration of `kinescribe serve` and of its parts."""

from __future__ import annotations

from typing import Any, Literal, Optional

from serving.common import signature_names
from serving.server.model_configs import (
    LatestVersions,
    ModelConfig,
    VersionPolicy,
)
from transform.common.config import Config, Field, root_validator


class BatchingConfig(Config):
    """Settings of dynamic batching, where requests share one run of the graph.

    While a batch runs, the next one is collected. It starts when it is full, or when
    its first request has waited long enough. By default a request does not wait, which
    on two cores gave the same throughput as waiting and half the latency of a single
    request.
    """

    max_rows: int = Field(8, ge=1)  # of one run; larger requests run in pieces
    max_wait_seconds: float = Field(0.0, ge=0)  # that a request waits for others
    max_waiting_rows: int = Field(1024, ge=1)  # of a signature; more are refused


class LimitsConfig(Config):
    """What a caller may send, and how much may be under way at once."""

    request_rows: int = Field(64, ge=1)  # of one request
    message_bytes: int = Field(64 * 1024 * 1024, ge=1024)  # of a message, unpacked too
    calls: int = Field(64, ge=1)  # that are answered at once; more are refused
    unread_calls: int = Field(64, ge=1)  # without a message; the oldest gives way
    message_seconds: float = Field(10.0, gt=0)  # for a message to come, or to be taken
    connections: int = Field(1024, ge=1)  # of each port
    batch_seconds: float = Field(60.0, gt=0)  # longer runs make the server unhealthy
    calls_per_second: Optional[float] = Field(None, gt=0)  # of a token or an address


class ServerTLS(Config):
    """The server's certificate, and the authority of its clients' ones (PEM files)."""

    certificate_file: str  # the server's own, with its chain
    key_file: str  # the private key of it
    client_ca_file: str = ""  # if given, clients must show a certificate signed by it


class ServerConfig(Config):
    """The settings of a server of one model, or of those in a file."""

    model_base: str = ""  # holds the numbered versions of the one model
    model_name: str = signature_names.MODEL_NAME  # that clients ask for
    version_policy: VersionPolicy = LatestVersions()  # which versions are live
    model_config_file: str = ""  # in place of the three: TensorFlow Serving's own
    host: str = "127.0.0.1"  # or an IPv6 address, or `unix:<path>` for gRPC alone
    port: int = Field(8500, ge=0, le=65535)  # of gRPC; 0 takes a free one
    rest_port: Optional[int] = Field(None, ge=0, le=65535)  # of HTTP; 0 as above
    metrics_port: Optional[int] = Field(None, ge=0, le=65535)  # plain HTTP, no token
    poll_seconds: float = Field(2.0, gt=0)  # between looks for versions and files
    lame_duck_seconds: float = Field(0.0, ge=0)  # unhealthy, but still answering
    drain_seconds: float = Field(10.0, ge=0)  # for calls in progress at the end
    batching: BatchingConfig = BatchingConfig()  # how requests share runs
    limits: LimitsConfig = LimitsConfig()  # what is refused
    models: Literal["captioners", "any"] = "captioners"  # that may go live
    ops: Literal["safe", "any"] = "safe"  # "any" may touch files and run code
    threads: int = Field(0, ge=0)  # of TensorFlow's pools; 0: one a core
    token_file: str = ""  # one token a line; callers must send one of them
    admin_token_file: str = ""  # for reload calls; without it, from loopback alone
    cors_origins: tuple[str, ...] = ()  # whose pages may call REST from a browser
    tls: Optional[ServerTLS] = None  # plain text without it
    log_format: Literal["text", "json"] = "text"  # of the log, a line a request

    @root_validator(skip_on_failure=True)
    def _one_source_of_models(cls, values: dict[str, Any]) -> dict[str, Any]:
        if bool(values["model_base"]) == bool(values["model_config_file"]):
            raise ValueError(
                "give the folder of one model, or a model config file, not both"
            )
        return values

    def model_configs(self) -> tuple[ModelConfig, ...]:
        """Returns the one model of the settings; () if a file names them."""
        if self.model_config_file:
            return ()
        return (
            ModelConfig(
                name=self.model_name,
                base_path=self.model_base,
                policy=self.version_policy,
            ),
        )

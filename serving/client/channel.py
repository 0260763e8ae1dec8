"""What the clients of a server share: its channel, its errors, repeated calls."""

from __future__ import annotations

import json
from typing import Any, Optional

import grpc

from serving.common.credentials import read_secret
from serving.common.errors import AbsentModelError, RefusedError, ServingError
from transform.common import loopback
from transform.common.config import Config, Field

_REFUSED = {grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.FAILED_PRECONDITION}
_REPEATABLE_BYTES = 64 * 2**20  # of a call that is kept to be sent again


class ClientTLS(Config):
    """The authority that a server is checked by, and the client's own certificate."""

    ca_file: str = ""  # PEM, like all; the system's authorities if empty
    certificate_file: str = ""  # for servers that ask for one (mutual TLS)
    key_file: str = ""  # of that certificate


class Retries(Config):
    """How often a call is sent again that found nobody, at growing intervals.

    Only UNAVAILABLE is repeated: a server that ends or has nothing loaded yet.
    """

    attempts: int = Field(5, ge=1, le=5)  # in all; gRPC allows no more than five
    first_seconds: float = Field(0.2, gt=0)  # most of the first interval
    factor: float = Field(2.0, ge=1)  # by which each interval is longer
    most_seconds: float = Field(2.0, gt=0)  # of any interval

    def options(self) -> list[tuple[str, object]]:
        """Returns the options of a channel that repeats its calls so."""
        if self.attempts == 1:
            return [("grpc.enable_retries", 0)]
        policy = {
            "maxAttempts": self.attempts,
            "initialBackoff": f"{self.first_seconds:g}s",
            "maxBackoff": f"{self.most_seconds:g}s",
            "backoffMultiplier": self.factor,
            "retryableStatusCodes": ["UNAVAILABLE"],
        }
        service_config = {"methodConfig": [{"name": [{}], "retryPolicy": policy}]}
        return [
            ("grpc.service_config", json.dumps(service_config)),
            ("grpc.per_rpc_retry_buffer_size", _REPEATABLE_BYTES),
        ]


def opened(library: Any, address: str, tls: ClientTLS | None, retries: Retries) -> Any:
    """Returns a client's channel to an address, of `grpc` or of `grpc.aio`."""
    settings = options(address, retries)
    if tls is None:
        return library.insecure_channel(address, settings)
    return library.secure_channel(address, credentials(tls), settings)


def options(address: str, retries: Retries) -> list[tuple[str, object]]:
    """Returns the options of a client's channel to an address."""
    return [
        *([loopback.OPTION] if loopback.is_loopback(address) else []),
        ("grpc.max_send_message_length", -1),
        ("grpc.max_receive_message_length", -1),
        ("grpc.keepalive_time_ms", 60_000),
        *retries.options(),
    ]


def credentials(tls: ClientTLS) -> grpc.ChannelCredentials:
    """Returns the credentials of a channel that is encrypted.

    Raises:
        ServingError: A file cannot be read, or is none of TLS'; gRPC would not say so.
    """
    files = tls.ca_file, tls.key_file, tls.certificate_file
    contents = [read_secret(path) if path else None for path in files]
    for path, content in zip(files, contents, strict=True):
        if content is not None and b"-----BEGIN " not in content:
            raise ServingError(f"{path} holds no certificate and no key in PEM format.")
    return grpc.ssl_channel_credentials(*contents)


def metadata(token: str) -> Optional[tuple[tuple[str, str], ...]]:
    """Returns what is sent with every call."""
    return (("authorization", f"Bearer {token}"),) if token else None


def explained(
    error: grpc.RpcError, address: str, model_name: str, timeout: float
) -> ServingError:
    """Returns a failed call's error in a sentence that says what to do."""
    code, details = error.code(), " ".join((error.details() or "").split())
    if code in _REFUSED:
        return RefusedError(f"the server at {address} refuses: {details}")
    if code is grpc.StatusCode.NOT_FOUND:
        return AbsentModelError(
            f"the server at {address} has no model {model_name!r} to offer: {details}"
        )
    if code is grpc.StatusCode.UNAVAILABLE and error.trailing_metadata():
        return ServingError(  # said by a server, not by gRPC itself
            f"the server at {address} is not ready: {details}; try again in a moment."
        )
    reasons = {
        grpc.StatusCode.UNAVAILABLE: (
            f"no server answers at {address} ({details}); start one with "
            f"`kinescribe serve`, or check address and TLS{_proxy(address)}."
        ),
        grpc.StatusCode.UNAUTHENTICATED: (
            f"the server at {address} does not accept this token."
        ),
        grpc.StatusCode.DEADLINE_EXCEEDED: (
            f"the server at {address} took longer than {timeout:g} s; try again, or "
            "allow more time."
        ),
        grpc.StatusCode.RESOURCE_EXHAUSTED: (
            f"the server at {address} has too much to do, or was sent too much at "
            f"once: {details}"
        ),
    }
    fallback = f"the server at {address} failed with {code.name}: {details}"
    return ServingError(reasons.get(code, fallback))


def _proxy(address: str) -> str:
    """Returns what to say of a proxy between here and the server, if any."""
    proxy = loopback.proxy_variable()
    if not proxy or loopback.is_loopback(address):
        return ""
    return f", and the proxy of {proxy}, which no_proxy=HOST passes by"

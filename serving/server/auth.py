"""Authentication by bearer tokens, and the TLS that keeps them secret.

Files are read again when they change, so that tokens and certificates can be replaced
under a running server. A file that has become unreadable leaves what was read before.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import os
import ssl
import time
from collections.abc import Callable
from typing import Generic, TypeVar

import grpc

from serving.common.credentials import read_secret, read_tokens
from serving.common.errors import ServingError
from serving.server.config import ServerTLS

LOG = logging.getLogger("kinescribe.serving")
HEADER = "authorization"
_SCHEME = "Bearer "
_LOOK_SECONDS = 1.0  # between looks at a file

Content = TypeVar("Content")


class WatchedFiles(Generic[Content]):
    """What was read from files, read again when one of them has changed.

    Args:
        paths: The files.
        read: Reads them; `ServingError` if they are wrong.
    """

    def __init__(self, paths: tuple[str, ...], read: Callable[[], Content]):
        self._paths = paths
        self._read = read
        self._seen = self._state()
        self._looked = time.monotonic()
        self.content = read()

    def refresh(self, at_once: bool = True) -> bool:
        """Looks at the files; returns whether they were read anew.

        Args:
            at_once: Looks even if it did so a moment ago.
        """
        now = time.monotonic()
        if not at_once and now - self._looked < _LOOK_SECONDS:
            return False
        self._looked = now
        state = self._state()
        if state == self._seen:
            return False
        self._seen = state
        try:
            self.content = self._read()
        except ServingError as error:
            LOG.error("what was read before stays in force: %s", error)
            return False
        LOG.info("%s: read anew", ", ".join(self._paths))
        return True

    def _state(self) -> tuple[object, ...]:
        states: list[object] = []
        for path in self._paths:
            try:
                stat = os.stat(path)
                states.append((stat.st_ino, stat.st_size, stat.st_mtime_ns))
            except OSError:
                states.append(None)
        return tuple(states)


class Tokens:
    """The tokens of a file, any of which opens the door.

    Args:
        path: A file with one token a line.
    """

    def __init__(self, path: str):
        self._file = WatchedFiles((path,), lambda: read_tokens(path))

    def refresh(self) -> None:
        """Reads the file anew if it has changed."""
        self._file.refresh()

    def accept(self, authorization: str | bytes) -> bool:
        """Returns whether a header holds one of them, in a time that tells nothing."""
        self._file.refresh(at_once=False)
        received = _bytes(authorization)
        matches = [
            hmac.compare_digest(received, f"{_SCHEME}{token}".encode())
            for token in self._file.content
        ]
        return any(matches)


def caller_of(authorization: str | bytes, peer: str) -> str:
    """Returns by whose rate a call counts: its token's digest, or its address."""
    if authorization:
        return hashlib.sha256(_bytes(authorization)).hexdigest()
    return peer.rpartition(":")[0]  # without the port


class Certificates:
    """The server's certificate and key, for gRPC and for HTTP.

    Args:
        tls: Their files.
        on_read: Told in seconds since 1970 when the certificate ends.
    """

    def __init__(self, tls: ServerTLS, on_read: Callable[[float], None]):
        self._tls = tls
        self._on_read = on_read
        paths = [tls.certificate_file, tls.key_file, tls.client_ca_file]
        self._files = WatchedFiles(tuple(filter(None, paths)), self._read)
        self._context: ssl.SSLContext | None = None

    def refresh(self) -> None:
        """Reads the files anew if one has changed, for HTTP; gRPC asks by itself."""
        if self._files.refresh() and self._context:
            self._load_into(self._context)

    def credentials(self) -> grpc.ServerCredentials:
        """Returns gRPC's credentials, which look at the files at every handshake."""
        return grpc.dynamic_ssl_server_credentials(
            self._files.content,
            self._fetch,
            require_client_authentication=bool(self._tls.client_ca_file),
        )

    def context(self) -> ssl.SSLContext:
        """Returns HTTP's context, of TLS 1.2 or newer."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._load_into(context)
        if self._tls.client_ca_file:
            context.verify_mode = ssl.CERT_REQUIRED
        self._context = context
        return context

    def _fetch(self) -> grpc.ServerCertificateConfiguration | None:
        if self._files.refresh(at_once=False) and self._context:
            self._load_into(self._context)
        return self._files.content

    def _load_into(self, context: ssl.SSLContext) -> None:
        context.load_cert_chain(self._tls.certificate_file, self._tls.key_file)
        if self._tls.client_ca_file:
            context.load_verify_locations(self._tls.client_ca_file)

    def _read(self) -> grpc.ServerCertificateConfiguration:
        tls = self._tls
        key, certificate = read_secret(tls.key_file), read_secret(tls.certificate_file)
        authority = read_secret(tls.client_ca_file) if tls.client_ca_file else None
        try:
            self._load_into(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
        except (ssl.SSLError, OSError) as error:
            raise ServingError(
                f"{tls.certificate_file} and {tls.key_file} are no certificate with "
                f"its private key in PEM: {getattr(error, 'reason', '') or error}."
            ) from error
        self._on_read(_end_of(tls.certificate_file))
        return grpc.ssl_server_certificate_configuration(
            [(key, certificate)], root_certificates=authority
        )


def _end_of(certificate_file: str) -> float:
    """Returns when a certificate ends; an expired one is logged."""
    from cryptography import x509

    certificate = x509.load_pem_x509_certificate(read_secret(certificate_file))
    end = certificate.not_valid_after_utc.timestamp()
    if end < time.time():
        LOG.error("the certificate in %s has expired", certificate_file)
    return end


def _bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode("utf-8", "replace")

"""Authentication by a bearer token, and the TLS that keeps it secret."""

from __future__ import annotations

import hmac
from collections.abc import Callable

import grpc

from serving.credentials import read_secret
from serving.server.config import ServerTLS

HEADER = "authorization"
OPEN_TO_ALL = "/grpc.health.v1.Health/"  # probes have no token


class TokenInterceptor(grpc.ServerInterceptor):
    """Refuses calls that do not carry the token; health checks need none."""

    def __init__(self, token: str):
        self._expected = f"Bearer {token}".encode()
        self._refuse = grpc.unary_unary_rpc_method_handler(_refuse)

    def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], grpc.RpcMethodHandler | None],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler | None:
        """Checks the token; gRPC calls this before each call."""
        if handler_call_details.method.startswith(OPEN_TO_ALL):
            return continuation(handler_call_details)
        for name, value in handler_call_details.invocation_metadata or ():
            token = value if isinstance(value, bytes) else value.encode()
            if name == HEADER and hmac.compare_digest(token, self._expected):
                return continuation(handler_call_details)
        return self._refuse


def server_credentials(tls: ServerTLS) -> grpc.ServerCredentials:
    """Returns TLS credentials, mutual if an authority of the clients is given."""
    authority = read_secret(tls.client_ca_file) if tls.client_ca_file else None
    return grpc.ssl_server_credentials(
        [(read_secret(tls.key_file), read_secret(tls.certificate_file))],
        root_certificates=authority,
        require_client_auth=authority is not None,
    )


def _refuse(request: object, context: grpc.ServicerContext) -> None:
    context.abort(
        grpc.StatusCode.UNAUTHENTICATED,
        "this server asks for `authorization: Bearer <token>`",
    )

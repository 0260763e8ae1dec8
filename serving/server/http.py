"""`HttpEndpoint`: an ASGI application on a port, in a running event loop."""

from __future__ import annotations

import asyncio
import socket
import ssl

import uvicorn
from starlette.applications import Starlette
from uvicorn.protocols.http.h11_impl import H11Protocol

from serving.common.errors import ServingError
from serving.server.config import LimitsConfig

_HEADER_BYTES = 32 * 1024
_STEP_SECONDS = 0.01


class HttpEndpoint:
    """Serves an application until it is closed.

    Args:
        app: The application.
        host: The address to listen on.
        port: The port; 0 takes a free one.
        option: What a user would set the port by, for the error.
        limits: How many connections there may be, and how long they may be silent.
        context: Encrypts; plain text without it.
    """

    def __init__(
        self,
        app: Starlette,
        host: str,
        port: int,
        option: str,
        limits: LimitsConfig,
        context: ssl.SSLContext | None = None,
    ):
        self._socket = _listen(host, port, option)
        self.port: int = self._socket.getsockname()[1]
        config = uvicorn.Config(
            app,
            http=_impatient(limits.message_seconds),
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            limit_concurrency=limits.connections,
            timeout_keep_alive=max(1, round(limits.message_seconds)),
            timeout_graceful_shutdown=1,
            h11_max_incomplete_event_size=_HEADER_BYTES,
            ssl_context_factory=(lambda *_: context) if context else None,
        )
        self._server = uvicorn.Server(config)
        self._serving: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Takes connections from now on."""
        self._serving = asyncio.ensure_future(
            self._server._serve(sockets=[self._socket])  # `serve` would catch signals
        )
        while not self._server.started:
            await asyncio.sleep(_STEP_SECONDS)
            if self._serving.done():
                self._serving.result()

    async def close(self) -> None:
        """Lets requests end for a moment, and frees the port."""
        self._server.should_exit = True
        if self._serving:
            await self._serving
        self._socket.close()


def _listen(host: str, port: int, option: str) -> socket.socket:
    bare = host.strip("[]")
    family = socket.AF_INET6 if ":" in bare else socket.AF_INET
    try:
        listening = socket.create_server((bare, port), family=family)
    except OSError as error:
        raise ServingError(
            f"{host}:{port} cannot be opened: {error.strerror}; choose another "
            f"{option}, or 0 for a free one."
        ) from error
    # An answer's second packet would wait 40 ms for the first one's receipt. asyncio
    # asks for this by itself only of a socket that was made with its protocol's name;
    # connections inherit it.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


def _impatient(seconds: float) -> type[asyncio.Protocol]:
    """Returns uvicorn's protocol, but one that hangs up on those who say nothing."""

    class Impatient(H11Protocol):
        """Closes connections on which nothing comes at all."""

        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            super().connection_made(transport)  # type: ignore[arg-type]
            self.timeout_keep_alive_task = self.loop.call_later(
                seconds, self.timeout_keep_alive_handler
            )

    return Impatient

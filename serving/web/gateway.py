"""`Gateway`: videos in, captions out over HTTP, by a server of TensorFlow Serving's."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import signal
import threading
from collections.abc import Callable, Coroutine
from typing import Any

from serving.server import auth
from serving.server.config import LimitsConfig
from serving.server.http import HttpEndpoint
from serving.server.log import BackgroundLog
from serving.web import app
from serving.web.captioning import CaptioningService
from serving.web.config import WebConfig
from serving.web.decoding import Decoders
from serving.web.jobs import JobBoard
from serving.web.working_folder import WorkingFolder

LOG = logging.getLogger("kinescribe.serving.web")
_LOCAL = ("127.0.0.1", "localhost", "::1")


class Gateway:
    """Serves until it is stopped; a context manager. `port` is the one in use."""

    def __init__(self, config: WebConfig):
        self._config = config
        self.port = 0
        self._closing = contextlib.ExitStack()

    def __enter__(self) -> Gateway:
        with contextlib.ExitStack() as stack:
            config, limits = self._config, self._config.limits
            tokens = auth.Tokens(config.token_file) if config.token_file else None
            certificates = (
                auth.Certificates(config.tls, lambda seconds: None)
                if config.tls
                else None
            )
            self._warn(tokens is not None)
            folder = WorkingFolder(config.work_folder)
            stack.callback(folder.close)
            decoders = Decoders(config.decoders, limits)
            stack.callback(decoders.close)
            service = CaptioningService(config, decoders)
            stack.callback(service.close)
            board = JobBoard(config.decoders, limits)
            stack.callback(board.close)
            endpoint = HttpEndpoint(
                app.build(config, service, board, folder, tokens),
                config.host,
                config.port,
                "--port",
                LimitsConfig(
                    connections=limits.connections,
                    message_seconds=limits.silent_seconds,
                ),
                certificates.context() if certificates else None,
            )
            self.port = endpoint.port
            self._start_loop()
            stack.callback(self._end_loop)
            self._run(endpoint.start())
            stack.callback(lambda: self._run(endpoint.close()))
            self._closing = stack.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._closing.close()

    @property
    def url(self) -> str:
        """Where a browser finds the page."""
        host = self._config.host
        if ":" in host and not host.startswith("["):
            host = f"[{host}]"
        return f"{'https' if self._config.tls else 'http'}://{host}:{self.port}/"

    def _warn(self, has_tokens: bool) -> None:
        local = self._config.host.strip("[]") in _LOCAL
        if not (has_tokens or local):
            LOG.warning("anybody who reaches the port is answered; see --token-file")
        if has_tokens and not (local or self._config.tls):
            LOG.warning("without TLS the token travels in plain text")

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def _start_loop(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="gateway", daemon=True
        )
        self._thread.start()

    def _end_loop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


def run_gateway(config: WebConfig, on_ready: Callable[[str], None] = print) -> None:
    """Serves until SIGTERM or SIGINT.

    Args:
        config: The gateway's settings.
        on_ready: Called with one line of JSON when the port is open: `url`, `server`,
            `models`.
    """
    log = BackgroundLog(config.log_format)
    log.start()
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    with Gateway(config) as gateway:
        line = {
            "url": gateway.url,
            "server": config.server,
            "models": list(config.models),
        }
        on_ready(json.dumps(line))
        ended.wait()
    log.close()

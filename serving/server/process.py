"""Runs a `Server` as a process, with a log, until SIGTERM or SIGINT."""

from __future__ import annotations

import json
import logging
import os
import signal
import threading
from collections.abc import Callable

import tensorflow as tf

from serving.server.config import ServerConfig
from serving.server.log import BackgroundLog
from serving.server.server import Server

LOG = logging.getLogger("kinescribe.serving")
_LINGER_SECONDS = 5.0  # beyond the drain, for what closing takes


def run_server(config: ServerConfig, on_ready: Callable[[str], None] = print) -> None:
    """Serves until SIGTERM or SIGINT, then finishes the calls in progress.

    A second such signal ends at once what the first began. SIGHUP re-reads the model
    config file, tokens and certificates. A graph that does not return keeps no process
    alive: that ends `_LINGER_SECONDS` after its drain, whatever runs.

    Args:
        config: The server's settings.
        on_ready: Called with one line of JSON when the ports are open: `address`,
            `rest_port`, `metrics_port`, `model`, `version`.
    """
    log = BackgroundLog(config.log_format)
    log.start()
    tf.config.threading.set_intra_op_parallelism_threads(config.threads)
    tf.config.threading.set_inter_op_parallelism_threads(config.threads)
    server = Server(config)
    ended = threading.Event()

    def end(*_: object) -> None:
        if ended.is_set():
            server.hurry()
        ended.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    signal.signal(signal.SIGHUP, lambda *_: server.reload())
    with server:
        on_ready(
            json.dumps(
                {
                    "address": server.address,
                    "rest_port": server.rest_port,
                    "metrics_port": server.metrics_port,
                    "model": config.model_name,
                    "version": server.version,
                }
            )
        )
        ended.wait()
        LOG.info("ending")
        _exit_after(
            config.lame_duck_seconds + config.drain_seconds + _LINGER_SECONDS, log
        )
    if server.is_stuck:
        _leave_behind(log)
    if not log.close():
        os._exit(0)  # the interpreter's end would wait for the log


def _exit_after(seconds: float, log: BackgroundLog) -> None:
    """Ends the process then, though a thread is deep in a graph that does not end."""
    timer = threading.Timer(seconds, _leave_behind, (log,))
    timer.daemon = True
    timer.start()


def _leave_behind(log: BackgroundLog) -> None:
    LOG.error("a run of a graph does not end; leaving it behind")
    log.close()
    os._exit(0)

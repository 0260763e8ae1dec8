"""Runs a `Server` as a process, with a log, until SIGTERM or SIGINT."""

from __future__ import annotations

import json
import logging
import signal
import threading
from collections.abc import Callable

import tensorflow as tf

from serving.server.config import ServerConfig
from serving.server.server import Server


def run_server(config: ServerConfig, on_ready: Callable[[str], None] = print) -> None:
    """Serves until SIGTERM or SIGINT, then finishes the calls in progress.

    Args:
        config: The server's settings.
        on_ready: Called with one line of JSON when the ports are open: `address`,
            `metrics_port`, `model`, `version`.
    """
    logging.getLogger("kinescribe.serving").setLevel(logging.INFO)
    tf.config.threading.set_intra_op_parallelism_threads(config.threads)
    tf.config.threading.set_inter_op_parallelism_threads(config.threads)
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    with Server(config) as server:
        on_ready(
            json.dumps(
                {
                    "address": server.address,
                    "metrics_port": server.metrics_port,
                    "model": config.model_name,
                    "version": server.version,
                }
            )
        )
        ended.wait()

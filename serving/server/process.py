"""Runs a `Server` as a process: log, ports on standard output, end on SIGTERM."""

from __future__ import annotations

import json
import logging
import signal
import threading
from collections.abc import Callable

import tensorflow as tf

from serving.server.config import ServerConfig
from serving.server.server import Server


def run(config: ServerConfig, announce: Callable[[str], None] = print) -> None:
    """Serves until SIGTERM or SIGINT, then lets calls under way end.

    Args:
        config: The server's settings.
        announce: Given one line of JSON when the ports are open: `address`,
            `metrics_port`, `model`, `version`.
    """
    logging.getLogger("kinescribe.serving").setLevel(logging.INFO)
    tf.config.threading.set_intra_op_parallelism_threads(config.threads)
    tf.config.threading.set_inter_op_parallelism_threads(config.threads)
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    with Server(config) as server:
        announce(
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

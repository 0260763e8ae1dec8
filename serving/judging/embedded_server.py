"""Kinescribe's server as a program: `python -m serving.judging.embedded_server`.

Arguments: the folder of the versions, and the port.
"""

from __future__ import annotations

import sys

from serving.server.config import ServerConfig
from serving.server.process import run_server

if __name__ == "__main__":
    base, number = sys.argv[1:]
    run_server(ServerConfig(model_base=base, port=int(number)), on_ready=lambda _: None)

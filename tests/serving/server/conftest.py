"""Servers that the tests of a module share."""

from __future__ import annotations

import pathlib
import shutil
from collections.abc import Callable, Iterator

import grpc
import pytest

from serving.server.config import ServerConfig
from serving.server.server import Server


@pytest.fixture(scope="module")
def serving_of(tmp_path_factory) -> Iterator[Callable[..., Server]]:
    """Starts servers of a model's versions on free ports; stops them at the end."""
    servers = []

    def serving_of(model: pathlib.Path, *versions: int, **settings) -> Server:
        base = tmp_path_factory.mktemp("served") / "base"
        for version in versions or (1,):
            shutil.copytree(model, base / str(version))
        config = {
            "model_base": str(base),
            "models": "any",
            "port": 0,
            "rest_port": 0,
            "metrics_port": 0,
            **settings,
        }
        servers.append(Server(ServerConfig.from_dict(config)))
        servers[-1].start()
        return servers[-1]

    yield serving_of
    for server in servers:
        server.stop()


@pytest.fixture(scope="module")
def channel_to() -> Iterator[Callable[[Server], grpc.Channel]]:
    """Opens channels and closes them."""
    channels = []

    def channel_to(server: Server) -> grpc.Channel:
        channels.append(grpc.insecure_channel(server.address))
        return channels[-1]

    yield channel_to
    for channel in channels:
        channel.close()

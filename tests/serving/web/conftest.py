"""A gateway and its server, which the tests of a module share."""

from __future__ import annotations

import contextlib
import pathlib
import shutil
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import requests

from serving.server.config import ServerConfig
from serving.server.server import Server
from serving.web.config import WebConfig
from serving.web.gateway import Gateway
from tests.support import clips


class Site:
    """A gateway as its callers see it, and the folder that its uploads lie in."""

    def __init__(self, gateway: Gateway, folder: pathlib.Path):
        self.gateway, self.folder = gateway, folder

    def send(self, path: pathlib.Path, **query: object) -> requests.Response:
        """Uploads a file as a form does, and waits for what comes of it.

        With `wait=0` the job itself is answered.
        """
        with path.open("rb") as file:
            answer = requests.post(
                f"{self.gateway.url}captions",
                params={"wait": 100, **query},
                files={"other": ("a", b"b"), "file": (path.name, file)},
                timeout=120,
            )
        return answer if query.get("wait") == 0 else self.ended(answer, **query)

    def ended(self, answer: requests.Response, **query: object) -> requests.Response:
        """Waits for the job of an answer: a busy machine has its time."""
        deadline = time.monotonic() + 400
        while answer.status_code == 202:
            job = answer.headers["location"]
            while self.get(job).json()["status"] in ("waiting", "running"):
                assert time.monotonic() < deadline
                time.sleep(0.1)
            asked = ("top_k", "format", "attention")
            wish = {key: query[key] for key in asked if key in query}
            answer = self.get(f"{job}/result", **wish)
        return answer

    def get(self, route: str, **query: object) -> requests.Response:
        """Gets what is at a route."""
        url = f"{self.gateway.url}{route.lstrip('/')}"
        return requests.get(url, params=query, timeout=120)

    def uploads(self) -> list[str]:
        """The files that lie in the working folder."""
        return [each.name for each in self.folder.glob("*/*") if each.name != "lock"]


@pytest.fixture(scope="session")
def model_server(exported, tmp_path_factory) -> Iterator[Server]:
    base = tmp_path_factory.mktemp("served") / "base"
    for version in ("1", "2"):
        shutil.copytree(exported, base / version)
    config = {
        "model_base": str(base),
        "port": 0,
        "rest_port": 0,
        "version_policy": {"kind": "latest", "count": 2},
    }
    with Server(ServerConfig.from_dict(config)) as server:
        yield server


@pytest.fixture(scope="session")
def open_site(
    tmp_path_factory,
) -> Callable[..., contextlib.AbstractContextManager[Site]]:
    """Opens gateways with settings of their own."""

    @contextlib.contextmanager
    def open_site(server: str, **settings: object) -> Iterator[Site]:
        folder = tmp_path_factory.mktemp("uploads")
        config = {
            "server": server,
            "port": 0,
            "decoders": 1,
            "work_folder": str(folder),
            **settings,
        }
        with Gateway(WebConfig.from_dict(config)) as gateway:
            yield Site(gateway, folder)

    return open_site


@pytest.fixture(scope="session")
def site(model_server, open_site) -> Iterator[Site]:
    """A gateway that allows little, in front of a real server of two versions."""
    limits = {
        "upload_bytes": 2**20,
        "memory_bytes": 2**28,
        "clip_seconds": 100,
        "silent_seconds": 3,
        "jobs": 1,
    }
    with open_site(model_server.address, limits=limits) as site:
        yield site


@pytest.fixture(scope="session")
def film(tmp_path_factory) -> pathlib.Path:
    """Six seconds of three scenes, two seconds each."""
    path = tmp_path_factory.mktemp("films") / "film.mp4"
    colours = ((200, 40, 30), (20, 180, 60), (30, 40, 220))
    number = iter(range(10_000))

    def turn(image: np.ndarray) -> np.ndarray:
        at = max(0, next(number) - 1)  # the first is asked for its size alone
        drawn = np.zeros_like(image) + np.array(colours[min(at // 24, 2)], np.uint8)
        drawn[20:60, at : at + 40] = 255
        return drawn

    return clips.write(path, frames=72, rate=12, turn=turn)

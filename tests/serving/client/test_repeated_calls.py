"""Calls that are repeated, and the client of event loops."""

from __future__ import annotations

import asyncio
import shutil
import threading

import numpy as np
import pytest

from serving.client.async_client import AsyncClient
from serving.client.channel import Retries
from serving.client.grpc_client import Client
from serving.client.local_model import LocalModel
from serving.common.errors import RefusedError, ServingError
from serving.server.config import ServerConfig
from serving.server.server import Server

QUICK = Retries(first_seconds=0.2, factor=1.5, most_seconds=1)


@pytest.fixture(scope="module")
def server(exported, tmp_path_factory):
    base = tmp_path_factory.mktemp("base")
    shutil.copytree(exported, base / "1")
    with Server(ServerConfig(model_base=str(base), port=0)) as server:
        yield server


@pytest.fixture
def absent_for_a_while(server):
    """Lets the server say for half a second that it is not there."""
    server._admission.stopping = True
    threading.Timer(0.5, setattr, (server._admission, "stopping", False)).start()
    yield
    server._admission.stopping = False


def test_a_call_that_finds_nobody_is_repeated(server, absent_for_a_while):
    with Client(server.address, retries=QUICK) as client:
        client.refresh()
        assert client.spec


def test_a_call_is_not_repeated_where_that_is_not_wanted(server, absent_for_a_while):
    with (
        Client(server.address, retries=Retries(attempts=1)) as client,
        pytest.raises(ServingError, match="shutting down"),
    ):
        client.refresh()


def test_the_twin_of_event_loops_says_the_same(server, exported, clip, make_example):
    near = LocalModel(exported)
    examples = [make_example(seed) for seed in range(3)]

    async def far() -> list:
        async with AsyncClient(server.address, retries=QUICK) as client:
            assert await client.spec() == near.spec
            with pytest.raises(RefusedError, match="row 0 is no"):
                await client.caption_examples([b"\xff"])
            return [
                *await client.caption_examples(examples),
                *await asyncio.gather(*(client.caption_file(clip) for _ in range(2))),
            ]

    ours = [*near.caption_examples(examples), *[near.caption_file(clip)] * 2]
    for one, other in zip(asyncio.run(far()), ours, strict=True):
        assert one.captions == other.captions
        np.testing.assert_allclose(one.log_probs, other.log_probs, rtol=1e-4)


def test_the_twin_repeats_calls_too(server, absent_for_a_while):
    async def far() -> None:
        async with AsyncClient(server.address, retries=QUICK) as client:
            assert await client.spec()

    asyncio.run(far())


def test_the_twin_takes_up_a_new_model_of_another_specification(
    spec, other_spec, exported, other_exported, tmp_path, push, clip, eventually
):
    push(exported, 1)
    base = str(tmp_path / "base")
    config = ServerConfig(model_base=base, port=0, poll_seconds=0.05)

    async def far(server: Server) -> None:
        async with AsyncClient(server.address) as client:
            assert (await client.caption_file(clip)).spec_hash == spec.content_hash
            push(other_exported, 2)
            eventually(lambda: server.version == 2)
            found = await client.caption_file(clip)
            assert found.spec_hash == other_spec.content_hash

    with Server(config) as server:
        asyncio.run(far(server))

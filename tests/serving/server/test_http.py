"""The endpoint that carries HTTP, below what it serves."""

from __future__ import annotations

import asyncio
import socket

from starlette.applications import Starlette

from serving.server.config import LimitsConfig
from serving.server.http import HttpEndpoint


def test_no_packet_of_an_answer_waits_for_the_receipt_of_another():
    async def look() -> int:
        endpoint = HttpEndpoint(Starlette(), "127.0.0.1", 0, "--port", LimitsConfig())
        await endpoint.start()
        _, writer = await asyncio.open_connection("127.0.0.1", endpoint.port)
        try:
            while not (accepted := endpoint._server.server_state.connections):
                await asyncio.sleep(0.01)
            [connection] = accepted
            taken = connection.transport.get_extra_info("socket")
            return taken.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        finally:
            writer.close()
            await endpoint.close()

    assert asyncio.run(look())

"""Clients that are slow, on real connections: who sends no whole head is dropped, who is at work is not."""

from __future__ import annotations

import asyncio
import socket
from contextlib import asynccontextmanager, suppress

import uvicorn

from brigade.api.heads import BoundedHeads

SLOWEST_SECONDS = 30
WHOLE = b"GET /x HTTP/1.1\r\nHost: x\r\n\r\n"


class Impatient(BoundedHeads):
    head_seconds = 0.3


@asynccontextmanager
async def served(app):
    """The server on a port of its own; how to open a connection to it."""
    settings = uvicorn.Config(app, http=Impatient, ws="none", lifespan="off", log_config=None, timeout_keep_alive=60)
    server = uvicorn.Server(settings)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving = asyncio.create_task(server._serve([listener]))
        try:
            yield lambda: asyncio.open_connection(*listener.getsockname())
        finally:
            server.should_exit = True
            await serving


async def answers(scope, receive, send):
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


async def is_dropped(reader, writer, drip):
    """Send byte by byte until the other side has enough."""
    with suppress(ConnectionError):
        async with asyncio.timeout(SLOWEST_SECONDS):
            while not reader.at_eof():
                writer.write(drip)
                await writer.drain()
                with suppress(TimeoutError):
                    async with asyncio.timeout(0.05):
                        await reader.read(1000)
    writer.close()
    return True


async def test_a_head_that_comes_byte_by_byte_is_not_waited_for_for_ever():
    async with served(answers) as connect:
        reader, writer = await connect()
        writer.write(b"GET /x HTTP/1.1\r\nX: ")
        assert await is_dropped(reader, writer, b"a")


async def test_who_connects_and_says_nothing_is_dropped():
    async with served(answers) as connect:
        reader, writer = await connect()
        assert await is_dropped(reader, writer, b"")


async def test_a_later_head_on_the_same_connection_is_bounded_too_and_rest_between_them_is_not():
    async with served(answers) as connect:
        reader, writer = await connect()
        for _ in range(2):
            writer.write(WHOLE)
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 204")
            await asyncio.sleep(3 * Impatient.head_seconds)
        writer.write(b"GET /x HTTP/1.1\r\nX: ")
        assert await is_dropped(reader, writer, b"a")


async def test_the_rest_of_a_body_that_was_answered_already_holds_nothing():
    async with served(answers) as connect:
        reader, writer = await connect()
        writer.write(b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n")
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 204")
        assert await is_dropped(reader, writer, b"a")


async def test_an_answer_and_a_body_may_take_longer_than_a_head():
    async def slow(scope, receive, send):
        while (await receive()).get("more_body"):
            pass
        await asyncio.sleep(3 * Impatient.head_seconds)
        await answers(scope, receive, send)

    async with served(slow) as connect:
        reader, writer = await connect()
        writer.write(b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\na")
        await asyncio.sleep(3 * Impatient.head_seconds)
        writer.write(b"b")
        async with asyncio.timeout(SLOWEST_SECONDS):
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 204")
        writer.close()

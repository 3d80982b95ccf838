"""A server that says exactly what a test tells it to, on both event loops."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, NamedTuple

import pytest
import uvloop

from brigade.stores.http import open_client
from brigade.stores.http.base import HttpClient


class Request(NamedTuple):
    line: str
    headers: dict[str, str]
    body: bytes


class Peer:
    """The server's end of one connection; `number` counts connections from 0."""

    def __init__(self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.number = number
        self.reader = reader
        self.writer = writer

    async def head(self) -> Request:
        raw = (await self.reader.readuntil(b"\r\n\r\n")).decode("utf-8", "surrogateescape")
        line, *rest = raw[:-4].split("\r\n")
        headers = dict(text.split(": ", 1) for text in rest)
        return Request(line, {name.lower(): value for name, value in headers.items()}, b"")

    async def request(self) -> Request:
        request = await self.head()
        body = await self.reader.readexactly(int(request.headers.get("content-length", "0")))
        return request._replace(body=body)

    async def say(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self, body: bytes = b"", *, status: str = "200 OK", headers: str = "") -> None:
        await self.say(f"HTTP/1.1 {status}\r\n{headers}Content-Length: {len(body)}\r\n\r\n".encode() + body)

    def reset(self) -> None:
        self.writer.transport.abort()


class Server:
    """`requests` holds what came in, in order, where the script uses `serve_all`."""

    def __init__(self, origin: str) -> None:
        self.origin = origin
        self.connections = 0
        self.open_connections = 0
        self.requests: list[Request] = []


Script = Callable[[Peer], Awaitable[None]]


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture
async def serve() -> AsyncIterator[Callable[..., Awaitable[Server]]]:
    """Starts servers: `await serve(script)`; the script runs once a connection, which closes after it."""
    running: list[asyncio.Server] = []
    tasks: set[asyncio.Task[Any]] = set()

    async def start(script: Script, *, ssl: Any = None) -> Server:
        state = Server("")

        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            tasks.add(task)
            number = state.connections
            state.connections += 1
            state.open_connections += 1
            try:
                await script(Peer(number, reader, writer))
            except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
                # The client left, or the test is over.
                pass
            finally:
                state.open_connections -= 1
                writer.close()

        server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=ssl)
        running.append(server)
        port = server.sockets[0].getsockname()[1]
        state.origin = f"{'https' if ssl else 'http'}://127.0.0.1:{port}"
        return state

    yield start
    for server in running:
        server.close()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture
async def connect() -> AsyncIterator[Callable[..., HttpClient]]:
    """Opens clients, closed at the end."""
    clients: list[HttpClient] = []

    def start(server: Server, *, connections: int = 4, idle: float = 5.0, ssl: Any = None) -> HttpClient:
        client = open_client(
            server.origin,
            ssl=ssl,
            connections=connections,
            connect_timeout_seconds=5.0,
            idle_timeout_seconds=idle,
        )
        clients.append(client)
        return client

    yield start
    for client in clients:
        await client.close()

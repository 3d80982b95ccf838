"""A gateway in this process, stores that are scripts, and a client that signs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, NamedTuple

import pytest

from brigade.clock import SystemClock
from brigade.gateway.app import Gateway, serve
from brigade.gateway.capture import Touched
from brigade.gateway.settings import FixedCredentials, GatewaySettings, Limits, StoreTarget, User
from brigade.gateway.uploads import Uploads
from brigade.stores.base import Body
from brigade.stores.http import open_client
from brigade.wire.sigv4 import Credentials, Signer
from brigade.wire.verify import AccessKey

CLIENT = Credentials("CLIENTKEY", "client-secret")
STORE = Credentials("STOREKEY", "store-secret")
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


class Received(NamedTuple):
    """One request that reached a store."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


@dataclass
class ScriptedStore:
    """A store that records what reaches it and answers by its script, else 200."""

    received: list[Received] = field(default_factory=list)
    answers: list[bytes | Callable[[asyncio.StreamWriter], Awaitable[None]]] = field(default_factory=list)
    cut_short: asyncio.Event = field(default_factory=asyncio.Event)
    on_request: Callable[[Received], None] | None = None
    port: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await self._head(reader):
                try:
                    request = await self._request(head, reader)
                except asyncio.IncompleteReadError:
                    self.cut_short.set()
                    return
                self.received.append(request)
                if self.on_request is not None:
                    self.on_request(request)
                answer = self.answers.pop(0) if self.answers else OK
                if isinstance(answer, bytes):
                    writer.write(answer)
                    await writer.drain()
                else:
                    await answer(writer)
        except ConnectionError:
            return
        finally:
            writer.close()

    @staticmethod
    async def _head(reader: asyncio.StreamReader) -> bytes:
        try:
            return await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            return b""

    @staticmethod
    async def _request(head: bytes, reader: asyncio.StreamReader) -> Received:
        lines = head.decode("utf-8", "surrogateescape").split("\r\n")[:-2]
        method, target, _ = lines[0].split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        return Received(method, target, headers, body)


@dataclass
class RecordingCapture:
    """Takes everything down in `events`; fails where it is told to."""

    events: list[Any] = field(default_factory=list)
    failure: Exception | None = None
    late_failure: Exception | None = None
    tokens: int = 0
    touched: list[Touched] = field(default_factory=list)
    answers: list[tuple[object, int]] = field(default_factory=list)

    async def intend(self, touched: Touched) -> object | None:
        if self.failure is not None:
            raise self.failure
        self.tokens += 1
        self.events.append(("intend", touched.bucket, list(touched.keys)))
        self.touched.append(touched)
        return self.tokens

    async def answered(self, token: object, status: int) -> None:
        self.answers.append((token, status))
        if self.late_failure is not None:
            raise self.late_failure

    async def settle(self, token: object) -> None:
        self.events.append(("settle", token))


class Reply(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def code(self) -> str:
        return self.body.partition(b"<Code>")[2].partition(b"</Code>")[0].decode()


class SigningClient:
    """Sends requests to the gateway as the user of these tests."""

    def __init__(self, port: int) -> None:
        self.host = f"127.0.0.1:{port}"
        self.port = port
        self._signer = Signer("us-east-1")
        self._client = open_client(
            f"http://{self.host}", ssl=None, connections=50, connect_timeout_seconds=5, idle_timeout_seconds=10
        )

    def sign(
        self,
        method: str,
        path: str,
        query: str = "",
        headers: Sequence[tuple[str, str]] = (),
        content_hash: str = "UNSIGNED-PAYLOAD",
        *,
        host: str = "",
        credentials: Credentials = CLIENT,
    ) -> list[tuple[str, str]]:
        named = [("host", host or self.host), *headers]
        return self._signer.sign(credentials, method, path, query, named, content_hash, time.time_ns())

    async def send(
        self,
        method: str,
        path: str,
        query: str = "",
        headers: Sequence[tuple[str, str]] = (),
        body: bytes | Body | None = None,
        *,
        content_hash: str | None = None,
        host: str = "",
        signed: bool = True,
        credentials: Credentials = CLIENT,
    ) -> Reply:
        if content_hash is None:
            content_hash = sha256(body).hexdigest() if isinstance(body, bytes) else "UNSIGNED-PAYLOAD"
        sent = list(headers)
        if signed:
            sent = self.sign(method, path, query, headers, content_hash, host=host, credentials=credentials)
        target = f"{path}?{query}" if query else path
        async with self._client.send(method, target, sent, body) as response:
            return Reply(response.status, dict(response.headers), await response.read())

    async def raw(self, data: bytes, *, wait: bool = True) -> bytes:
        """Send bytes as they are, and everything that comes back until the connection ends."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(data)
        try:
            return await asyncio.wait_for(reader.read(), 30) if wait else b""
        finally:
            writer.close()

    def request_bytes(self, method: str, path: str, headers: Sequence[tuple[str, str]], body: bytes = b"") -> bytes:
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
        return f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode() + body

    async def close(self) -> None:
        await self._client.close()


@dataclass
class Scene:
    """Everything that a test of the gateway needs."""

    gateway: Gateway
    client: SigningClient
    capture: RecordingCapture
    stores: dict[str, ScriptedStore]
    settings: GatewaySettings

    @property
    def store(self) -> ScriptedStore:
        return self.stores["one"]


def target(name: str, port: int, **options: Any) -> StoreTarget:
    options.setdefault("idle_timeout_seconds", 5)
    return StoreTarget(name, f"http://127.0.0.1:{port}", FixedCredentials(STORE), **options)


@pytest.fixture
async def open_scene() -> AsyncIterator[Callable[..., Awaitable[Scene]]]:
    """Opens a gateway before the stores `one` and `two`; options are those of its settings."""
    async with AsyncExitStack() as stack:

        async def opened(
            *, trailers: bool = True, limits: Limits | None = None, uploads: Uploads | None = None, **options: Any
        ) -> Scene:
            stores = {name: await stack.enter_async_context(_listening()) for name in ("one", "two")}
            targets = tuple(target(name, store.port, trailers=trailers) for name, store in stores.items())
            options.setdefault("users", (User("somebody", (AccessKey(CLIENT),)),))
            options.setdefault("store", "one")
            settings = GatewaySettings(
                targets, host="127.0.0.1", port=0, limits=limits or Limits(idle_timeout_seconds=5), **options
            )
            capture = RecordingCapture()
            gateway = await stack.enter_async_context(
                serve(settings, clock=SystemClock(), capture=capture, uploads=uploads, drain_seconds=2)
            )
            client = SigningClient(gateway.address[1])
            stack.push_async_callback(client.close)
            return Scene(gateway, client, capture, stores, settings)

        yield opened


@pytest.fixture
async def scene(open_scene: Callable[..., Awaitable[Scene]]) -> Scene:
    return await open_scene()


@asynccontextmanager
async def _listening() -> AsyncIterator[ScriptedStore]:
    store = ScriptedStore()
    server = await asyncio.start_server(store.serve, "127.0.0.1", 0)
    store.port = server.sockets[0].getsockname()[1]
    try:
        yield store
    finally:
        server.close()

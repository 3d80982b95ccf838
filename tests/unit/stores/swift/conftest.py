"""A Swift that answers from a script and remembers what it was asked."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from brigade.stores.swift.settings import SwiftSettings
from brigade.stores.swift.store import SwiftStore
from brigade.testing.clock import ManualClock

INFO = b'{"swift": {"max_object_name_length": 1024}, "slo": {}, "bulk_delete": {"max_deletes_per_request": 1000}}'


@dataclass
class Reply:
    """One scripted answer."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    async def read(self) -> bytes:
        return self.body

    async def chunks(self) -> AsyncIterator[bytes]:
        yield self.body


@dataclass
class Request:
    """One request as it would travel."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


class Server:
    """`answer` decides what comes back once the store is open; `requests` is what came."""

    reply = Reply

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.answer: Callable[[Request], Reply] = lambda request: Reply()
        self.info = INFO

    def connect(self, origin):
        return self

    def send(self, method, target, headers, body=None):
        return self._exchange(method, target, headers, body)

    @asynccontextmanager
    async def _exchange(self, method, target, headers, body):
        data = body or b""
        if not isinstance(data, bytes):
            data = b"".join([chunk async for chunk in data.chunks()])
        assert len({name for name, _ in headers}) == len(headers), "a header is sent twice"
        request = Request(method, target, dict(headers), data)
        if target == "/info":
            yield Reply(200, self.info)
            return
        self.requests.append(request)
        yield self.answer(request)

    async def close(self) -> None:
        pass

    def asked(self, method: str) -> list[str]:
        return [request.target for request in self.requests if request.method == method]


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def open_store(server, clock):
    async def make(**changes):
        values = {"storage_url": "http://swift.example/v1/AUTH_a", "token": "hush", **changes}
        store = SwiftStore(SwiftSettings(name="test", container="photos", **values), clock, connect=server.connect)
        await store.open()
        server.requests.clear()
        return store

    return make

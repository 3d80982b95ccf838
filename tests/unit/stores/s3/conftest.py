"""An S3 server that answers from a script and remembers what it was asked."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

import pytest

from brigade.stores.base import Body
from brigade.stores.http.base import HttpResponse
from brigade.stores.s3.settings import S3Settings, Vendor
from brigade.stores.s3.store import S3Store
from brigade.testing.clock import ManualClock

EMPTY_PAGE = b"<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>"


@dataclass
class Reply:
    """One scripted answer."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    async def read(self) -> bytes:
        return self.body

    async def chunks(self) -> AsyncIterator[bytes]:
        for start in range(0, len(self.body), 4):
            yield self.body[start : start + 4]


@dataclass
class Request:
    """One request as it would travel."""

    origin: str
    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return unquote(self.target.partition("?")[0])

    @property
    def query(self) -> dict[str, str]:
        pairs = (pair.partition("=") for pair in self.target.partition("?")[2].split("&") if pair)
        return {unquote(name): unquote(value) for name, _, value in pairs}


class Server:
    """`answer` decides what comes back; `requests` is what came."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.replies: list[Reply | Exception] = []
        self.closed: list[str] = []
        self.answer: Callable[[Request], Reply] = lambda _: Reply()

    def connect(self, origin: str) -> Client:
        return Client(self, origin)

    def say(self, *replies: Reply | Exception) -> None:
        """What the next requests get, in turn; after that `answer` decides."""
        self.replies += replies

    @property
    def last(self) -> Request:
        return self.requests[-1]


class Client:
    """An `HttpClient` that ends in the script."""

    def __init__(self, server: Server, origin: str) -> None:
        self._server = server
        self._origin = origin

    def send(
        self, method: str, target: str, headers: Sequence[tuple[str, str]], body: bytes | Body | None = None
    ) -> AbstractAsyncContextManager[HttpResponse]:
        return self._exchange(method, target, headers, body)

    @asynccontextmanager
    async def _exchange(
        self, method: str, target: str, headers: Sequence[tuple[str, str]], body: bytes | Body | None
    ) -> AsyncIterator[HttpResponse]:
        data = body or b""
        if not isinstance(data, bytes):
            data = b"".join([chunk async for chunk in data.chunks()])
        names = [name for name, _ in headers]
        assert len(set(names)) == len(names), "a header is sent twice"
        request = Request(self._origin, method, target, dict(headers), data)
        self._server.requests.append(request)
        reply = self._server.replies.pop(0) if self._server.replies else self._server.answer(request)
        if isinstance(reply, Exception):
            raise reply
        yield reply

    async def close(self) -> None:
        self._server.closed.append(self._origin)


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


MakeStore = Callable[..., S3Store]
OpenStore = Callable[..., Awaitable[S3Store]]


@pytest.fixture
def make_store(server: Server, clock: ManualClock) -> MakeStore:
    """A store that is not open yet."""

    def make(**changes: Any) -> S3Store:
        values: dict[str, Any] = {
            "name": "test",
            "bucket": "photos",
            "endpoint": "http://s3.example:9000",
            "access_key": "AKID",
            "secret_key": "hush",
        }
        return S3Store(S3Settings(**(values | changes)), clock, connect=server.connect)

    return make


@pytest.fixture
def open_store(server: Server, make_store: MakeStore) -> OpenStore:
    """An open store of a vendor (AWS unless said otherwise), with the requests of opening forgotten."""

    async def opened(**changes: Any) -> S3Store:
        store = make_store(**({"vendor": Vendor.AWS} | changes))
        server.say(Reply(body=EMPTY_PAGE))
        if TELLS_TAGS.get(changes.get("vendor", Vendor.AWS), True):
            server.say(Reply(404, body=b"<Error><Code>NoSuchKey</Code></Error>"))
        await store.open()
        server.requests.clear()
        return store

    return opened


TELLS_TAGS = {Vendor.SWIFT: False, Vendor.MOTO: False, Vendor.GENERIC: False}


@pytest.fixture
def reply() -> type[Reply]:
    return Reply

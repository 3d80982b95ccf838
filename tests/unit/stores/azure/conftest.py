"""A blob service that answers from a script and remembers what it was asked."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import unquote

import pytest

from brigade.stores.azure.settings import AzureSettings
from brigade.stores.azure.store import AzureStore
from brigade.testing.clock import ManualClock

EMPTY_PAGE = b"<EnumerationResults><Blobs /><NextMarker /></EnumerationResults>"
NO_BLOCKS = b"<BlockList><CommittedBlocks /><UncommittedBlocks /></BlockList>"


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


def refusal(status, code):
    return Reply(status, {"x-ms-error-code": code})


@dataclass
class Request:
    """One request as it would travel."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes


class Service:
    """`answer` decides what comes back; `requests` is what came. It is an `HttpClient` too."""

    def __init__(self):
        self.requests: list[Request] = []
        self.answer: Callable[[Request], Reply] = lambda _: Reply()
        self.page: Callable[[Request], Reply] = lambda _: Reply(body=EMPTY_PAGE)
        self.tags = refusal(404, "BlobNotFound")
        self.closed = 0

    @property
    def last(self) -> Request:
        return self.requests[-1]

    def asked(self, method, comp=None):
        return [each for each in self.requests if each.method == method and each.query.get("comp") == comp]

    @asynccontextmanager
    async def send(self, method, target, headers, body=None):
        content = body if isinstance(body, bytes) else b""
        if body is not None and not isinstance(body, bytes):
            content = b"".join([chunk async for chunk in body.chunks()])
        path, _, query = target.partition("?")
        pairs = (pair.partition("=") for pair in query.split("&") if pair)
        asked = {unquote(name): unquote(value) for name, _, value in pairs}
        self.requests.append(Request(method, unquote(path), asked, dict(headers), content))
        yield self._reply(self.last)

    def _reply(self, request):
        if request.query.get("comp") == "list":
            return self.page(request)
        if (request.method, request.query.get("comp")) == ("GET", "tags"):
            return self.tags
        return self.answer(request)

    async def close(self):
        self.closed += 1


@pytest.fixture
def service():
    return Service()


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def make(service, clock):
    """Makes stores that talk to the service."""

    def give(**more):
        settings = AzureSettings("az", "photos", "account", **{"key": "c2VjcmV0", **more})
        return AzureStore(settings, clock, connect=lambda _: service)

    return give


@pytest.fixture
async def store(make, service):
    store = make()
    await store.open()
    service.requests.clear()
    return store

"""A client that costs next to nothing: Brigade's HTTP client and its signatures, and the bytes thrown away."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from hashlib import sha256
from typing import Any

from brigade.stores.http import open_client
from brigade.wire.sigv4 import EMPTY_SHA256, UNSIGNED_PAYLOAD, Credentials, Signer

_PIECE_BYTES = 256 * 1024
_CONNECTIONS = 64


class Zeros:
    """A large body that needs no memory."""

    replayable = True

    def __init__(self, size_bytes: int) -> None:
        self.size_bytes = size_bytes

    async def chunks(self) -> AsyncIterator[bytes]:
        piece = bytes(_PIECE_BYTES)
        for first in range(0, self.size_bytes, _PIECE_BYTES):
            yield piece if self.size_bytes - first >= _PIECE_BYTES else bytes(self.size_bytes - first)


class Refused(Exception):
    """An answer that is not the one wanted."""


class Client:
    """One endpoint; `place` is its URL, region and keys."""

    def __init__(self, place: Mapping[str, str]) -> None:
        self._host = place["endpoint"].partition("//")[2]
        self._credentials = Credentials(place["access_key"], place["secret_key"])
        self._signer = Signer(place["region"])
        self._client = open_client(
            place["endpoint"], ssl=None, connections=_CONNECTIONS, connect_timeout_seconds=5, idle_timeout_seconds=60
        )

    async def request(self, method: str, path: str, body: bytes | Zeros | None = None, query: str = "") -> int:
        """Send one request and count the bytes of its answer. Raises `Refused` for any status but 200."""
        async with self._send(method, path, body, query) as answer:
            got = 0
            async for piece in answer.chunks():
                got += len(piece)
            if answer.status != 200:
                raise Refused(f"{method} {path} was answered with {answer.status}")
        return got

    async def read(self, path: str, query: str = "") -> bytes:
        """The body of an answer."""
        async with self._send("GET", path, None, query) as answer:
            body = await answer.read()
            if answer.status != 200:
                raise Refused(f"GET {path}?{query} was answered with {answer.status}")
            return body

    def _send(self, method: str, path: str, body: bytes | Zeros | None, query: str) -> Any:
        hashed = UNSIGNED_PAYLOAD if isinstance(body, Zeros) else sha256(body).hexdigest() if body else EMPTY_SHA256
        named = [("host", self._host)]
        headers = self._signer.sign(self._credentials, method, path, query, named, hashed, time.time_ns())
        return self._client.send(method, f"{path}?{query}" if query else path, headers, body)

    async def close(self) -> None:
        await self._client.close()


async def at_once(workers: int, jobs: Iterable[Callable[[], Awaitable[Any]]]) -> None:
    """Do all jobs, so many at a time."""
    line = iter(jobs)

    async def work() -> None:
        for job in line:
            await job()

    async with asyncio.TaskGroup() as group:
        for _ in range(workers):
            group.create_task(work())

"""Kept-alive connections to one origin: at most so many, first come first served."""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from urllib.parse import urlsplit

from brigade.errors import Rejected, Unavailable
from brigade.stores.http.connection import Connection

# Servers close idle connections, some after 5 s; an older one is more likely to be dead than to be useful.
MAX_IDLE_SECONDS = 15.0
RECEIVE_BUFFER_BYTES = 512 * 1024


class Pool:
    """Opens connections and lends them out. Every one that is open or being opened counts against `limit`."""

    def __init__(
        self,
        origin: str,
        *,
        ssl_context: ssl.SSLContext | None,
        limit: int,
        connect_timeout_seconds: float,
        idle_timeout_seconds: float,
    ) -> None:
        parts = urlsplit(origin)
        self.origin = origin
        self.host = parts.netloc
        self._hostname = parts.hostname or ""
        self._port = parts.port or (443 if parts.scheme == "https" else 80)
        self._ssl: ssl.SSLContext | None = None
        if parts.scheme == "https":
            self._ssl = ssl_context or ssl.create_default_context()
        self._limit = limit
        self._connect_timeout_seconds = connect_timeout_seconds
        self._idle_timeout_seconds = idle_timeout_seconds
        self._loop = asyncio.get_running_loop()
        self._buffer = memoryview(bytearray(RECEIVE_BUFFER_BYTES))
        self._slots_taken = 0
        self._connections: set[Connection] = set()
        self._idle: list[Connection] = []
        # Each gets a connection, or None: the right to open one.
        self._waiting: deque[asyncio.Future[Connection | None]] = deque()
        self._closed = False
        self._all_lost: asyncio.Future[None] | None = None

    async def acquire(self, *, fresh: bool = False) -> Connection:
        """A connection for one exchange. `fresh`: one that has never been used."""
        if self._closed:
            raise self._closed_error()
        if fresh:
            # One was found dead; whatever idled beside it probably is, too.
            self._drop_idle()
        while self._idle:
            connection = self._idle.pop()
            if connection.alive and self._loop.time() - connection.idle_since_seconds < MAX_IDLE_SECONDS:
                return connection
            connection.abort()
        first = False
        while self._slots_taken >= self._limit:
            handed_over = await self._turn(first=first)
            if handed_over is None:
                return await self._connect()
            if handed_over.alive and not fresh:
                return handed_over
            # Its slot comes back to the first in the line, so be that.
            handed_over.abort()
            first = True
        self._slots_taken += 1
        return await self._connect()

    def release(self, connection: Connection) -> None:
        """Take a connection back after the end of its exchange."""
        if self._closed or not connection.end():
            connection.abort()
            return
        self._hand_over(connection)

    async def close(self) -> None:
        """Drop every connection and wait until the sockets are gone."""
        self._closed = True
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_exception(self._closed_error())
        self._idle.clear()
        for connection in list(self._connections):
            connection.abort()
        if self._connections:
            if self._all_lost is None:
                self._all_lost = self._loop.create_future()
            await asyncio.shield(self._all_lost)

    async def _turn(self, *, first: bool) -> Connection | None:
        waiter: asyncio.Future[Connection | None] = self._loop.create_future()
        if first:
            self._waiting.appendleft(waiter)
        else:
            self._waiting.append(waiter)
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                self._give_back(waiter.result())
            raise

    def _give_back(self, handed_over: Connection | None) -> None:
        if handed_over is None:
            self._free_slot()
        else:
            self._hand_over(handed_over)

    def _hand_over(self, connection: Connection) -> None:
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(connection)
                return
        self._idle.append(connection)

    def _free_slot(self) -> None:
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return
        self._slots_taken -= 1

    async def _connect(self) -> Connection:
        """Open a connection in a slot that is already ours; the slot is freed if that fails."""
        try:
            connection = await self._open_socket()
            if not connection.alive:
                raise Unavailable(f"{self.origin} closed the connection at once")
            if self._closed:
                connection.abort()
                raise self._closed_error()
        except BaseException:
            self._free_slot()
            raise
        connection.on_lost = self._lost
        self._connections.add(connection)
        return connection

    async def _open_socket(self) -> Connection:
        try:
            async with asyncio.timeout(self._connect_timeout_seconds):
                _, connection = await self._loop.create_connection(
                    lambda: Connection(self._loop, self.origin, self._idle_timeout_seconds, self._buffer),
                    self._hostname,
                    self._port,
                    ssl=self._ssl,
                )
        except ssl.SSLCertVerificationError as error:
            raise Rejected(
                f"the certificate of {self.origin} is not trusted: {error.verify_message}",
                hint="give the authority that signed it as the store's CA file",
            ) from error
        except TimeoutError as error:
            raise Unavailable(f"no connection to {self.origin} in {self._connect_timeout_seconds:g} s") from error
        except OSError as error:
            raise Unavailable(f"no connection to {self.origin}: {error}") from error
        return connection

    def _lost(self, connection: Connection) -> None:
        self._connections.discard(connection)
        self._free_slot()
        if self._all_lost is not None and not self._connections and not self._all_lost.done():
            self._all_lost.set_result(None)

    def _drop_idle(self) -> None:
        idle, self._idle = self._idle, []
        for connection in idle:
            connection.abort()

    def _closed_error(self) -> Unavailable:
        return Unavailable(f"the client of {self.origin} is closed")

"""One connection and the one exchange it is busy with: bytes in, bytes out, flow control and the idle timeout."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

from brigade.errors import StoreError, Unavailable
from brigade.stores.http.answer import Answer
from brigade.stores.http.base import Sink
from brigade.stores.http.heads import ResponseHead

# Above this much unread content the socket is left alone until somebody takes it.
MAX_UNREAD_BYTES = 512 * 1024


class Connection(asyncio.BufferedProtocol):
    """A connection to `origin`. Between `begin` and `end` it is busy with one request and its answer.

    One task at a time waits on it. A waiting task fails after `idle_timeout_seconds` without a byte in either
    direction; a body stuck in sending may take twice that. The timer is one per connection and is set anew
    only when it rings, so that a busy connection pays next to nothing for it.

    `buffer` is where the event loop puts what it reads. Connections share one, because `get_buffer`, the read and
    `buffer_updated` follow each other without a break. It is larger than what a plain `Protocol` reads at
    once, which saves more than the copy out of it costs (docs/decisions/0002-transport.md).
    """

    __slots__ = (
        "_active_at",
        "_answer",
        "_buffer",
        "_busy",
        "_closed_by_peer",
        "_error",
        "_idle_timeout_seconds",
        "_loop",
        "_origin",
        "_read_paused",
        "_request_cut_short",
        "_sink",
        "_sink_is_full",
        "_timer",
        "_transport",
        "_unsent_bytes",
        "_waiter",
        "_write_paused",
        "idle_since_seconds",
        "on_lost",
        "reused",
    )

    def __init__(
        self, loop: asyncio.AbstractEventLoop, origin: str, idle_timeout_seconds: float, buffer: memoryview
    ) -> None:
        self.on_lost: Callable[[Connection], None] | None = None
        self.reused = False
        self.idle_since_seconds = 0.0
        self._loop = loop
        self._origin = origin
        self._idle_timeout_seconds = idle_timeout_seconds
        self._buffer = buffer
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._active_at = 0.0
        self._closed_by_peer = False
        self._read_paused = False
        self._write_paused = False
        self._sink: Sink | None = None
        self._sink_is_full = False
        self.begin("")
        self._busy = False

    # What the owner of the exchange calls.

    def begin(self, method: str) -> None:
        """Start an exchange on a connection that is free and alive."""
        self._answer = Answer(method)
        self._error: StoreError | None = None
        self._unsent_bytes = -1
        self._request_cut_short = False
        self._busy = True

    def write(self, data: bytes) -> None:
        """Send `data`; nothing happens on a connection that is lost, the next wait tells."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    async def drain(self) -> bool:
        """Wait until more may be written. False: the answer has begun, and nothing more need be sent."""
        while self._answer.head is None:
            if self._error is not None:
                raise self._error
            if not self._write_paused:
                return True
            await self._wait()
        return False

    def cut_request_short(self) -> None:
        """The rest of the request will not be sent: this exchange is the connection's last."""
        self._request_cut_short = True

    async def head(self) -> ResponseHead:
        """The head of the answer."""
        while self._answer.head is None:
            if self._error is not None:
                raise self._error
            await self._wait()
        return self._answer.head

    async def more(self) -> list[bytes]:
        """All content that has come and was not taken yet; waits for some. Empty at the end of the body."""
        while not self._answer.unread:
            if self._answer.complete:
                return []
            if self._error is not None:
                raise self._error
            await self._wait()
        return self.taken()

    def taken(self) -> list[bytes]:
        """The content at hand, without waiting."""
        self._resume_reading()
        return self._answer.take()

    async def pour(self, sink: Sink) -> bool:
        """Give content to `sink` without keeping it. False: it wants no more. True: the end, or there is some to be taken."""
        self._sink, self._sink_is_full = sink, False
        self._resume_reading()
        try:
            while not (self._sink_is_full or self._answer.unread or self._answer.complete):
                if self._error is not None:
                    raise self._error
                await self._wait()
        finally:
            self._sink = None
        return not self._sink_is_full

    def end(self) -> bool:
        """End the exchange after its last byte. True: the connection can serve another one."""
        self._busy = False
        self.reused = True
        self.idle_since_seconds = self._loop.time()
        head = self._answer.head
        return (
            head is not None
            and head.keep_alive
            and not self._answer.surplus
            and not self._request_cut_short
            and self._transport is not None
            and not self._transport.is_closing()
            and not self._transport.get_write_buffer_size()
        )

    def abort(self) -> None:
        """Drop the connection at once, whatever it is busy with."""
        if self._transport is not None:
            self._transport.abort()

    @property
    def complete(self) -> bool:
        """The whole answer has come (some of it may wait to be taken)."""
        return self._answer.complete

    @property
    def alive(self) -> bool:
        """Neither lost nor about to be."""
        return self._transport is not None and not self._transport.is_closing()

    @property
    def went_stale(self) -> bool:
        """The server closed a kept-alive connection before it answered a byte: it never took the request up."""
        return self.reused and self._closed_by_peer and not self._answer.begun

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        if not self._busy:
            # Nobody asked for anything.
            self.abort()
            return
        answer = self._answer
        if self._sink is not None and answer.pass_by(nbytes):
            self._pour_out(self._sink, nbytes)
            return
        try:
            answer.feed(bytes(self._buffer[:nbytes]))
        except Unavailable as error:
            self._fail(error)
            return
        if answer.head is None:
            self._active_at = self._loop.time()
            return
        if answer.unread_bytes > MAX_UNREAD_BYTES and not answer.complete and not self._read_paused:
            self._pause_reading()
        self._wake()

    def pause_writing(self) -> None:
        self._write_paused = True

    def resume_writing(self) -> None:
        self._write_paused = False
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._error is None:
            self._closed_by_peer = True
            self._error = self._answer.connection_closed(exc, self._origin)
        self._wake()
        if self.on_lost is not None:
            self.on_lost(self)

    # Waiting and failing.

    def _pour_out(self, sink: Sink, size_bytes: int) -> None:
        self._active_at = self._loop.time()
        wants_more = sink(self._buffer[:size_bytes])
        if self._answer.complete:
            self._wake()
        elif not wants_more:
            self._sink, self._sink_is_full = None, True
            self._pause_reading()
            self._wake()

    def _resume_reading(self) -> None:
        if self._read_paused and self._transport is not None:
            self._read_paused = False
            self._transport.resume_reading()

    def _pause_reading(self) -> None:
        if self._transport is not None:
            self._read_paused = True
            self._transport.pause_reading()

    async def _wait(self) -> None:
        loop = self._loop
        self._waiter = waiter = loop.create_future()
        self._active_at = loop.time()
        if self._timer is None:
            self._timer = loop.call_later(self._idle_timeout_seconds, self._ring)
        try:
            await waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def _ring(self) -> None:
        """The timer: fail if somebody has waited too long, else set it for when that would be."""
        self._timer = None
        if self._waiter is None or self._transport is None:
            # Whoever waits next sets it.
            return
        left_seconds = self._active_at + self._idle_timeout_seconds - self._loop.time()
        if left_seconds <= 0:
            unsent_bytes = self._transport.get_write_buffer_size()
            if unsent_bytes in (0, self._unsent_bytes):
                self._fail(Unavailable(f"{self._origin} sent nothing for {self._idle_timeout_seconds:g} s"))
                return
            # A large body is on its way out and moved, or may have: look again after another full wait.
            self._unsent_bytes = unsent_bytes
            left_seconds = self._idle_timeout_seconds
        self._timer = self._loop.call_later(left_seconds, self._ring)

    def _fail(self, error: StoreError) -> None:
        self._error = error
        self._wake()
        self.abort()

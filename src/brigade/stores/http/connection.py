"""One connection and the one exchange it is busy with: bytes in, bytes out, flow control and the idle timeout."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

from brigade.errors import StoreError, Truncated, Unavailable
from brigade.stores.http.chunked import ChunkedDecoder
from brigade.stores.http.heads import (
    CHUNKED,
    MAX_HEAD_BYTES,
    UNTIL_CLOSE,
    ResponseHead,
    malformed,
    response_head,
)

# Above this much unread content the socket is left alone until somebody takes it.
MAX_UNREAD_BYTES = 512 * 1024
# Below this, copying head and body together is cheaper than a second buffer for the kernel.
JOIN_LIMIT_BYTES = 64 * 1024


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
        "_buffer",
        "_busy",
        "_closed_by_peer",
        "_complete",
        "_decoder",
        "_error",
        "_framing",
        "_head",
        "_idle_timeout_seconds",
        "_left_bytes",
        "_loop",
        "_lost",
        "_method",
        "_origin",
        "_partial",
        "_read_paused",
        "_spoiled",
        "_timer",
        "_transport",
        "_unread",
        "_unread_bytes",
        "_unsent_bytes",
        "_waiter",
        "_write_paused",
        "answered",
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
        self._buffer = buffer
        self._idle_timeout_seconds = idle_timeout_seconds
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._active_at = 0.0
        self._lost = False
        self._closed_by_peer = False
        self._busy = False
        self._read_paused = False
        self._write_paused = False
        self._reset("")

    def _reset(self, method: str) -> None:
        self.answered = False
        self._method = method
        self._error: StoreError | None = None
        self._head: ResponseHead | None = None
        self._partial = b""
        self._framing = 0
        self._left_bytes = 0
        self._decoder: ChunkedDecoder | None = None
        self._complete = False
        self._spoiled = False
        self._unread: list[bytes] = []
        self._unread_bytes = 0
        self._unsent_bytes = -1

    # What the owner of the exchange calls.

    def begin(self, method: str) -> None:
        """Start an exchange on a connection that is free."""
        self._reset(method)
        self._busy = True
        if self._lost:
            self._error = self._lost_error(None)

    def write(self, data: bytes) -> None:
        """Send `data`; nothing happens on a connection that is lost, the next wait tells."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    async def drain(self) -> bool:
        """Wait until more may be written. False: the answer has begun, and nothing more need be sent."""
        while self._head is None:
            if self._error is not None:
                raise self._error
            if not self._write_paused:
                return True
            await self._wait()
        return False

    async def head(self) -> ResponseHead:
        """The head of the answer."""
        while self._head is None:
            if self._error is not None:
                raise self._error
            await self._wait()
        return self._head

    async def more(self) -> list[bytes]:
        """All content that has come and was not taken yet; waits for some. Empty at the end of the body."""
        while not self._unread:
            if self._complete:
                return []
            if self._error is not None:
                raise self._error
            await self._wait()
        return self.taken()

    def taken(self) -> list[bytes]:
        """The content at hand, without waiting."""
        pieces = self._unread
        self._unread = []
        self._unread_bytes = 0
        if self._read_paused and self._transport is not None:
            self._read_paused = False
            self._transport.resume_reading()
        return pieces

    @property
    def complete(self) -> bool:
        """The whole answer has come (some of it may wait to be taken)."""
        return self._complete

    def end(self) -> bool:
        """End the exchange after its last byte. True: the connection can serve another one."""
        self._busy = False
        self.reused = True
        self.idle_since_seconds = self._loop.time()
        return (
            not self._spoiled
            and self._head is not None
            and self._head.keep_alive
            and self.alive
            and self._transport is not None
            and not self._transport.get_write_buffer_size()
        )

    @property
    def alive(self) -> bool:
        """Neither lost nor about to be."""
        return self._transport is not None and not self._lost and not self._transport.is_closing()

    @property
    def went_stale(self) -> bool:
        """The server closed a kept-alive connection before it answered a byte: it never took the request up."""
        return self.reused and self._closed_by_peer and not self.answered

    def refuse_reuse(self) -> None:
        """Let this exchange be the last: its request was not sent to the end."""
        self._spoiled = True

    def abort(self) -> None:
        """Drop the connection at once, whatever it is busy with."""
        if self._transport is not None:
            self._transport.abort()

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        data = bytes(self._buffer[:nbytes])
        if self._head is not None and self._busy:
            self._feed(self._left_bytes, data)
        elif self._busy:
            self.answered = True
            self._feed_head(data)
        else:
            self.abort()

    def pause_writing(self) -> None:
        self._write_paused = True

    def resume_writing(self) -> None:
        self._write_paused = False
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost = True
        self._closed_by_peer = self._error is None
        self._transport = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._framing == UNTIL_CLOSE and exc is None and self._error is None:
            self._complete = True
        elif self._error is None and not self._complete:
            self._error = self._lost_error(exc)
        self._wake()
        if self.on_lost is not None:
            self.on_lost(self)

    # The answer, as it comes in.

    def _feed_head(self, data: bytes) -> None:
        if self._partial:
            data = self._partial + data
        end = data.find(b"\r\n\r\n")
        if end < 0 or end > MAX_HEAD_BYTES:
            self._partial = data
            self._active_at = self._loop.time()
            if len(data) > MAX_HEAD_BYTES:
                self._fail(malformed(f"its head is longer than {MAX_HEAD_BYTES} bytes"))
            return
        try:
            head = response_head(data[:end], self._method)
        except Unavailable as error:
            self._fail(error)
            return
        data = data[end + 4 :]
        if head.status < 200:
            # An interim answer; the real one follows.
            self._partial = b""
            if data:
                self._feed_head(data)
            return
        self._head = head
        self._framing = head.framing
        self._left_bytes = head.framing
        if head.framing == CHUNKED:
            self._decoder = ChunkedDecoder()
        self._feed(head.framing, data)

    def _feed(self, left_bytes: int, data: bytes) -> None:
        """Take in content: `left_bytes` as promised, or one of the other framings."""
        size = len(data)
        if left_bytes >= 0:
            if size >= left_bytes:
                self._complete = True
                if size > left_bytes:
                    self._spoiled = True
                    data = data[:left_bytes]
                    size = left_bytes
            self._left_bytes = left_bytes - size
        elif self._decoder is not None:
            self._feed_chunked(self._decoder, data)
            return
        if size:
            self._unread.append(data)
        self._took(size)

    def _feed_chunked(self, decoder: ChunkedDecoder, data: bytes) -> None:
        if self._complete:
            self._spoiled = True
            return
        try:
            pieces = decoder.feed(data)
        except Unavailable as error:
            self._fail(error)
            return
        self._unread += pieces
        if decoder.done:
            self._complete = True
            self._spoiled = bool(decoder.rest)
        self._took(len(data))

    def _took(self, size_bytes: int) -> None:
        self._unread_bytes += size_bytes
        if self._unread_bytes > MAX_UNREAD_BYTES and not self._complete and not self._read_paused:
            self._pause_reading()
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def _pause_reading(self) -> None:
        if self._transport is not None:
            self._read_paused = True
            self._transport.pause_reading()

    # Waiting and failing.

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
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

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

    def _lost_error(self, exc: Exception | None) -> StoreError:
        why = f": {exc}" if exc is not None else ""
        if self._head is None:
            return Unavailable(f"{self._origin} closed the connection without an answer{why}")
        if self._framing > 0:
            got = self._framing - self._left_bytes
            return Truncated(f"the answer of {self._origin} ended after {got} of {self._framing} bytes{why}")
        return Truncated(f"the answer of {self._origin} ended early{why}")

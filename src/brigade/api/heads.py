"""How long the head of a request may take to come.

The server closes what is idle and refuses what is large; by itself it waits for ever for a head that comes byte by byte.
"""

from __future__ import annotations

import asyncio

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

MOST_HEAD_SECONDS = 15.0


class BoundedHeads(H11Protocol):
    """A connection that is dropped if its first head, or one that it has begun, is not whole in time.

    Each further byte gains nothing: what counts is when the head began. The rest of a body that was answered before it
    was there has no more time than a head.
    """

    head_seconds = MOST_HEAD_SECONDS
    _head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._watch_head()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget_head()
        super().connection_lost(exc)

    def _watch_head(self) -> None:
        if not self._owes_bytes():
            self._forget_head()
        elif self._head_timer is None:
            self._head_timer = self.loop.call_later(self.head_seconds, self._drop)

    def _forget_head(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _drop(self) -> None:
        self._head_timer = None
        if self._owes_bytes():
            self.transport.abort()

    def _owes_bytes(self) -> bool:
        """No request is at work here that has bounds of its own."""
        return self.conn.our_state in (h11.IDLE, h11.DONE) and self.conn.their_state in (h11.IDLE, h11.SEND_BODY)

"""Changes noted on the backlog, held back until the store has answered.

A note is a hold. One that a request needs for longer is renewed while the request lives; when the request ends without
its store's answer, or this process dies, the hold runs out and the key is looked at.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from typing import Protocol
from weakref import WeakSet

from brigade.changes.base import Change, Routes
from brigade.clock import Clock
from brigade.errors import StateError

HOLD_SECONDS = 90.0
"""Longer than a store's usual idle timeout: a store may be silent for that long and still carry the write out."""

_SECOND_NS = 1_000_000_000

log = logging.getLogger("brigade.gateway")


class Backlog(Protocol):
    """The state's backlog, as far as a gateway sees it."""

    async def mark(self, replication_id: int, keys: Collection[str], *, live: bool, hold_until_ns: int = 0) -> None: ...
    async def settle(self, replication_id: int, keys: Collection[str]) -> None: ...


class Note:
    """What one request may change. It lives as long as the request holds on to it."""

    def __init__(self, keys: dict[int, list[str]], made_seconds: float) -> None:
        self.keys = keys
        self.made_seconds = made_seconds
        self.holds = 1


class BacklogCapture:
    """See `brigade.gateway.capture.Capture`. `routes` tell which replications follow which bucket and prefix."""

    def __init__(self, backlog: Backlog, routes: Routes, clock: Clock, *, hold_seconds: float = HOLD_SECONDS) -> None:
        self._backlog = backlog
        self._routes = routes
        self._clock = clock
        self.hold_seconds = hold_seconds
        self._notes: WeakSet[Note] = WeakSet()

    async def intend(self, bucket: str, keys: Sequence[str]) -> Note | None:
        by_replication: dict[int, list[str]] = {}
        for key in keys:
            for replication_id, relative in self._routes.places(Change(bucket, key)):
                by_replication.setdefault(replication_id, []).append(relative)
        if not by_replication:
            return None
        note = Note(by_replication, self._clock.monotonic_seconds())
        await self._hold(note)
        self._notes.add(note)
        return note

    async def settle(self, token: object) -> None:
        assert isinstance(token, Note)
        self._notes.discard(token)
        # Each hold is ended by itself: a renewed one does not take the place of the one before.
        for _ in range(token.holds):
            for replication_id, keys in token.keys.items():
                await self._backlog.settle(replication_id, keys)

    async def run(self) -> None:
        """Renew the holds of requests that take long, until cancelled."""
        while True:
            await self._clock.sleep(self.hold_seconds / 6)
            try:
                await self.renew()
            except StateError as error:
                log.warning("holds of requests under way could not be renewed: %s", error)

    async def renew(self) -> None:
        """Renew the holds that have used up half of their time."""
        now_seconds = self._clock.monotonic_seconds()
        for note in list(self._notes):
            if note in self._notes and now_seconds - note.made_seconds >= self.hold_seconds / 2:
                note.made_seconds = now_seconds
                note.holds += 1
                await self._hold(note)

    async def _hold(self, note: Note) -> None:
        until_ns = self._clock.now_ns() + round(self.hold_seconds * _SECOND_NS)
        for replication_id, keys in note.keys.items():
            await self._backlog.mark(replication_id, keys, live=True, hold_until_ns=until_ns)

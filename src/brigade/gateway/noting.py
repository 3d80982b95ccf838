"""Changes noted on the backlog, held back until the store has answered.

A note is a hold. One that a request needs for longer is renewed while the request lives; when the request ends without
its store's answer, or this process dies, the hold runs out and the key is looked at.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol
from weakref import ref

from brigade.changes.base import Change, Newcomers, Routes, Subscription
from brigade.clock import Clock
from brigade.decide.wildcards import BucketNote, is_bucket
from brigade.errors import StateError
from brigade.gateway.capture import Fate, Touched
from brigade.gateway.settling import Settlements, together

HOLD_SECONDS = 90.0
"""Longer than a store's usual idle timeout: a store may be silent for that long and still carry the write out."""

DRAIN_SECONDS = 5.0
"""How long the deletion of a bucket waits for what was noted of its keys: with the bucket goes the source's word on them."""

_FEW_NOTES = 3
"""With so few requests under way settlements go with the next note, which else would wait for their commit."""

_DRAIN_LOOK_SECONDS = 0.5
_SECOND_NS = 1_000_000_000

log = logging.getLogger("brigade.gateway")


class Waiting(Protocol):
    """How far a replication is behind."""

    @property
    def length(self) -> int: ...


class Backlog(Protocol):
    """The state's backlog, as far as a gateway sees it."""

    async def mark(self, replication_id: int, keys: Collection[str], *, live: bool, hold_until_ns: int = 0) -> None: ...
    async def settle(self, replication_id: int, keys: Collection[str]) -> None: ...
    async def lag(self, replication_id: int) -> Waiting: ...
    async def wait(self, seconds: float) -> None: ...


class Arriving(Newcomers, Protocol):
    """Buckets of wildcards: see `brigade.control.arrivals`."""

    async def arrived(self, bucket: str) -> Sequence[Subscription]: ...
    def forget(self, bucket: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Hearing:
    """Who hears of the requests that one store serves.

    `wildcards` are those that notes of whole buckets go to, by number. `deletes`: deletions follow to some target.
    """

    routes: Routes
    wildcards: Sequence[int] = ()
    arrivals: Arriving | None = None
    deletes: bool = False


class Note:
    """What one request may change. It lives as long as the request holds on to it.

    `unheard`: keys of a bucket that nobody had heard of and the store did not have when it was asked.
    """

    def __init__(self, keys: dict[int, list[str]], made_seconds: float, unheard: Touched | None = None) -> None:
        self.keys = keys
        self.made_seconds = made_seconds
        self.holds = 1
        self.is_settled = False
        self.unheard = unheard


class BacklogCapture:
    """See `brigade.gateway.capture.Capture`. `hearings`, by store, tell which replications follow what."""

    def __init__(
        self, backlog: Backlog, hearings: Mapping[str, Hearing], clock: Clock, *, hold_seconds: float = HOLD_SECONDS
    ) -> None:
        self._backlog = backlog
        self._clock = clock
        self.hearings = hearings
        self.hold_seconds = hold_seconds
        self._settlements = Settlements(backlog.settle)
        # The oldest first. A set of weak references would cost as much as all the rest of a note.
        self._notes: deque[ref[Note]] = deque()

    async def intend(self, touched: Touched) -> Note | None:
        hearing = self.hearings.get(touched.store)
        if hearing is None:
            return None
        unheard = None
        if touched.keys:
            if hearing.arrivals is not None and not await self._welcome(hearing, hearing.arrivals, touched.bucket):
                unheard = touched
            keys = _keys_of(hearing.routes, touched)
        else:
            keys = _notes_of(hearing, touched)
        if touched.fate is Fate.DELETED and hearing.deletes:
            await self._drain(hearing, touched.bucket)
        if not keys and unheard is None:
            return None
        note = Note(keys, self._clock.monotonic_seconds(), unheard)
        notes = self._notes
        while notes and _is_over(notes[0]()):
            notes.popleft()
        if len(notes) < _FEW_NOTES:
            self._settlements.write()
        await self._hold(note)
        notes.append(ref(note))
        return note

    async def _welcome(self, hearing: Hearing, arrivals: Arriving, bucket: str) -> bool:
        """See to it that a bucket of a wildcard is heard of; False if there is none of this name."""
        if not hearing.routes.knows(bucket):
            hearing.routes.add(await arrivals.subscriptions(bucket))
        return hearing.routes.knows(bucket)

    async def _drain(self, hearing: Hearing, bucket: str) -> None:
        """Give what was noted of the bucket's keys the time to be followed while the source can still be asked."""
        numbers = {place.replication_id for place in hearing.routes.under(bucket, "")}
        if hearing.arrivals is not None:
            numbers |= {one.replication_id for one in await hearing.arrivals.subscriptions(bucket)}
        self._settlements.write()
        with suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_SECONDS):
                for number in numbers:
                    while (await self._backlog.lag(number)).length:
                        await self._backlog.wait(_DRAIN_LOOK_SECONDS)

    async def answered(self, token: object, status: int) -> None:
        assert isinstance(token, Note)
        touched, token.unheard = token.unheard, None
        if touched is None or status >= 300:
            return
        # The bucket came after all, between our question and the write.
        hearing = self.hearings.get(touched.store)
        if hearing is not None and hearing.arrivals is not None:
            hearing.routes.add(await hearing.arrivals.arrived(touched.bucket))
            for replication_id, keys in _keys_of(hearing.routes, touched).items():
                await self._backlog.mark(replication_id, keys, live=True)

    async def settle(self, token: object) -> None:
        assert isinstance(token, Note)
        token.is_settled = True
        if token.keys:
            self._settlements.add(token.keys, token.holds)

    async def close(self) -> None:
        """Write what was settled."""
        await self._settlements.close()

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
        self._notes = deque(each for each in self._notes if not _is_over(each()))
        for note in [each() for each in self._notes]:
            if note is None or note.is_settled or now_seconds - note.made_seconds < self.hold_seconds / 2:
                continue
            note.holds += 1
            try:
                await self._hold(note)
            except StateError:
                # It has no hold more, and is tried again at the next look: the hold that it has runs out soon.
                note.holds -= 1
                raise
            note.made_seconds = now_seconds

    async def _hold(self, note: Note) -> None:
        until_ns = self._clock.now_ns() + round(self.hold_seconds * _SECOND_NS)
        await together(
            [
                self._backlog.mark(replication_id, keys, live=True, hold_until_ns=until_ns)
                for replication_id, keys in note.keys.items()
            ]
        )


def _is_over(note: Note | None) -> bool:
    return note is None or note.is_settled


def _keys_of(routes: Routes, touched: Touched) -> dict[int, list[str]]:
    """The keys as each replication calls them."""
    found: dict[int, list[str]] = {}
    for key in touched.keys:
        for replication_id, relative in routes.places(Change(touched.bucket, key)):
            found.setdefault(replication_id, []).append(relative)
    return found


def _notes_of(hearing: Hearing, touched: Touched) -> dict[int, list[str]]:
    """What the wildcards note of a bucket that comes or goes."""
    if touched.fate is Fate.NONE or not is_bucket(touched.bucket):
        return {}
    if hearing.arrivals is not None:
        hearing.arrivals.forget(touched.bucket)
    key = BucketNote(touched.bucket, touched.fate is Fate.DELETED).key
    return {number: [key] for number in hearing.wildcards}

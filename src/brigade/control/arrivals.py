"""Buckets that come into a wildcard: each becomes a replication of its own with the first word of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from weakref import WeakValueDictionary

from brigade.changes.base import Subscription
from brigade.clock import Clock
from brigade.control.wildcards import Wildcard, name_of
from brigade.state.replications import Replications

ABSENT_SECONDS = 10.0
"""So long the store's word that it has no such bucket is taken: names that nobody has must not cost a request each."""

_MOST_ABSENT = 10_000


class Arrivals:
    """The wildcards whose source is one store, as `brigade.changes.base.Newcomers`.

    A bucket is registered only if it is there: names that clients make up leave nothing behind. `exists` asks the
    store, and raises `StoreError` where it does not say.
    """

    def __init__(
        self,
        wildcards: Sequence[Wildcard],
        replications: Replications,
        exists: Callable[[str], Awaitable[bool]],
        clock: Clock,
    ) -> None:
        self._wildcards = wildcards
        self._replications = replications
        self._exists = exists
        self._clock = clock
        self._absent: dict[str, float] = {}
        self._known: dict[str, list[Subscription]] = {}
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def subscriptions(self, bucket: str) -> Sequence[Subscription]:
        """The replications of a bucket, registered if they are not yet; none for a bucket that nobody has."""
        identities = self._identities(bucket)
        if not identities:
            return []
        # Of many first writes at once, one asks.
        lock = self._locks.get(bucket)
        if lock is None:
            lock = self._locks[bucket] = asyncio.Lock()
        async with lock:
            if (found := self._known.get(bucket)) is not None:
                return found
            if self._is_absent(bucket):
                return []
            numbers = [await self._replications.find(identity) for _, identity in identities]
            if all(number is None for number in numbers) and not await self._exists(bucket):
                self._note_absent(bucket)
                return []
            return await self.arrived(bucket)

    async def arrived(self, bucket: str) -> Sequence[Subscription]:
        """The same for a bucket that is there without a doubt. Durable when it returns."""
        self._absent.pop(bucket, None)
        numbers = [await self._replications.ensure(name, identity) for name, identity in self._identities(bucket)]
        found = self._known[bucket] = [Subscription(number, bucket) for number in numbers]
        return found

    def forget(self, bucket: str) -> None:
        """Somebody may be making this bucket."""
        self._absent.pop(bucket, None)

    def _identities(self, bucket: str) -> list[tuple[str, str]]:
        found = ((name_of(wildcard, bucket), wildcard.identity_of(bucket)) for wildcard in self._wildcards)
        return [(name, identity) for name, identity in found if identity is not None]

    def _is_absent(self, bucket: str) -> bool:
        until_seconds = self._absent.get(bucket)
        return until_seconds is not None and until_seconds > self._clock.monotonic_seconds()

    def _note_absent(self, bucket: str) -> None:
        if len(self._absent) >= _MOST_ABSENT:
            self._absent.clear()
        self._absent[bucket] = self._clock.monotonic_seconds() + ABSENT_SECONDS

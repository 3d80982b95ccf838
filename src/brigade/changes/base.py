"""The contract of a change feed: somebody's events become marks on the backlog.

Prose first, because the tests of each feed test this prose:

- **A feed runs until it is cancelled.** Trouble on the other side (a queue that does not answer, a directory that is
  unmounted) is counted, waited out with growing pauses, and never ends the feed. Only wrong settings raise, as
  `ConfigError`, before anything is listened to.
- **A change is a hint, never the data itself.** It says "this key may differ" and nothing else. Duplicates, another
  order and false alarms do no harm, so a feed that is in doubt marks. Whether the key was written or deleted is not
  taken from the event; whoever follows looks at both sides.
- **A mark is durable before its event is acknowledged.** The answer to a webhook, the deletion from a queue, the
  moment a file is forgotten come after `Marks.mark` has returned. If it raises, the event stays with its sender.
- **A feed watches one store.** Its `Routes` say which bucket and prefix belong to which replications; keys of the marks
  are relative to the source prefix. What belongs to none is ignored, and counted.
- **Input is hostile.** Sizes, counts, depth and time are bounded, and what cannot be read is counted, never fatal.
- **A missed event is repaired by the next reconcile.** A feed that knows that it may have missed some asks for a
  rescan of the part it knows to be in doubt.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from brigade.clock import Clock
from brigade.decide.backoff import Backoff, delay_seconds
from brigade.errors import BrigadeError

MARK_BATCH = 1000
"""So many keys go into one call at most: a flood becomes several commits, each of bounded size."""

# A feed never gives up; a minute is what an outage may cost more than it lasted.
_BACKOFF = Backoff(attempts=2**63, base_seconds=1.0, cap_seconds=60.0, total_seconds=float("inf"))


class Marks(Protocol):
    """The backlog, as far as a feed sees it."""

    async def mark(self, replication_id: int, keys: Sequence[str]) -> None:
        """These keys of a replication may differ. Durable when it returns."""


class Rescans(Protocol):
    """Where a feed turns when it knows that it may have missed something."""

    async def rescan(self, replication_id: int, prefix: str) -> None:
        """Every key under this prefix may differ, also those that are at the target alone. Durable when it returns.

        The prefix is relative to the replication's source, `""` is all of it.
        """


class Change(NamedTuple):
    """One key that may differ, as the store names it. A directory has no bucket."""

    bucket: str
    key: str


class Subscription(NamedTuple):
    """A replication that wants to hear of the keys under a prefix of a bucket. The prefix is empty or ends with `/`."""

    replication_id: int
    bucket: str
    prefix: str = ""


class Newcomers(Protocol):
    """What wildcards make of buckets that came later: each bucket of a wildcard is a replication of its own."""

    async def subscriptions(self, bucket: str) -> Sequence[Subscription]:
        """For a bucket that no subscription names: those it gets now, none for a foreign one.

        Asked with every event of a foreign bucket, so the answer must be at hand. Raises as `Marks.mark` does.
        """


class Place(NamedTuple):
    """A key or prefix as one replication knows it."""

    replication_id: int
    relative: str


@dataclass(slots=True)
class FeedCounts:
    """What became of the changes a feed was told of: `received` = `marked` + `ignored` + `failed`, when it rests.

    `marked` counts those that are durable for every replication that wants them, `failed` those that were unreadable
    or could not be made durable. Of the latter the sender still has the event, and it is received again. `refused`
    are senders that were turned away before anything was read. `troubles` counts what was told in `last_error`.
    """

    received: int = 0
    marked: int = 0
    ignored: int = 0
    failed: int = 0
    refused: int = 0
    rescans: int = 0
    troubles: int = 0
    last_error: str = ""


class Routes:
    """Which replications hear of a key. Replaced as a whole when the configuration changes."""

    def __init__(self, subscriptions: Iterable[Subscription] = ()) -> None:
        self._by_bucket: dict[str, list[Subscription]] = {}
        self.replace(subscriptions)

    def replace(self, subscriptions: Iterable[Subscription]) -> None:
        """Take up another set of subscriptions, from the next change on."""
        by_bucket: dict[str, list[Subscription]] = {}
        for subscription in subscriptions:
            by_bucket.setdefault(subscription.bucket, []).append(subscription)
        self._by_bucket = by_bucket

    def add(self, subscriptions: Iterable[Subscription]) -> None:
        """Take up some more; those that are there already are there once."""
        for subscription in subscriptions:
            named = self._by_bucket.setdefault(subscription.bucket, [])
            if subscription not in named:
                named.append(subscription)

    def knows(self, bucket: str) -> bool:
        """Whether any subscription names this bucket."""
        return bucket in self._by_bucket

    def places(self, change: Change) -> list[Place]:
        """The replications that a key belongs to, and what each calls it. Empty for a foreign bucket or prefix."""
        key = change.key
        return [
            Place(one.replication_id, key[len(one.prefix) :])
            for one in self._by_bucket.get(change.bucket, ())
            if len(key) > len(one.prefix) and key.startswith(one.prefix)
        ]

    def under(self, bucket: str, prefix: str) -> list[Place]:
        """The replications that have keys under a prefix, and what each calls the part it shares."""
        places = []
        for one in self._by_bucket.get(bucket, ()):
            if prefix.startswith(one.prefix):
                places.append(Place(one.replication_id, prefix[len(one.prefix) :]))
            elif one.prefix.startswith(prefix):
                places.append(Place(one.replication_id, ""))
        return places


class Intake:
    """The way from changes to durable marks, with its counts. Every feed has one."""

    def __init__(
        self, routes: Routes, marks: Marks, rescans: Rescans | None = None, newcomers: Newcomers | None = None
    ) -> None:
        self.routes = routes
        self.counts = FeedCounts()
        self._marks = marks
        self._rescans = rescans
        self._newcomers = newcomers

    def resubscribe(self, subscriptions: Iterable[Subscription], newcomers: Newcomers | None) -> None:
        """Take up another set of subscriptions, from the next change on."""
        self.routes.replace(subscriptions)
        self._newcomers = newcomers

    async def take(self, changes: Sequence[Change], *, ignored: int = 0, failed: int = 0) -> None:
        """Mark the changes; durable when it returns. `ignored` and `failed` were told apart by the reader before.

        Raises what `Marks.mark` raises; then the changes count as failed and the sender must keep its event.
        """
        counts = self.counts
        counts.received += len(changes) + ignored + failed
        counts.ignored += ignored
        counts.failed += failed
        foreign = 0
        try:
            await self._welcome({change.bucket for change in changes})
            keys: dict[int, dict[str, None]] = {}
            for change in changes:
                places = self.routes.places(change)
                foreign += not places
                for replication_id, relative in places:
                    keys.setdefault(replication_id, {})[relative] = None
            for replication_id, relatives in keys.items():
                await self._mark(replication_id, list(relatives))
        except BaseException as error:
            counts.ignored += foreign
            counts.failed += len(changes) - foreign
            if isinstance(error, BrigadeError):
                self.note(str(error))
            raise
        counts.ignored += foreign
        counts.marked += len(changes) - foreign

    async def _welcome(self, buckets: Iterable[str]) -> None:
        """Subscribe buckets that came into a wildcard since the routes were made."""
        if self._newcomers is not None:
            for bucket in buckets:
                if not self.routes.knows(bucket) and (found := await self._newcomers.subscriptions(bucket)):
                    self.routes.add(found)

    async def _mark(self, replication_id: int, keys: list[str]) -> None:
        for first in range(0, len(keys), MARK_BATCH):
            await self._marks.mark(replication_id, keys[first : first + MARK_BATCH])

    async def rescan(self, bucket: str, prefix: str) -> None:
        """Have everything under a prefix looked at again. Without `Rescans` that is left to the next reconcile."""
        self.counts.rescans += 1
        if self._rescans is not None:
            for replication_id, relative in self.routes.under(bucket, prefix):
                await self._rescans.rescan(replication_id, relative)

    def note(self, words: str) -> None:
        """Remember the latest trouble, for those who tell it to people."""
        self.counts.troubles += 1
        self.counts.last_error = words


async def pause(clock: Clock, failures: int) -> None:
    """Wait before the next attempt after so many failures in a row (from 1), each time longer, up to a minute."""
    delay = delay_seconds(
        _BACKOFF, attempt=failures, waited_seconds=0.0, retry_after_seconds=None, random=clock.random()
    )
    await clock.sleep(delay or _BACKOFF.cap_seconds)

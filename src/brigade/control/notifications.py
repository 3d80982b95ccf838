"""Use case: have the bucket of a replication send its events to the feed that follows it, show what it sends, undo it."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from brigade.changes.setup import BucketSide, Outcome, Wish, entry_id_of, permission_commands, remove, set_up, show
from brigade.errors import StoreError
from brigade.wire.s3notifications import Entry


class Verb(StrEnum):
    """What is done about a bucket's notifications."""

    SETUP = "setup"
    SHOW = "show"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True)
class Feed:
    """Where the events of one replication are to go: to the queue or topic `arn`, or to our webhook at `url`.

    `topics` are those that the webhook listens to. One that has the name of our entry is sent to, where a server
    cannot post by itself. `neighbours` are other replications of the bucket that the same feed follows,
    `buckets` all that send to `arn`.
    """

    replication: str
    prefix: str = ""
    arn: str | None = None
    url: str | None = None
    secret: str | None = field(default=None, repr=False)
    topics: tuple[str, ...] = ()
    neighbours: tuple[str, ...] = ()
    buckets: tuple[str, ...] = ()

    def wish(self, vendor: str) -> Wish:
        """What is wanted of a bucket of this vendor."""
        topic = next((arn for arn in self.topics if arn.rpartition(":")[2] == entry_id_of(self.replication)), None)
        if self.url is not None and topic is not None and vendor != "ceph":
            return Wish(self.replication, self.prefix, arn=topic)
        return Wish(self.replication, self.prefix, arn=self.arn, url=self.url, secret=self.secret, buckets=self.buckets)


class Report(NamedTuple):
    """What came of it for one bucket: what was done, what is left to a person, and what the bucket sends.

    `entries` are, of `show`, all that the bucket has; else those of this replication. `error` is why it ended early.
    """

    bucket: str
    done: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    entries: tuple[Entry, ...] = ()
    error: StoreError | None = None

    @property
    def is_whole(self) -> bool:
        """False where something failed, or nothing was done and all is left to a person."""
        return self.error is None and (bool(self.done) or not self.commands)


async def arrange(verb: Verb, side: BucketSide, feed: Feed, *, dry_run: bool = False) -> Report:
    """Do it for one bucket. What a store answers with an error stands in the report, beside what a person can do."""
    try:
        if verb is Verb.SHOW:
            return Report(side.name, entries=tuple([entry for entry, _ in await show(side)]))
        if verb is Verb.REMOVE:
            return await _remove(side, feed, dry_run=dry_run)
        return _report(side, await set_up(side, feed.wish(side.vendor), dry_run=dry_run))
    except StoreError as error:
        return Report(side.name, commands=_mends(verb, side, feed), error=error)


async def _remove(side: BucketSide, feed: Feed, *, dry_run: bool) -> Report:
    outcome = await remove(side, feed.replication, dry_run=dry_run)
    if not outcome.entries or not feed.neighbours:
        return _report(side, outcome)
    left = {entry.id for entry in await side.read()}
    deaf = [name for name in feed.neighbours if entry_id_of(name) not in left]
    again = [
        f"brigade notifications setup {shlex.quote(name)}  # if it heard by the entry that is gone" for name in deaf
    ]
    return _report(side, outcome._replace(commands=(*outcome.commands, *again)))


def _report(side: BucketSide, outcome: Outcome) -> Report:
    return Report(side.name, outcome.done, outcome.commands, outcome.entries)


def _mends(verb: Verb, side: BucketSide, feed: Feed) -> tuple[str, ...]:
    """What may be missing where a bucket does not take it: AWS looks whether it is allowed to send there."""
    return permission_commands(side, feed.wish(side.vendor)) if verb is Verb.SETUP else ()

"""A whole store that is followed: every bucket of it is a replication of its own, those to come included."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Protocol

from brigade.control.work import Work
from brigade.decide.overlap import refuse_pair
from brigade.errors import BucketMissing, UsageError
from brigade.stores.base import Store


class Wildcard(Protocol):
    """One `store:* → store:*` of the configuration."""

    @property
    def own(self) -> Work:
        """The wildcard itself: its name, its identity and its policy. Its stores name no bucket and are never opened."""

    def work(self, bucket: str) -> Work:
        """One bucket, with stores of its own."""

    def identity_of(self, bucket: str) -> str | None:
        """The identity of the bucket's replication. None: the bucket is left to another of the configuration."""

    def bucket_of(self, identity: str) -> str | None:
        """The bucket whose replication has this identity, None if it is none of this wildcard's."""


def name_of(wildcard: Wildcard, bucket: str) -> str:
    """What people call the replication of a bucket."""
    return f"{wildcard.own.name}/{bucket}"


@dataclass(frozen=True, slots=True)
class OpenedBucket:
    """The two sides of a bucket, open. `gone`: there is none at the source, and so none was made at the target."""

    source: Store
    target: Store
    gone: bool


@asynccontextmanager
async def opened_bucket(work: Work) -> AsyncIterator[OpenedBucket]:
    """Both sides, closed in the end. The target's bucket is made if there is one at the source.

    Raises `UsageError` where they overlap, and what the stores raise where one cannot be reached.
    """
    if reason := refuse_pair(work.source_place, work.target_place):
        raise UsageError(f"{work.source.name} → {work.target.name}: {reason}")
    async with AsyncExitStack() as stack:
        stack.push_async_callback(work.source.close)
        there = await is_there(work.source)
        stack.push_async_callback(work.target.close)
        if there:
            await make_bucket(work.target)
        else:
            with suppress(BucketMissing):
                await work.target.open()
        yield OpenedBucket(work.source, work.target, gone=not there)


async def is_there(store: Store) -> bool:
    """Open a store, and say whether its bucket is there. Where it is not, the store can still be asked."""
    try:
        await store.open()
    except BucketMissing:
        return False
    return True


async def make_bucket(store: Store) -> bool:
    """Open a store, its bucket made where there was none; True if it was."""
    if await is_there(store):
        return False
    await store.create_bucket()
    await store.open()
    return True

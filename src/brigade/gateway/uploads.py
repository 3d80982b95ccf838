"""Where multipart uploads began: they end there, too, whatever the routes say by then."""

from __future__ import annotations

import asyncio
import logging
from typing import Protocol

from brigade.clock import Clock
from brigade.errors import BrigadeError
from brigade.wire.s3faults import Fault

MOST_REMEMBERED = 100_000

KEEP_SECONDS = 14 * 86_400.0
"""How long an upload that nobody ends is remembered. Those who clean up after clients do it after a week or two."""

LINGER_SECONDS = 3600.0
"""How long one that has ended is: a client whose answer was lost asks again, and a completion may fail after all."""

_MOST_UNKNOWN = 10_000
_LONGEST = 1024
_SWEEP_SECONDS = 600.0
_STATE_SECONDS = 10.0

log = logging.getLogger("brigade.gateway")


class Uploads(Protocol):
    """Remembers the store of each multipart upload."""

    async def began(self, bucket: str, upload_id: str, store: str) -> None:
        """An upload began; noted before its id is told to the client."""

    async def store_of(self, bucket: str, upload_id: str) -> str | None:
        """The store where it began, None if that is not known."""

    async def ended(self, bucket: str, upload_id: str) -> None:
        """It was completed or aborted."""


class MemoryUploads:
    """Remembers as long as the process lives, and the oldest are forgotten first."""

    def __init__(self, most: int = MOST_REMEMBERED) -> None:
        self._most = most
        self._stores: dict[tuple[str, str], str] = {}

    async def began(self, bucket: str, upload_id: str, store: str) -> None:
        if len(self._stores) >= self._most:
            del self._stores[next(iter(self._stores))]
        self._stores[bucket, upload_id] = store

    async def store_of(self, bucket: str, upload_id: str) -> str | None:
        return self._stores.get((bucket, upload_id))

    async def ended(self, bucket: str, upload_id: str) -> None:
        """Kept until it is the oldest: see `LINGER_SECONDS`."""


class UploadBook(Protocol):
    """The state's table of uploads, as far as a gateway sees it."""

    async def began(self, bucket: str, upload_id: str, store: str, *, keep_seconds: float) -> None: ...
    async def store_of(self, bucket: str, upload_id: str) -> str | None: ...
    async def ended(self, bucket: str, upload_id: str, *, keep_seconds: float) -> None: ...
    async def forget_old(self) -> int: ...


class DurableUploads:
    """Remembers beyond a restart and for other gateways; what this process has met before costs no question.

    Without its state it goes on: what began meanwhile is known to this process alone.
    """

    def __init__(self, book: UploadBook, clock: Clock, most: int = MOST_REMEMBERED) -> None:
        self._book = book
        self._clock = clock
        self._met = MemoryUploads(most)
        # Clients can name as many as they like.
        self._unknown = MemoryUploads(min(most, _MOST_UNKNOWN))

    async def began(self, bucket: str, upload_id: str, store: str) -> None:
        await self._met.began(bucket, upload_id, store)
        if not _may_be_known(bucket, upload_id):
            return
        try:
            async with asyncio.timeout(_STATE_SECONDS):
                await self._book.began(bucket, upload_id, store, keep_seconds=KEEP_SECONDS)
        except (BrigadeError, TimeoutError) as error:
            log.warning("an upload to %r that begins at %r is known to this process alone: %s", bucket, store, error)

    async def store_of(self, bucket: str, upload_id: str) -> str | None:
        known = await self._met.store_of(bucket, upload_id)
        if known is not None:
            return known
        if not _may_be_known(bucket, upload_id) or await self._unknown.store_of(bucket, upload_id) is not None:
            return None
        try:
            async with asyncio.timeout(_STATE_SECONDS):
                store = await self._book.store_of(bucket, upload_id)
        except (BrigadeError, TimeoutError) as error:
            log.warning("where an upload to %r began cannot be looked up: %s", bucket, error)
            raise Fault(
                "ServiceUnavailable", "Where this upload began cannot be told now. Please try again."
            ) from error
        # An id is on record before any client knows it: one that is not there now never will be.
        await (self._met.began(bucket, upload_id, store) if store else self._unknown.began(bucket, upload_id, "none"))
        return store

    async def ended(self, bucket: str, upload_id: str) -> None:
        if await self._met.store_of(bucket, upload_id) is None or not _may_be_known(bucket, upload_id):
            return
        try:
            await self._book.ended(bucket, upload_id, keep_seconds=LINGER_SECONDS)
        except BrigadeError as error:
            log.warning("the end of an upload to %r is not on record, it is remembered for longer: %s", bucket, error)

    async def run(self) -> None:
        """Forget what is old, every so often, until cancelled."""
        while True:
            try:
                await self._book.forget_old()
            except BrigadeError as error:
                log.warning("old uploads could not be forgotten: %s", error)
            await self._clock.sleep(_SWEEP_SECONDS)


def _may_be_known(bucket: str, upload_id: str) -> bool:
    """False for what no store gives out, and not every database can hold."""
    name = bucket + upload_id
    return len(name) <= _LONGEST and name.isprintable()

"""Where the multipart uploads of the gateways' clients began, for every gateway that shares this state."""

from __future__ import annotations

from sqlalchemy import delete, insert, select, update

from brigade.clock import Clock
from brigade.state.engine import Database
from brigade.state.schema import gateway_uploads as table

_SECOND_NS = 1_000_000_000


class GatewayUploads:
    """A row an upload, forgotten when its time is over."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def began(self, bucket: str, upload_id: str, store: str, *, keep_seconds: float) -> None:
        """An upload began. Durable when it returns; those of many callers share a commit."""
        values = {"bucket": bucket, "upload_id": upload_id, "store": store, "until_ns": self._until_ns(keep_seconds)}
        query = insert(table).values(values)
        at = delete(table).where(table.c.bucket == bucket, table.c.upload_id == upload_id)
        # The job may run twice, and a store that lost its disk may give an id a second time.
        await self._database.write.run(
            lambda connection: connection.execute(at).rowcount + connection.execute(query).rowcount
        )

    async def store_of(self, bucket: str, upload_id: str) -> str | None:
        """Where it began, None if that is not known."""
        query = select(table.c.store).where(table.c.bucket == bucket, table.c.upload_id == upload_id)
        return await self._database.read.run(lambda connection: connection.execute(query).scalar())

    async def ended(self, bucket: str, upload_id: str, *, keep_seconds: float) -> None:
        """It was completed or aborted: its row stays for a while, for clients that ask again."""
        until_ns = self._until_ns(keep_seconds)
        query = (
            update(table)
            .where(table.c.bucket == bucket, table.c.upload_id == upload_id, table.c.until_ns > until_ns)
            .values(until_ns=until_ns)
        )
        await self._database.write.run(lambda connection: connection.execute(query).rowcount)

    async def forget_old(self) -> int:
        """Remove the rows whose time is over; returns how many."""
        query = delete(table).where(table.c.until_ns <= self._clock.now_ns())
        return await self._database.write.run(lambda connection: connection.execute(query).rowcount)

    def _until_ns(self, keep_seconds: float) -> int:
        return self._clock.now_ns() + round(keep_seconds * _SECOND_NS)

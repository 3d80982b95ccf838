"""The run's view of the state: what is remembered of keys, written in batches, and the uploads under way."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from brigade.decide.actions import Known
from brigade.state.rows import InventoryRow, UploadRow
from brigade.state.state import State

# So many rows share a statement, and so many may wait for the database before copying waits too.
_BATCH_ROWS = 256
_MOST_WAITING_ROWS = 4 * _BATCH_ROWS


class Ledger:
    """Inventory and uploads of one replication.

    Rows are buffered: a row that was not flushed when the process dies only costs a second look at its key.
    """

    def __init__(self, state: State, replication_id: int, *, read_only: bool = False) -> None:
        self._state = state
        self._replication_id = replication_id
        self._read_only = read_only
        self._waiting: dict[str, InventoryRow] = {}
        self._flushing = asyncio.Lock()
        self.has_rows = False
        self.has_tagged = False
        self.unfinished: frozenset[str] = frozenset()

    async def load(self) -> None:
        """Find out whether anything is remembered at all, so that an empty inventory costs no look-up.

        `unfinished` are the keys whose upload an earlier run left on record.
        """
        self.has_rows = not await self._state.inventory.is_empty(self._replication_id)
        self.has_tagged = self.has_rows and await self._state.inventory.any_tagged(self._replication_id)
        self.unfinished = frozenset(upload.key for upload in await self.uploads())

    async def known(self, keys: Sequence[str]) -> dict[str, Known]:
        """What is remembered of these keys; keys without a row are left out."""
        if not self.has_rows or not keys:
            return {}
        rows = await self._state.inventory.get_many(self._replication_id, keys)
        return {
            key: Known(r.source_print, r.target_print, r.proof, r.written, r.tagged, r.generation)
            for key, r in rows.items()
        }

    async def remember(self, row: InventoryRow) -> None:
        """Note that both sides were proven in step; lost if the stored row has moved on from the row's generation."""
        if self._read_only:
            return
        self._waiting[row.key] = row
        if len(self._waiting) >= _MOST_WAITING_ROWS or (
            len(self._waiting) >= _BATCH_ROWS and not self._flushing.locked()
        ):
            await self.flush()

    async def forget(self, keys: Sequence[str]) -> None:
        """Drop what is remembered of these keys."""
        if self.has_rows and not self._read_only:
            await self._state.inventory.remove(self._replication_id, keys)

    async def flush(self) -> None:
        """Make durable what was remembered so far."""
        async with self._flushing:
            rows, self._waiting = list(self._waiting.values()), {}
            if rows:
                await self._state.inventory.put_if(self._replication_id, rows)

    async def uploads(self) -> list[UploadRow]:
        """The uploads that earlier runs began and did not finish."""
        return await self._state.uploads.all(self._replication_id)

    async def upload(self, key: str) -> UploadRow | None:
        """The upload under way for a key."""
        return await self._state.uploads.get(self._replication_id, key)

    async def intend_upload(self, key: str, source_print: str, part_sizes: Sequence[int]) -> None:
        """Durable before the upload is created at the store, so that no upload can be lost sight of."""
        await self._state.uploads.intend(self._replication_id, key, source_print, part_sizes)

    async def began_upload(self, key: str, upload_id: str) -> None:
        """The store has given the upload its id."""
        await self._state.uploads.began(self._replication_id, key, upload_id)

    async def forget_upload(self, key: str) -> None:
        """The upload was completed or aborted."""
        await self._state.uploads.forget(self._replication_id, key)

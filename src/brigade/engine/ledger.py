"""The run's view of the state: what is remembered of keys, written in batches, and the uploads under way."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from brigade.decide.actions import Known
from brigade.state.rows import InventoryRow, UploadRow
from brigade.state.state import State

# So many rows share a statement, and so many may wait for the database before copying waits too.
_BATCH_ROWS = 256
# Whoever writes a row more often than this while we take its prints away is marked for it himself.
_DOUBTS = 3
_MOST_WAITING_ROWS = 4 * _BATCH_ROWS


class Ledger:
    """Inventory and uploads of one replication.

    Rows are buffered: a row that was not flushed when the process dies only costs a second look at its key.

    `followed`: others are at work on the same keys at the same time. Then a key whose row was written by somebody
    else since it was read is marked on the backlog, and so is a key that was deleted: whoever came last with an old
    version or an old decision is found out, and the key is looked at once more.
    """

    def __init__(self, state: State, replication_id: int, *, read_only: bool = False, followed: bool = False) -> None:
        self._state = state
        self._replication_id = replication_id
        self._read_only = read_only
        self.followed = followed
        self._waiting: dict[str, InventoryRow] = {}
        self._flushing = asyncio.Lock()
        self.has_rows = False
        self.has_tagged = False
        self.unfinished: frozenset[str] = frozenset()

    async def load(self) -> None:
        """Find out whether anything is remembered at all, so that an empty inventory costs no look-up.

        `unfinished` are the keys whose upload an earlier run left on record.
        """
        self.has_rows = self.followed or not await self._state.inventory.is_empty(self._replication_id)
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

    async def forget(self, keys: Sequence[str], *, look_again: bool = True) -> None:
        """Drop what is remembered of these keys. `look_again` False: whoever deleted them holds their claim."""
        if self.has_rows and not self._read_only:
            await self._state.inventory.remove(self._replication_id, keys)
            if self.followed and look_again:
                await self._state.backlog.mark(self._replication_id, keys, live=False)

    async def flush(self) -> None:
        """Make durable what was remembered so far."""
        async with self._flushing:
            rows, self._waiting = list(self._waiting.values()), {}
            if not rows:
                return
            lost = await self._state.inventory.put_if(self._replication_id, rows)
            if lost and self.followed:
                await self.doubt({row.key: row.written for row in rows if row.key in lost})

    async def doubt(self, keys: Mapping[str, bool]) -> None:
        """Two have worked on these keys at once: what is remembered may be of the one that came first.

        The rows lose their prints, so that the next look asks both sides; then the keys are marked. `keys` tells
        whether we wrote the target's object, which a row goes on to know.
        """
        left = set(keys)
        for _ in range(_DOUBTS):
            rows = (await self._state.inventory.get_many(self._replication_id, list(left))).values()
            doubted = [
                row._replace(source_print="", target_print="", written=row.written or keys[row.key]) for row in rows
            ]
            left = await self._state.inventory.put_if(self._replication_id, doubted)
            if not left:
                break
        await self._state.backlog.mark(self._replication_id, keys, live=True)

    async def uploads(self) -> list[UploadRow]:
        """The uploads that earlier runs began and did not finish."""
        return await self._state.uploads.all(self._replication_id)

    async def leftovers(self) -> list[UploadRow]:
        """Those of them that nobody who follows the replication is at work on."""
        uploads = await self.uploads()
        busy = await self._state.backlog.claimed(self._replication_id, [upload.key for upload in uploads])
        return [upload for upload in uploads if upload.key not in busy]

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

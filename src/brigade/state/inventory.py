"""The inventory: what is known of each key that was copied or proven in step.

A generation belongs to one state of one row. It only ever rises, also across the removal and return of a key:
a new one is above the old one and not below the clock. So a generation that was read names exactly what was
read, and `put_if` cannot overwrite what somebody else has learnt since.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import func, select

from brigade.clock import Clock
from brigade.objects import Proof
from brigade.state.engine import Database
from brigade.state.inventory_postgres import PostgresInventory
from brigade.state.inventory_sql import Batch, InventoryStatements, Stored
from brigade.state.inventory_sqlite import SqliteInventory
from brigade.state.keys import decode_key, encode_key, encode_keys
from brigade.state.rows import InventoryRow
from brigade.state.schema import TAGGED, inventory

_PROOFS = {proof.value: proof for proof in Proof}
_FLAGS = [(False, False), (True, False), (False, True), (True, True)]
"""(written, tagged) by the stored number; `schema.TAGGED` knows it too."""


class Inventory:
    """All calls take whole batches: some hundred keys a call is what they are made for."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._stamp = 0
        self._statements: InventoryStatements = SqliteInventory() if database.place.is_sqlite else PostgresInventory()

    async def get_many(self, replication_id: int, keys: Sequence[str]) -> dict[str, InventoryRow]:
        """The rows of those keys that have one."""
        if not keys:
            return {}
        data = encode_keys(keys)
        statements = self._statements
        found = await self._database.read.run(lambda connection: statements.get(connection, replication_id, data))
        return {row.key: row for row in _to_rows(found)}

    async def rows(self, replication_id: int, *, start_after: str = "", limit: int = 1000) -> list[InventoryRow]:
        """The next rows in byte order of their keys; fewer than `limit` means that these were the last."""
        data = encode_key(start_after)
        statements = self._statements
        return _to_rows(
            await self._database.read.run(lambda connection: statements.page(connection, replication_id, data, limit))
        )

    async def count(self, replication_id: int) -> int:
        """How many rows there are: reads them all, so not for every run."""
        query = select(func.count()).select_from(inventory).where(inventory.c.replication_id == replication_id)
        return int(await self._database.read.run(lambda connection: connection.execute(query).scalar_one()))

    async def is_empty(self, replication_id: int) -> bool:
        """True if nothing is known yet: then nobody needs to ask for single keys."""
        return not await self.rows(replication_id, limit=1)

    async def any_tagged(self, replication_id: int) -> bool:
        """True if any object with tags is known; one look into an index."""
        query = select(inventory.c.flags).where(inventory.c.replication_id == replication_id, TAGGED).limit(1)
        return await self._database.read.run(lambda connection: connection.execute(query).first() is not None)

    async def put(self, replication_id: int, rows: Iterable[InventoryRow]) -> None:
        """Insert or replace, whatever the generation. Of a key that comes twice the last counts."""
        batch = self._batch(replication_id, rows)
        if batch.rows:
            statements = self._statements
            await self._database.write.run(lambda connection: statements.put(connection, batch))

    async def put_if(self, replication_id: int, rows: Iterable[InventoryRow]) -> set[str]:
        """Write each row whose stored generation still is `row.generation` (0: the key must have no row).

        The keys that lost: somebody else has written or removed them meanwhile, look again.
        """
        batch = self._batch(replication_id, rows)
        if not batch.rows:
            return set()
        statements = self._statements
        lost = await self._database.write.run(lambda connection: statements.put_if(connection, batch))
        return {decode_key(key) for key in lost}

    async def remove(self, replication_id: int, keys: Sequence[str]) -> None:
        """Forget these keys; absent ones are fine."""
        if keys:
            data = encode_keys(keys)
            statements = self._statements
            await self._database.write.run(lambda connection: statements.remove(connection, replication_id, data))

    def _batch(self, replication_id: int, rows: Iterable[InventoryRow]) -> Batch:
        unique = {row.key: row for row in rows}
        self._stamp = max(self._stamp + 1, self._clock.now_ns())
        stored = [
            (data, row.source_print, row.target_print, row.proof.value, row.written + 2 * row.tagged, row.generation)
            for data, row in zip(encode_keys(unique), unique.values(), strict=True)
        ]
        return Batch(replication_id, stored, self._stamp)


def _to_rows(stored: list[Stored]) -> list[InventoryRow]:
    return [
        InventoryRow(decode_key(key), source, target, _PROOFS[proof], *_FLAGS[flags & 3], generation)
        for key, source, target, proof, flags, generation in stored
    ]

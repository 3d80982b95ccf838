"""The reports of runs, in blocks of lines. What a block is made of is its writer's business."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from functools import partial
from typing import Any

from sqlalchemy import Connection, Row, Select, delete, func, insert, select

from brigade.state.engine import Database
from brigade.state.schema import outcomes, runs

_BLOCKS = 16


class Outcomes:
    """Blocks are added while a run goes on, by all its workers, and read in the order they came."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, run_id: int, lines: int, block: bytes) -> None:
        """One more block of so many lines."""
        query = insert(outcomes).values(run_id=run_id, lines=lines, block=block)
        await self._database.write.run(lambda connection: connection.execute(query))

    async def count(self, run_id: int) -> int:
        """How many lines the report of a run has so far."""
        query = select(func.coalesce(func.sum(outcomes.c.lines), 0)).where(outcomes.c.run_id == run_id)
        return int(await self._database.read.run(lambda connection: connection.execute(query).scalar_one()))

    async def blocks(self, run_id: int) -> AsyncIterator[bytes]:
        """Every block that was there when it was reached."""
        after = 0
        while True:
            query = (
                select(outcomes.c.id, outcomes.c.block)
                .where(outcomes.c.run_id == run_id, outcomes.c.id > after)
                .order_by(outcomes.c.id)
                .limit(_BLOCKS)
            )
            rows = await self._database.read.run(partial(_rows, query))
            for row in rows:
                yield row.block
            if len(rows) < _BLOCKS:
                return
            after = rows[-1].id

    async def keep(self, replication_id: int, newest: int) -> int:
        """Drop the reports of all runs of a replication but the newest; the runs themselves stay. How many blocks went."""
        return await self._database.write.run(lambda connection: _keep(connection, replication_id, newest))


def _rows(query: Select[Any], connection: Connection) -> Sequence[Row[Any]]:
    return connection.execute(query).all()


def _keep(connection: Connection, replication_id: int, newest: int) -> int:
    mine = select(runs.c.id).where(runs.c.replication_id == replication_id)
    kept = mine.order_by(runs.c.fence.desc()).limit(newest)
    # The names of those that stay are fetched first: a limit inside of IN is not for every engine.
    stay = [row.id for row in connection.execute(kept).all()]
    gone = delete(outcomes).where(outcomes.c.run_id.in_(mine), outcomes.c.run_id.not_in(stay))
    return connection.execute(gone).rowcount

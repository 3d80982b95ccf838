"""Which failed keys of a run went to the backlog, counted: when all did, and are mended, the run counts no more."""

from __future__ import annotations

from sqlalchemy import Connection, case, insert, select, update

from brigade.clock import Clock
from brigade.state.engine import Database
from brigade.state.revisions import change_or_insert
from brigade.state.rows import Handover
from brigade.state.schema import handovers


class Handovers:
    """One for each replication: that of its newest run that had any."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def add(self, replication_id: int, run_id: int, keys: int) -> None:
        """So many failed keys of a run are on the backlog now. Each worker that took part in it adds its own."""
        at_ns = self._clock.now_ns()
        await self._database.write.run(lambda connection: _add(connection, replication_id, run_id, keys, at_ns))

    async def all(self) -> dict[int, Handover]:
        """By the number of the replication."""
        rows = await self._database.read.run(lambda connection: connection.execute(select(handovers)).all())
        return {row.replication_id: Handover(row.run_id, row.key_count, row.at_ns) for row in rows}


def _add(connection: Connection, replication_id: int, run_id: int, keys: int, at_ns: int) -> None:
    columns = handovers.c
    known = case((columns.run_id == run_id, columns.key_count), else_=0)
    # A worker of an older run that comes late has nothing to say about the newer one.
    newest = (columns.replication_id == replication_id) & (columns.run_id <= run_id)
    change = update(handovers).where(newest).values(run_id=run_id, key_count=known + keys, at_ns=at_ns)
    first = insert(handovers).values(replication_id=replication_id, run_id=run_id, key_count=keys, at_ns=at_ns)
    change_or_insert(connection, change, first)

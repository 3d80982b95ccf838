"""Why replications could not be compared, until they could: kept, for whoever looks is seldom the process that tried."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import delete, insert, select, update

from brigade.clock import Clock
from brigade.state.engine import Database
from brigade.state.revisions import change_or_insert
from brigade.state.rows import Trouble
from brigade.state.schema import troubles


class Troubles:
    """One for each name, of a replication or a bucket of a whole store, `name/bucket`: the latest."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def note(self, name: str, words: str) -> None:
        """It could not be compared just now. Since when that is so stays."""
        now_ns = self._clock.now_ns()
        change = update(troubles).where(troubles.c.name == name).values(words=words, at_ns=now_ns)
        first = insert(troubles).values(name=name, words=words, since_ns=now_ns, at_ns=now_ns)
        await self._database.write.run(lambda connection: change_or_insert(connection, change, first))

    async def clear(self, names: Collection[str]) -> None:
        """These could, or are no more."""
        query = delete(troubles).where(troubles.c.name.in_(names))
        await self._database.write.run(lambda connection: connection.execute(query))

    async def all(self) -> dict[str, Trouble]:
        """By name."""
        rows = await self._database.read.run(lambda connection: connection.execute(select(troubles)).all())
        return {row.name: Trouble(row.words, row.since_ns, row.at_ns) for row in rows}

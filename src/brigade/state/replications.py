"""The replications that the state knows: a number for each pair of places."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.exc import IntegrityError

from brigade.clock import Clock
from brigade.state.engine import Database
from brigade.state.rows import ReplicationRow, is_given
from brigade.state.schema import replications


class Replications:
    """`identity` is the canonical `source → target`: it finds a replication again after it was renamed."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def ensure(self, name: str, identity: str) -> int:
        """The number of this replication, new if it is new. The name is kept up to date.

        Who names two places and no replication takes no name away from what others call by it.
        """
        query = select(replications.c.id, replications.c.name).where(replications.c.identity == identity)
        known = await self._database.read.run(lambda connection: connection.execute(query).first())
        if known is not None and (known.name == name or (is_given(known.name) and not is_given(name))):
            return int(known.id)
        created_ns = self._clock.now_ns()
        return await self._database.write.run(lambda connection: _ensure(connection, name, identity, created_ns))

    async def all(self) -> list[ReplicationRow]:
        """Every replication there has been, by name; of the same name the newest last."""
        columns = replications.c
        query = select(columns.id, columns.name, columns.identity).order_by(columns.name, columns.id)
        rows = await self._database.read.run(lambda connection: connection.execute(query).all())
        return [ReplicationRow(*row) for row in rows]

    async def find(self, identity: str) -> int | None:
        """The number of this replication, None if the state does not know it."""
        query = select(replications.c.id).where(replications.c.identity == identity)
        found = await self._database.read.run(lambda connection: connection.execute(query).scalar())
        return None if found is None else int(found)

    async def identities(self, replication_ids: Collection[int]) -> dict[int, str]:
        """What the replications with these numbers are; numbers that nobody has are left out."""
        query = select(replications.c.id, replications.c.identity).where(replications.c.id.in_(replication_ids))
        rows = await self._database.read.run(lambda connection: connection.execute(query).all())
        return {int(replication_id): identity for replication_id, identity in rows}


def _ensure(connection: Connection, name: str, identity: str, created_ns: int) -> int:
    table = replications
    found = connection.execute(select(table.c.name).where(table.c.identity == identity)).scalar()
    if found is not None and (is_given(name) or not is_given(found)):
        connection.execute(update(table).where(table.c.identity == identity).values(name=name))
    elif found is None:
        new = insert(table).values(name=name, identity=identity, created_ns=created_ns)
        # On PostgreSQL another process may add it between the two statements: then it is there, which is all we want.
        with suppress(IntegrityError), connection.begin_nested():
            connection.execute(new)
    return int(connection.execute(select(table.c.id).where(table.c.identity == identity)).scalar_one())

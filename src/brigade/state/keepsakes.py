"""Values that every process on this state must know alike, and that nobody chooses: made once, by whoever is first."""

from __future__ import annotations

from sqlalchemy import Connection, insert, select

from brigade.state.engine import Database
from brigade.state.revisions import insert_unless_there
from brigade.state.schema import keepsakes


class Keepsakes:
    """By name. What was made once stays as it is."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get_or_keep(self, name: str, value: bytes) -> bytes:
        """What is kept under this name; `value`, and it is kept from now on, where nothing was."""
        found = await self._database.read.run(lambda connection: _find(connection, name))
        if found is not None:
            return found
        return await self._database.write.run(lambda connection: _keep(connection, name, value))


def _find(connection: Connection, name: str) -> bytes | None:
    value = connection.execute(select(keepsakes.c.value).where(keepsakes.c.name == name)).scalar()
    return None if value is None else bytes(value)


def _keep(connection: Connection, name: str, value: bytes) -> bytes:
    insert_unless_there(connection, insert(keepsakes).values(name=name, value=value))
    found = _find(connection, name)
    assert found is not None
    return found

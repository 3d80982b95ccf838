"""The routes and blocks that were set at run time: the same for every gateway that shares this state."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Table, delete, insert, select, update

from brigade.clock import Clock
from brigade.state.engine import Database
from brigade.state.revisions import change_or_insert, raise_revision, revision_of
from brigade.state.rows import BlockRow, RouteRow, Routing
from brigade.state.schema import blocks, routes

_NAME = "routing"


class RouteBook:
    """Each change is one transaction and raises the revision, which gateways look at every so often."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def revision(self) -> int:
        """The number of the newest change, 0 before the first. One look at one row."""
        return await self._database.read.run(lambda connection: revision_of(connection, _NAME))

    async def read(self) -> Routing:
        """All routes and blocks. What is read may be newer than the revision that comes with it, never older."""
        return await self._database.read.run(_read)

    async def set(self, user: str | None, bucket: str | None, store: str) -> None:
        """Send a bucket to a store, for a user or for everybody; None is every bucket that has no route of its own."""
        await self._put(routes, user, bucket, {"store": store})

    async def delete(self, user: str | None, bucket: str | None) -> bool:
        """Remove the route that was set for just these. True if there was one."""
        return await self._remove(routes, user, bucket)

    async def block(self, user: str | None, bucket: str | None, *, writes_only: bool, note: str = "") -> None:
        """Refuse a user's requests, those for a bucket, or both; takes the place of the block of just these."""
        await self._put(blocks, user, bucket, {"writes_only": writes_only, "note": note})

    async def unblock(self, user: str | None, bucket: str | None) -> bool:
        """Remove the block that was set for just these. True if there was one."""
        return await self._remove(blocks, user, bucket)

    async def _put(self, table: Table, user: str | None, bucket: str | None, values: dict[str, object]) -> None:
        values = {**values, "set_ns": self._clock.now_ns()}
        await self._database.write.run(lambda connection: _put(connection, table, _place(user, bucket), values))

    async def _remove(self, table: Table, user: str | None, bucket: str | None) -> bool:
        place = _place(user, bucket)
        return await self._database.write.run(lambda connection: _remove(connection, table, place))


def _place(user: str | None, bucket: str | None) -> dict[str, object]:
    assert user != ""
    assert bucket != ""
    return {"user_name": user or "", "bucket": bucket or ""}


def _put(connection: Connection, table: Table, place: dict[str, object], values: dict[str, object]) -> None:
    change = update(table).filter_by(**place).values(values)
    change_or_insert(connection, change, insert(table).values(**place, **values))
    raise_revision(connection, _NAME)


def _remove(connection: Connection, table: Table, place: dict[str, object]) -> bool:
    found = connection.execute(delete(table).filter_by(**place)).rowcount > 0
    if found:
        raise_revision(connection, _NAME)
    return found


def _read(connection: Connection) -> Routing:
    revision = revision_of(connection, _NAME)
    found = [
        connection.execute(select(table).order_by(table.c.bucket, table.c.user_name)).all()
        for table in (routes, blocks)
    ]
    return Routing(
        revision,
        tuple(RouteRow(*_names(row), row.store, row.set_ns) for row in found[0]),
        tuple(BlockRow(*_names(row), row.writes_only, row.note, row.set_ns) for row in found[1]),
    )


def _names(row: Any) -> tuple[str | None, str | None]:
    return row.user_name or None, row.bucket or None

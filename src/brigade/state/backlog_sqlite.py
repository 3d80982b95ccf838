"""The backlog's statements on SQLite: many rows a statement in, one row a statement out.

The reason stands in `inventory_sqlite`: the driver lets go of the interpreter lock at every row.
"""

# ruff: noqa: S608  Statements are built from constants; values are always bound.

from __future__ import annotations

import json
from functools import cache
from operator import attrgetter

from sqlalchemy import Connection

from brigade.state.backlog_sql import Due, Held, Mark
from brigade.state.inventory_sqlite import padded, placeholders, sizes
from brigade.state.schema import OF_REPLICATION

_DUE_FIELDS = "hex(key), sequence, fence, attempts, marked_ns"
# Rows come out of an aggregate in no promised order; this is the order of the claim.
_DUE = (
    f"SELECT json_group_array(json_array(want.value, json((SELECT json_group_array(json_array(ready_ns, {_DUE_FIELDS}))"
    f" FROM (SELECT * FROM backlog WHERE {OF_REPLICATION} = want.value AND lane = ?2 AND ready_ns <= ?3"
    " ORDER BY ready_ns LIMIT ?4))))) FROM json_each(?1) AS want"
)
_IS_DUE = f"EXISTS (SELECT 1 FROM backlog WHERE {OF_REPLICATION} = want.value AND lane = {{}} AND ready_ns <= ?2)"
_ANY_DUE = f"SELECT 1 FROM json_each(?1) AS want WHERE {_IS_DUE.format(0)} OR {_IS_DUE.format(1)} LIMIT 1"


class SqliteBacklog:
    """See `BacklogStatements`."""

    def mark(self, connection: Connection, marks: list[Mark], now_ns: int, stamp: int) -> None:
        # In key order neighbours share pages.
        marks = sorted(marks, key=attrgetter("key"))
        first = 0
        for size in sizes(len(marks)):
            values: list[object] = [now_ns, stamp]
            for mark in marks[first : first + size]:
                values += mark
            connection.exec_driver_sql(_mark_text(size), tuple(values))
            first += size

    def any_due(self, connection: Connection, replication_ids: list[int], now_ns: int) -> bool:
        return connection.exec_driver_sql(_ANY_DUE, (json.dumps(replication_ids), now_ns)).first() is not None

    def due(
        self, connection: Connection, replication_ids: list[int], lane: int, now_ns: int, limit: int
    ) -> dict[int, list[Due]]:
        cursor = connection.exec_driver_sql(_DUE, (json.dumps(replication_ids), lane, now_ns, limit))
        from_hex = bytes.fromhex
        return {
            replication_id: [Due(from_hex(row[1]), *row[2:]) for row in sorted(rows)]
            for replication_id, rows in json.loads(cursor.scalar_one())
        }

    def take(
        self, connection: Connection, replication_id: int, keys: list[bytes], owner: str, stamp: int, until_ns: int
    ) -> None:
        changes = "owner = ?2, fence = max(fence + 1, ?3), ready_ns = ?4"
        _update(connection, changes, (replication_id, owner, stamp, until_ns), keys)

    def look(self, connection: Connection, replication_id: int, keys: list[bytes]) -> list[Held]:
        rows: list[Held] = []
        from_hex = bytes.fromhex
        for part in padded(keys):
            cursor = connection.exec_driver_sql(_look_text(len(part)), (replication_id, *part))
            rows += [Held(from_hex(row[0]), *row[1:]) for row in json.loads(cursor.scalar_one())]
        return rows

    def extend(self, connection: Connection, replication_id: int, keys: list[bytes], until_ns: int) -> None:
        _update(connection, "ready_ns = ?2", (replication_id, until_ns), keys)

    def free(
        self, connection: Connection, replication_id: int, keys: list[bytes], ready_ns: int, *, looked: bool
    ) -> None:
        changes = "owner = NULL, fence = fence + 1, ready_ns = max(?2, held_until_ns)"
        if looked:
            changes += ", marked_ns = max(marked_ns, fence)"
        _update(connection, changes, (replication_id, ready_ns), keys)

    def remove(self, connection: Connection, replication_id: int, keys: list[bytes]) -> None:
        for part in padded(keys):
            text = f"DELETE FROM backlog WHERE replication_id = ? AND key IN ({placeholders(len(part))})"
            connection.exec_driver_sql(text, (replication_id, *part))


def _update(connection: Connection, changes: str, values: tuple[object, ...], keys: list[bytes]) -> None:
    """The first of `values` is the replication."""
    for part in padded(keys):
        # A bare ? counts on from the highest number before it.
        text = f"UPDATE backlog SET {changes} WHERE replication_id = ?1 AND key IN ({placeholders(len(part))})"
        connection.exec_driver_sql(text, (*values, *part))


@cache
def _look_text(count: int) -> str:
    return (
        "SELECT json_group_array(json_array(hex(key), sequence, fence, held_until_ns))"
        f" FROM backlog WHERE replication_id = ? AND key IN ({placeholders(count)})"
    )


@cache
def _mark_text(count: int) -> str:
    columns = "replication_id, key, lane, ready_ns, holds, held_until_ns"
    rows = ",".join(["(?3,?4,?5,?6,?7,?8,?1,?2,0,0)"] + ["(?,?,?,?,?,?,?1,?2,0,0)"] * (count - 1))
    standing = "CASE WHEN backlog.held_until_ns > ?1 THEN backlog.holds ELSE 0 END"
    return (
        f"INSERT INTO backlog ({columns}, marked_ns, sequence, attempts, fence) VALUES {rows}"
        " ON CONFLICT (replication_id, key) DO UPDATE SET"
        " sequence = max(backlog.sequence + 1, excluded.sequence),"
        " lane = min(backlog.lane, excluded.lane),"
        " ready_ns = CASE WHEN backlog.owner IS NOT NULL THEN backlog.ready_ns"
        " WHEN backlog.lane = 2 THEN excluded.ready_ns ELSE min(backlog.ready_ns, excluded.ready_ns) END,"
        f" holds = max(0, {standing} + excluded.holds),"
        f" held_until_ns = CASE WHEN {standing} + excluded.holds > 0"
        " THEN max(backlog.held_until_ns, excluded.held_until_ns) ELSE 0 END,"
        " attempts = 0"
    )

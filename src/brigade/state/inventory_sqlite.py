"""The inventory's statements on SQLite: many rows a statement in, one row a statement out.

SQLite's driver lets go of the interpreter lock at every step, and a step is a row. Beside a busy event loop
each such pause costs 10 to 80 µs, fifty times the work itself. So rows go in by multi-row VALUES and come
out as one JSON text (`docs/decisions/0003-state.md` has the figures). Keys are hex in there: JSON holds no bytes.
"""

# ruff: noqa: S608  Statements are built from constants; values are always bound.

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache

from sqlalchemy import Connection

from brigade.state.inventory_sql import Batch, Stored

_SIZES = (256, 64, 16, 4, 1)
"""Rows a statement: few sizes, so that SQLite keeps all statements prepared."""

_MAX_KEYS = 512
_PACK = "json_group_array(json_array(hex(key), source_print, target_print, proof, flags, generation))"


class SqliteInventory:
    """See `InventoryStatements`."""

    def get(self, connection: Connection, replication_id: int, keys: list[bytes]) -> list[Stored]:
        rows: list[Stored] = []
        for part in padded(keys):
            cursor = connection.exec_driver_sql(_get_text(len(part)), (replication_id, *part))
            rows += _unpack(cursor.scalar_one())
        return rows

    def page(self, connection: Connection, replication_id: int, start_after: bytes, limit: int) -> list[Stored]:
        text = (
            f"SELECT {_PACK} FROM (SELECT * FROM inventory WHERE replication_id = ? AND key > ? ORDER BY key LIMIT ?)"
        )
        # SQLite promises no order inside an aggregate; sorting what is sorted already costs next to nothing.
        return sorted(_unpack(connection.exec_driver_sql(text, (replication_id, start_after, limit)).scalar_one()))

    def put(self, connection: Connection, batch: Batch) -> None:
        first = 0
        for size in sizes(len(batch.rows)):
            values: list[object] = [batch.replication_id, batch.stamp]
            for row in batch.rows[first : first + size]:
                values += row[:5]
            connection.exec_driver_sql(_put_text(size), tuple(values))
            first += size

    def put_if(self, connection: Connection, batch: Batch) -> set[bytes]:
        # Nobody else writes during this transaction, so looking first is as good as a condition.
        stored = {row[0]: row[5] for row in self.get(connection, batch.replication_id, [row[0] for row in batch.rows])}
        lost = {row[0] for row in batch.rows if stored.get(row[0], 0) != row[5]}
        won = [row for row in batch.rows if row[0] not in lost] if lost else batch.rows
        self.put(connection, batch._replace(rows=won))
        return lost

    def remove(self, connection: Connection, replication_id: int, keys: list[bytes]) -> None:
        for part in padded(keys):
            text = f"DELETE FROM inventory WHERE replication_id = ? AND key IN ({placeholders(len(part))})"
            connection.exec_driver_sql(text, (replication_id, *part))


def sizes(count: int) -> Iterator[int]:
    for size in _SIZES:
        while count >= size:
            yield size
            count -= size


def padded(keys: list[bytes]) -> Iterator[list[bytes]]:
    """Pieces of one, two, four … keys, filled up with their last key: in IN (…) a key twice is a key once."""
    for first in range(0, len(keys), _MAX_KEYS):
        part = keys[first : first + _MAX_KEYS]
        yield part + part[-1:] * ((1 << (len(part) - 1).bit_length()) - len(part))


def placeholders(count: int) -> str:
    return ",".join("?" * count)


def _unpack(text: str) -> list[Stored]:
    from_hex = bytes.fromhex
    return [(from_hex(row[0]), row[1], row[2], row[3], row[4], row[5]) for row in json.loads(text)]


@cache
def _get_text(count: int) -> str:
    return f"SELECT {_PACK} FROM inventory WHERE replication_id = ? AND key IN ({placeholders(count)})"


@cache
def _put_text(count: int) -> str:
    # A bare ? counts on from the highest number before it.
    rows = ",".join(["(?1,?3,?4,?5,?6,?7,?2)"] + ["(?1,?,?,?,?,?,?2)"] * (count - 1))
    return (
        "INSERT INTO inventory (replication_id, key, source_print, target_print, proof, flags, generation)"
        f" VALUES {rows} ON CONFLICT (replication_id, key) DO UPDATE SET source_print = excluded.source_print,"
        " target_print = excluded.target_print, proof = excluded.proof, flags = excluded.flags,"
        " generation = max(inventory.generation + 1, excluded.generation)"
    )

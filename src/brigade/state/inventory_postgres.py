"""The inventory's statements on PostgreSQL: a batch is one statement over arrays, so it costs one round trip."""

# ruff: noqa: S608  Statements are built from constants; values are always bound.

from __future__ import annotations

from sqlalchemy import Connection

from brigade.state.inventory_sql import Batch, Stored

_COLUMNS = "key, source_print, target_print, proof, flags, generation"
# In key order, so that two writers of the same keys wait for each other and do not deadlock.
_INSERT = (
    f"INSERT INTO inventory (replication_id, {_COLUMNS}) SELECT %(replication_id)s, new.key, new.source_print,"
    " new.target_print, new.proof, new.flags, %(stamp)s FROM unnest(%(keys)s::bytea[], %(sources)s::text[],"
    " %(targets)s::text[], %(proofs)s::text[], %(flags)s::int[])"
    " AS new (key, source_print, target_print, proof, flags) ORDER BY new.key ON CONFLICT (replication_id, key) DO "
)
_PUT = (
    f"{_INSERT} UPDATE SET source_print = excluded.source_print, target_print = excluded.target_print,"
    " proof = excluded.proof, flags = excluded.flags,"
    " generation = greatest(inventory.generation + 1, excluded.generation)"
)
_PUT_ABSENT = f"{_INSERT} NOTHING RETURNING key"
_LOCK = (
    "SELECT key, generation FROM inventory WHERE replication_id = %s AND key = ANY(%s::bytea[]) ORDER BY key FOR UPDATE"
)
_GET = f"SELECT {_COLUMNS} FROM inventory WHERE replication_id = %s AND key = ANY(%s::bytea[])"
_PAGE = f"SELECT {_COLUMNS} FROM inventory WHERE replication_id = %s AND key > %s ORDER BY key LIMIT %s"
_REMOVE = "DELETE FROM inventory WHERE replication_id = %s AND key = ANY(%s::bytea[])"


class PostgresInventory:
    """See `InventoryStatements`."""

    def get(self, connection: Connection, replication_id: int, keys: list[bytes]) -> list[Stored]:
        return _rows(connection, _GET, (replication_id, keys))

    def page(self, connection: Connection, replication_id: int, start_after: bytes, limit: int) -> list[Stored]:
        return _rows(connection, _PAGE, (replication_id, start_after, limit))

    def put(self, connection: Connection, batch: Batch) -> None:
        connection.exec_driver_sql(_PUT, _arrays(batch, batch.rows))

    def put_if(self, connection: Connection, batch: Batch) -> set[bytes]:
        known = {row[0]: row for row in batch.rows if row[5]}
        absent = [row for row in batch.rows if not row[5]]
        won: set[bytes] = set()
        if known:
            # The lock makes a look as good as a condition, and finds its rows by index where UPDATE … FROM would scan.
            locked = connection.exec_driver_sql(_LOCK, (batch.replication_id, list(known)))
            won.update(key for key, generation in locked if known[key][5] == generation)
        if won:
            self.put(connection, batch._replace(rows=[known[key] for key in won]))
        if absent:
            made = connection.exec_driver_sql(_PUT_ABSENT, _arrays(batch, absent))
            won.update(made.scalars())
        return {row[0] for row in batch.rows} - won

    def remove(self, connection: Connection, replication_id: int, keys: list[bytes]) -> None:
        connection.exec_driver_sql(_REMOVE, (replication_id, keys))


def _rows(connection: Connection, text: str, values: tuple[object, ...]) -> list[Stored]:
    return [tuple(row) for row in connection.exec_driver_sql(text, values)]


def _arrays(batch: Batch, rows: list[Stored]) -> dict[str, object]:
    keys, sources, targets, proofs, flags, _ = (list(column) for column in zip(*rows, strict=True))
    return {
        "replication_id": batch.replication_id,
        "stamp": batch.stamp,
        "keys": keys,
        "sources": sources,
        "targets": targets,
        "proofs": proofs,
        "flags": flags,
    }

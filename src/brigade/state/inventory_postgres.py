"""The inventory's statements on PostgreSQL: a batch is one statement over arrays, so it costs one round trip."""

# ruff: noqa: S608  Statements are built from constants; values are always bound.

from __future__ import annotations

from sqlalchemy import Connection

from brigade.state.inventory_sql import Batch, Stored

_COLUMNS = "key, source_print, target_print, proof, flags, generation"
_NEW = (
    "unnest(%(keys)s::bytea[], %(sources)s::text[], %(targets)s::text[], %(proofs)s::text[], %(flags)s::int[],"
    " %(generations)s::bigint[]) AS new (key, source_print, target_print, proof, flags, generation)"
)
_SET = (
    "source_print = {new}.source_print, target_print = {new}.target_print, proof = {new}.proof,"
    " flags = {new}.flags, generation = greatest(inventory.generation + 1, %(stamp)s::bigint)"
)
# In key order, so that two writers of the same keys wait for each other and do not deadlock.
_INSERT = (
    f"INSERT INTO inventory (replication_id, {_COLUMNS}) SELECT %(replication_id)s, new.key, new.source_print,"
    f" new.target_print, new.proof, new.flags, %(stamp)s FROM {_NEW} ORDER BY new.key"
    " ON CONFLICT (replication_id, key) DO "
)
_PUT = f"{_INSERT} UPDATE SET {_SET.format(new='excluded')}"
_PUT_ABSENT = f"{_INSERT} NOTHING RETURNING key"
_PUT_KNOWN = (
    f"UPDATE inventory SET {_SET.format(new='new')} FROM {_NEW} WHERE inventory.replication_id = %(replication_id)s"
    " AND inventory.key = new.key AND inventory.generation = new.generation RETURNING inventory.key"
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
        lost = {row[0] for row in batch.rows}
        absent = [row for row in batch.rows if not row[5]]
        known = [row for row in batch.rows if row[5]]
        for text, rows in ((_PUT_ABSENT, absent), (_PUT_KNOWN, known)):
            if rows:
                lost.difference_update(connection.exec_driver_sql(text, _arrays(batch, rows)).scalars())
        return lost

    def remove(self, connection: Connection, replication_id: int, keys: list[bytes]) -> None:
        connection.exec_driver_sql(_REMOVE, (replication_id, keys))


def _rows(connection: Connection, text: str, values: tuple[object, ...]) -> list[Stored]:
    return [tuple(row) for row in connection.exec_driver_sql(text, values)]


def _arrays(batch: Batch, rows: list[Stored]) -> dict[str, object]:
    keys, sources, targets, proofs, flags, generations = (list(column) for column in zip(*rows, strict=True))
    return {
        "replication_id": batch.replication_id,
        "stamp": batch.stamp,
        "keys": keys,
        "sources": sources,
        "targets": targets,
        "proofs": proofs,
        "flags": flags,
        "generations": generations,
    }

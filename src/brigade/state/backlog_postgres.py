"""The backlog's statements on PostgreSQL: a batch is one statement over arrays, so it costs one round trip."""

# ruff: noqa: S608  Statements are built from constants; values are always bound.

from __future__ import annotations

from operator import itemgetter

from sqlalchemy import Connection

from brigade.state.backlog_sql import Due, Held, Mark
from brigade.state.schema import OF_REPLICATION

CHANNEL = "brigade_backlog"
"""What marks are told on, in the whole database: one word too many only wakes somebody for nothing."""

_STANDING = "CASE WHEN backlog.held_until_ns > %(now)s THEN backlog.holds ELSE 0 END"
# In key order, so that two processes that mark the same keys wait for each other and do not deadlock.
_MARK = (
    "INSERT INTO backlog (replication_id, key, lane, ready_ns, holds, held_until_ns, marked_ns, sequence, attempts,"
    " fence) SELECT new.*, %(now)s, %(stamp)s, 0, 0 FROM unnest(%(ids)s::bigint[], %(keys)s::bytea[],"
    " %(lanes)s::int[], %(readies)s::bigint[], %(holds)s::int[], %(untils)s::bigint[])"
    " AS new (replication_id, key, lane, ready_ns, holds, held_until_ns) ORDER BY 1, 2"
    " ON CONFLICT (replication_id, key) DO UPDATE SET"
    " sequence = greatest(backlog.sequence + 1, excluded.sequence),"
    " lane = least(backlog.lane, excluded.lane),"
    " ready_ns = CASE WHEN backlog.owner IS NOT NULL THEN backlog.ready_ns"
    " WHEN backlog.lane = 2 THEN excluded.ready_ns ELSE least(backlog.ready_ns, excluded.ready_ns) END,"
    f" holds = greatest(0, {_STANDING} + excluded.holds),"
    f" held_until_ns = CASE WHEN {_STANDING} + excluded.holds > 0"
    " THEN greatest(backlog.held_until_ns, excluded.held_until_ns) ELSE 0 END,"
    " attempts = 0"
)
_DUE = (
    "SELECT want.id, row.* FROM unnest(%s::bigint[]) AS want (id) CROSS JOIN LATERAL ("
    "SELECT ready_ns, key, sequence, fence, attempts, marked_ns FROM backlog"
    f" WHERE {OF_REPLICATION} = want.id AND lane = %s AND ready_ns <= %s ORDER BY ready_ns LIMIT %s"
    " FOR UPDATE SKIP LOCKED) AS row"
)
_IS_DUE = f"EXISTS (SELECT 1 FROM backlog WHERE {OF_REPLICATION} = want.id AND lane = {{}} AND ready_ns <= %(now)s)"
_ANY_DUE = (
    "SELECT EXISTS (SELECT 1 FROM unnest(%(ids)s::bigint[]) AS want (id)"
    f" WHERE {_IS_DUE.format(0)} OR {_IS_DUE.format(1)})"
)
_WHERE = "WHERE replication_id = %s AND key = ANY(%s::bytea[])"
_LOOK = f"SELECT key, sequence, fence, held_until_ns FROM backlog {_WHERE} ORDER BY key FOR UPDATE"


class PostgresBacklog:
    """See `BacklogStatements`. `token` goes with each word on the channel, so that nobody wakes for his own."""

    def __init__(self, token: str) -> None:
        self._notify = f"NOTIFY {CHANNEL}, '{token}'"

    def mark(self, connection: Connection, marks: list[Mark], now_ns: int, stamp: int) -> None:
        ids, keys, lanes, readies, holds, untils = (list(column) for column in zip(*marks, strict=True))
        values = {"ids": ids, "keys": keys, "lanes": lanes, "readies": readies, "holds": holds, "untils": untils}
        connection.exec_driver_sql(_MARK, {**values, "now": now_ns, "stamp": stamp})
        # Heard only once this transaction is committed.
        connection.exec_driver_sql(self._notify)

    def any_due(self, connection: Connection, replication_ids: list[int], now_ns: int) -> bool:
        return bool(connection.exec_driver_sql(_ANY_DUE, {"ids": replication_ids, "now": now_ns}).scalar_one())

    def due(
        self, connection: Connection, replication_ids: list[int], lane: int, now_ns: int, limit: int
    ) -> dict[int, list[Due]]:
        found: dict[int, list[Due]] = {replication_id: [] for replication_id in replication_ids}
        rows = connection.exec_driver_sql(_DUE, (replication_ids, lane, now_ns, limit)).all()
        for row in sorted(rows, key=itemgetter(1)):
            found[row[0]].append(Due(*row[2:]))
        return found

    def take(
        self, connection: Connection, replication_id: int, keys: list[bytes], owner: str, stamp: int, until_ns: int
    ) -> None:
        text = f"UPDATE backlog SET owner = %s, fence = greatest(fence + 1, %s), ready_ns = %s {_WHERE}"
        connection.exec_driver_sql(text, (owner, stamp, until_ns, replication_id, keys))

    def look(self, connection: Connection, replication_id: int, keys: list[bytes]) -> list[Held]:
        return [Held(*row) for row in connection.exec_driver_sql(_LOOK, (replication_id, keys))]

    def extend(self, connection: Connection, replication_id: int, keys: list[bytes], until_ns: int) -> None:
        connection.exec_driver_sql(f"UPDATE backlog SET ready_ns = %s {_WHERE}", (until_ns, replication_id, keys))

    def free(
        self, connection: Connection, replication_id: int, keys: list[bytes], ready_ns: int, *, looked: bool
    ) -> None:
        changes = "owner = NULL, fence = fence + 1, ready_ns = greatest(%s, held_until_ns)"
        if looked:
            changes += ", marked_ns = greatest(marked_ns, fence)"
        connection.exec_driver_sql(f"UPDATE backlog SET {changes} {_WHERE}", (ready_ns, replication_id, keys))

    def remove(self, connection: Connection, replication_id: int, keys: list[bytes]) -> None:
        connection.exec_driver_sql(f"DELETE FROM backlog {_WHERE}", (replication_id, keys))

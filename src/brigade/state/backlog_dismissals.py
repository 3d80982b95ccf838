"""Failed keys that somebody decided to leave: gone from the backlog, kept on record with the note on why."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select

from brigade.state.keys import decode_key
from brigade.state.rows import DismissedRow
from brigade.state.schema import backlog, dismissals, runs


def dismiss(connection: Connection, where: Sequence[Any], note: str, now_ns: int) -> int:
    """Remove the rows and record them, in the transaction of `connection`; how many there were."""
    columns = backlog.c
    gone = delete(backlog).where(*where).returning(columns.replication_id, columns.key, columns.error)
    decided = [
        {"replication_id": row.replication_id, "key": row.key, "error": row.error, "note": note, "dismissed_ns": now_ns}
        for row in connection.execute(gone).all()
    ]
    if decided:
        connection.execute(insert(dismissals), decided)
    return len(decided)


def dismissed(connection: Connection, replication_id: int, limit: int) -> list[DismissedRow]:
    """The newest decisions about a replication's keys, newest first."""
    query = select(dismissals).where(dismissals.c.replication_id == replication_id)
    rows = connection.execute(query.order_by(dismissals.c.id.desc()).limit(limit)).all()
    return [DismissedRow(decode_key(row.key), row.error, row.note, row.dismissed_ns) for row in rows]


def dismissed_lately(connection: Connection) -> dict[int, int]:
    """How many decisions each replication has had since its newest run began, where there were any."""
    began = select(runs.c.replication_id, func.max(runs.c.started_ns).label("ns")).group_by(runs.c.replication_id)
    newest = began.subquery()
    query = (
        select(dismissals.c.replication_id, func.count())
        .join(newest, dismissals.c.replication_id == newest.c.replication_id, isouter=True)
        .where(dismissals.c.dismissed_ns >= func.coalesce(newest.c.ns, 0))
        .group_by(dismissals.c.replication_id)
    )
    return {row[0]: row[1] for row in connection.execute(query).all()}

"""How far a replication is behind, and which rows do not count."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, func, select

from brigade.state.backlog_sql import Lane
from brigade.state.rows import Lag
from brigade.state.schema import backlog


def lag(connection: Connection, replication_id: int, now_ns: int) -> Lag:
    """Of one replication."""
    query = select(*_columns(now_ns)).where(backlog.c.replication_id == replication_id)
    return Lag(*connection.execute(query).one())


def lags(connection: Connection, now_ns: int) -> dict[int, Lag]:
    """Of each that has rows."""
    number = backlog.c.replication_id
    rows = connection.execute(select(number, *_columns(now_ns)).group_by(number)).all()
    return {row[0]: Lag(*row[1:]) for row in rows}


def rests(now_ns: int) -> Any:
    """The condition for what was seen to, and is to be looked at once more, or when it is old enough: it is not late."""
    columns = backlog.c
    waits = (columns.ready_ns > now_ns) & (columns.held_until_ns <= now_ns)
    return waits & columns.owner.is_(None) & columns.error.is_(None)


def _columns(now_ns: int) -> tuple[Any, ...]:
    """Rows that wait, the oldest mark of those that are late, rows that are parked."""
    waits = backlog.c.lane != int(Lane.PARKED)
    late = waits & ~rests(now_ns)
    return func.count().filter(waits), func.min(backlog.c.marked_ns).filter(late), func.count().filter(~waits)

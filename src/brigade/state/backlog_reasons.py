"""Why keys fail, counted by the database: a hundred thousand rows become a few before anything of them is looked at.

Reasons quote the key, so that hardly two are the same. In what is counted a mark stands where a reason has its key; keys
that a reason writes otherwise than they are have a row of their own, and are put with the others by whoever asks.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, LargeBinary, Text, cast, func, literal_column, select

from brigade.state.backlog_sql import Lane
from brigade.state.keys import decode_key
from brigade.state.rows import ReasonRow
from brigade.state.schema import backlog

KEY_MARK = "\x01"
"""What stands in the place of the key, before the quote that ends it."""

_POSTGRES = (
    "CASE WHEN position(key || '\\x27'::bytea in convert_to(error, 'UTF8')) > 0 "
    "THEN overlay(convert_to(error, 'UTF8') placing '\\x01'::bytea "
    "from position(key || '\\x27'::bytea in convert_to(error, 'UTF8')) for length(key)) "
    "ELSE convert_to(error, 'UTF8') END"
)


def reasons(
    connection: Connection, replication_ids: Collection[int] | None, holding: str | None, most: int | None
) -> list[ReasonRow]:
    """The reasons of these replications, None: of all, that hold a text; from so many rows at most."""
    if holding is not None and "\0" in holding:
        return []  # No database holds one in a text.
    columns, is_sqlite = backlog.c, connection.dialect.name == "sqlite"
    rows = select(columns.replication_id, _is_parked(), columns.key, _marked(is_sqlite=is_sqlite))
    rows = rows.where(columns.error.is_not(None))
    if replication_ids is not None:
        rows = rows.where(columns.replication_id.in_(replication_ids))
    if holding is not None:
        place = func.instr if is_sqlite else func.strpos
        rows = rows.where(place(columns.error, holding) > 0)
    inner = rows.limit(most).subquery() if most is not None else rows.subquery()
    groups = inner.c.replication_id, inner.c.parked, inner.c.reason
    query = select(*groups, func.count(), func.min(inner.c.key), func.max(inner.c.key)).group_by(*groups)
    return [_row(*row) for row in connection.execute(query).all()]


def _is_parked() -> Any:
    return (backlog.c.lane == int(Lane.PARKED)).label("parked")


def _marked(*, is_sqlite: bool) -> Any:
    if not is_sqlite:
        # As bytes: a key need not be a text, and nothing else of PostgreSQL takes such a one.
        return literal_column(_POSTGRES, LargeBinary).label("reason")
    return func.replace(backlog.c.error, cast(backlog.c.key, Text).concat("'"), f"{KEY_MARK}'").label("reason")


def _row(number: int, parked: bool, reason: str | bytes, count: int, first: bytes, last: bytes) -> ReasonRow:
    words = reason if isinstance(reason, str) else bytes(reason).decode("utf-8", "replace")
    return ReasonRow(number, bool(parked), words, count, decode_key(bytes(first)), decode_key(bytes(last)))

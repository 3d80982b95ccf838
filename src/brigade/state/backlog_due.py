"""Which replications have something to claim, asked without naming them: of thousands, nearly all are idle."""

# ruff: noqa: S608  Statements are built from constants; values are always bound.

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, text

from brigade.state.schema import OF_REPLICATION

_IS_DUE = f"EXISTS (SELECT 1 FROM backlog WHERE {OF_REPLICATION} = seen.id AND lane = {{}} AND ready_ns <= :now)"
_NEXT = f"SELECT {OF_REPLICATION} AS id FROM backlog WHERE {OF_REPLICATION} > {{}} ORDER BY {OF_REPLICATION} LIMIT 1"
# From one replication to the next in the index of due rows: the cost is that of the replications that have rows.
_WALK = text(
    f"WITH RECURSIVE seen (id, place) AS (SELECT ({_NEXT.format(':after')}), 1"
    f" UNION ALL SELECT ({_NEXT.format('seen.id')}), place + 1 FROM seen WHERE seen.id IS NOT NULL AND place < :most)"
    f" SELECT id, {_IS_DUE.format(0)} OR {_IS_DUE.format(1)} FROM seen WHERE id IS NOT NULL"
)


class DuePage(NamedTuple):
    """Replications that have something to claim, by number; `cursor` None: there are no more behind these."""

    replication_ids: list[int]
    cursor: int | None


def due_page(connection: Connection, now_ns: int, start_after: int, most: int) -> DuePage:
    """Look at up to `most` replications that have rows at all."""
    rows = connection.execute(_WALK, {"now": now_ns, "after": start_after, "most": most}).all()
    found = [int(replication_id) for replication_id, is_due in rows if is_due]
    return DuePage(found, int(rows[-1][0]) if len(rows) >= most else None)

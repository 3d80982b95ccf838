"""Claims of processes that are certainly dead: free at once, where others must wait for the lease to end."""

from __future__ import annotations

from sqlalchemy import Connection, and_, case, literal_column, select, update

from brigade.state.backlog_sql import Lane
from brigade.state.owner import Owner
from brigade.state.schema import OF_REPLICATION, backlog


def free_orphans(connection: Connection, replication_id: int, now_ns: int) -> int:
    """Give back what dead processes of this machine hold, as they would have done themselves; the number of keys."""
    columns = backlog.c
    # The bounds of the index of due rows: leases that have ended need nobody to free them.
    held = and_(
        literal_column(OF_REPLICATION) == replication_id,
        columns.lane.in_((int(Lane.LIVE), int(Lane.BACKFILL))),
        columns.ready_ns > now_ns,
        columns.owner.is_not(None),
    )
    owners = connection.execute(select(columns.owner).where(held).distinct()).scalars().all()
    dead = [owner for owner in owners if _is_dead(owner)]
    if not dead:
        return 0
    freed = {
        "owner": None,
        "fence": columns.fence + 1,
        "ready_ns": case((columns.held_until_ns > now_ns, columns.held_until_ns), else_=now_ns),
    }
    return connection.execute(update(backlog).where(held, columns.owner.in_(dead)).values(freed)).rowcount


def _is_dead(owner: str) -> bool:
    try:
        return Owner.parse(owner).is_dead()
    except ValueError:
        return False  # not written by a process of ours: only its lease tells

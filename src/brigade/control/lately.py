"""Use cases: what was done lately, object by object, and sums over time."""

from __future__ import annotations

from collections.abc import Sequence

from brigade.control.desk import Desk
from brigade.errors import Missing
from brigade.state.control_rows import ActivityRow, Sample
from brigade.state.rows import ReplicationRow


async def activity(
    desk: Desk, limit: int, *, replication: str | None = None, after: int | None = None
) -> list[tuple[str, ActivityRow]]:
    """The newest outcomes with the names of their replications, oldest first; `after` an id: those that came since.

    Raises `Missing` for a replication that neither the configuration nor the state knows.
    """
    rows = await _rows(desk, replication)
    names = {row.id: row.name for row in rows}
    among = None if replication is None else list(names)
    found = await desk.state.control.activity.latest(limit, among=among, after=after)
    return [(names.get(each.replication_id, ""), each) for each in found]


async def samples(desk: Desk, replication: str, since_seconds: int) -> list[Sample]:
    """The sums of each interval since then, oldest first; of a whole store those of all its buckets together.

    Raises `Missing` as `activity` does.
    """
    rows = await _rows(desk, replication)
    return await desk.state.control.activity.samples_together([row.id for row in rows], since_seconds)


async def _rows(desk: Desk, name: str | None) -> Sequence[ReplicationRow]:
    rows = await desk.state.replications.all()
    if name is None:
        return rows
    found = [row for row in rows if row.name == name or row.name.startswith(f"{name}/")]
    if not found and all(known.name != name for known in desk.plans.known(await desk.state.control.documents.all())):
        raise Missing(f"there is no replication {name!r}")
    return found

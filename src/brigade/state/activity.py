"""What is going on, for people who watch: the latest outcomes of each replication, and sums over time.

Both are bounded, written in batches, and may lose their last seconds with the process: nothing depends on them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import Connection, delete, func, insert, select, update

from brigade.clock import Clock
from brigade.state.control_rows import ActivityRow, Sample, Sums
from brigade.state.engine import Database
from brigade.state.revisions import change_or_insert
from brigade.state.schema import activity, samples

KEPT_ROWS = 200
KEPT_SECONDS = 24 * 3600
_SECOND_NS = 1_000_000_000


class Activity:
    """Written by workers, read by whoever shows it."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def add(self, replication_id: int, outcomes: Sequence[Mapping[str, object]]) -> None:
        """The latest outcomes; only so many of a replication are kept."""
        now_ns = self._clock.now_ns()
        rows = [
            {"replication_id": replication_id, "at_ns": now_ns, "outcome": dict(outcome)}
            for outcome in outcomes[-KEPT_ROWS:]
        ]
        if rows:
            await self._database.write.run(lambda connection: _add(connection, replication_id, rows))

    async def latest(
        self,
        limit: int,
        *,
        replication_id: int | None = None,
        among: Collection[int] | None = None,
        after: int | None = None,
    ) -> list[ActivityRow]:
        """The newest outcomes, of all replications, of one, or of some, oldest first; `after` an id: those since."""
        query = select(activity).order_by(activity.c.id.desc()).limit(limit)
        if among is not None:
            query = query.where(activity.c.replication_id.in_(among))
        if replication_id is not None:
            query = query.where(activity.c.replication_id == replication_id)
        if after is not None:
            query = query.where(activity.c.id > after)
        rows = await self._database.read.run(lambda connection: connection.execute(query).all())
        return [ActivityRow(*row) for row in reversed(rows)]

    async def sample(self, sample: Sample, *, with_backlog: bool = True) -> None:
        """Add the sums of an interval to what other workers had in it; drop what is too old.

        `with_backlog` False leaves the backlog to those who look at it.
        """
        oldest_seconds = self._clock.now_ns() // _SECOND_NS - KEPT_SECONDS
        behind = {"backlog": sample.backlog, "lag_seconds": sample.lag_seconds} if with_backlog else {}
        await self._database.write.run(lambda connection: _sample(connection, sample, behind, oldest_seconds))

    async def samples(self, replication_id: int, since_seconds: int) -> list[Sample]:
        """The intervals since then, oldest first; those in which nothing happened are left out."""
        query = select(samples).where(samples.c.replication_id == replication_id, samples.c.at_seconds >= since_seconds)
        rows = await self._database.read.run(
            lambda connection: connection.execute(query.order_by(samples.c.at_seconds)).all()
        )
        return [Sample(*row) for row in rows]

    async def totals(self, since_seconds: int) -> dict[int, Sums]:
        """What was done since then, by replication; those that did nothing are left out."""
        columns = samples.c
        query = select(
            columns.replication_id,
            func.min(columns.at_seconds),
            func.sum(columns.settled),
            func.sum(columns.settled_bytes),
            func.sum(columns.failed),
        ).where(columns.at_seconds >= since_seconds)
        query = query.group_by(columns.replication_id)
        rows = await self._database.read.run(lambda connection: connection.execute(query).all())
        return {row[0]: Sums(*map(int, row[1:])) for row in rows}

    async def samples_together(self, replication_ids: Collection[int], since_seconds: int) -> list[Sample]:
        """The intervals of several replications put together, under the number of the first."""
        columns = samples.c
        totals = [func.sum(columns[name]) for name in ("settled", "settled_bytes", "failed", "backlog")]
        query = (
            select(func.min(columns.replication_id), columns.at_seconds, *totals, func.max(columns.lag_seconds))
            .where(columns.replication_id.in_(replication_ids), columns.at_seconds >= since_seconds)
            .group_by(columns.at_seconds)
            .order_by(columns.at_seconds)
        )
        rows = await self._database.read.run(lambda connection: connection.execute(query).all())
        return [Sample(*map(int, row)) for row in rows]


def _add(connection: Connection, replication_id: int, rows: list[dict[str, object]]) -> None:
    connection.execute(insert(activity), rows)
    of_it = activity.c.replication_id == replication_id
    kept = select(activity.c.id).where(of_it).order_by(activity.c.id.desc()).offset(KEPT_ROWS).limit(1)
    newest_gone = connection.execute(kept).scalar()
    if newest_gone is not None:
        connection.execute(delete(activity).where(of_it, activity.c.id <= newest_gone))


def _sample(connection: Connection, sample: Sample, behind: Mapping[str, int], oldest_seconds: int) -> None:
    columns = samples.c
    mine = columns.replication_id == sample.replication_id
    sums = {name: columns[name] + getattr(sample, name) for name in ("settled", "settled_bytes", "failed")}
    change = update(samples).where(mine, columns.at_seconds == sample.at_seconds)
    change = change.values(**sums, **behind)
    change_or_insert(connection, change, insert(samples).values(**sample._asdict()))
    connection.execute(delete(samples).where(mine, columns.at_seconds < oldest_seconds))

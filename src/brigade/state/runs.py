"""Runs: at most one of a replication at a time, held by a lease, numbered by a fence.

Whoever begins a run while another holds the lease is refused, unless the holder is certainly dead. A run that
was taken over is marked interrupted, and its owner learns it from `LeaseLost` at its next renewal. Two guards
in the schema stand behind this code: one running run and one use of each fence per replication.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from brigade.clock import Clock
from brigade.errors import LeaseLost, Refused
from brigade.state.engine import Database
from brigade.state.owner import Owner
from brigade.state.rows import RangeState, Run, RunKind, RunState
from brigade.state.schema import ranges, replications, runs

_SECOND_NS = 1_000_000_000
_HELD = (RangeState.RUNNING.value, RangeState.SCANNED.value)
_ALL_KEYS: dict[str, object] = {
    "after": b"",
    "upto": None,
    "state": RangeState.WAITING.value,
    "wanted": False,
    "owner": None,
    "lease_until_ns": 0,
    "fence": 0,
    "counts": {},
    "source_objects": 0,
    "target_objects": 0,
    "planned": 0,
}


class Runs:
    """Begin, renew, checkpoint, finish; and look back."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def begin(
        self,
        replication_id: int,
        kind: RunKind,
        policy: Mapping[str, object],
        owner: Owner,
        lease_seconds: float,
        *,
        shared: bool = False,
    ) -> Run:
        """A new running run. Raises `Refused` while another one of this replication lives.

        `shared`: others may take part. It begins with one range of all keys, which waits for whoever claims it.
        """
        now_ns = self._clock.now_ns()
        lease_ns = round(lease_seconds * _SECOND_NS)
        values = {
            "replication_id": replication_id,
            "kind": kind.value,
            "state": RunState.RUNNING.value,
            "policy": dict(policy),
            "counts": {},
            "started_ns": now_ns,
            "owner": str(owner),
            "lease_ns": lease_ns,
            "lease_until_ns": now_ns + lease_ns,
        }
        return await self._database.write.run(lambda connection: _begin(connection, values, now_ns, shared=shared))

    async def renew(self, run: Run) -> Run:
        """The lease starts anew. Raises `LeaseLost` if the run was taken over or has ended."""
        return await self._change(run, {})

    async def checkpoint(self, run: Run, cursor: bytes | None, counts: Mapping[str, int]) -> Run:
        """Remember how far the run is; renews the lease too. Raises `LeaseLost`."""
        return await self._change(run, {"cursor": cursor, "counts": dict(counts)})

    async def finish(self, run: Run, state: RunState, counts: Mapping[str, int]) -> Run:
        """The run has ended. Raises `LeaseLost` if it was taken over."""
        assert state is not RunState.RUNNING
        return await self._change(
            run, {"state": state.value, "counts": dict(counts), "finished_ns": self._clock.now_ns()}
        )

    async def cancel(self, run: Run) -> bool:
        """End a run by order, whoever holds its lease: that one learns it at its next renewal. False if it has ended."""
        query = (
            update(runs)
            .where(runs.c.id == run.id, runs.c.state == RunState.RUNNING.value)
            .values(state=RunState.CANCELLED.value, finished_ns=self._clock.now_ns())
        )
        return await self._database.write.run(lambda connection: connection.execute(query).rowcount > 0)

    async def last(self, replication_id: int, *, before: Run | None = None, kind: RunKind = RunKind.SYNC) -> Run | None:
        """The newest run of a kind, or the newest one before another: where an interrupted run left its cursor."""
        found = await self.history(replication_id, 1, before=before, kind=kind)
        return found[0] if found else None

    async def history(
        self,
        replication_id: int,
        limit: int,
        *,
        before: Run | None = None,
        before_id: int | None = None,
        kind: RunKind | None = None,
    ) -> list[Run]:
        """The newest runs, newest first; of one replication ids rise with time."""
        query = select(runs).where(runs.c.replication_id == replication_id).order_by(runs.c.fence.desc()).limit(limit)
        if before is not None:
            query = query.where(runs.c.fence < before.fence)
        if before_id is not None:
            query = query.where(runs.c.id < before_id)
        if kind is not None:
            query = query.where(runs.c.kind == kind.value)
        rows = await self._database.read.run(lambda connection: connection.execute(query).all())
        return [to_run(row) for row in rows]

    async def is_shared(self, run: Run) -> bool:
        """Whether others may take part in a run that goes on."""
        query = select(ranges.c.id).where(ranges.c.run_id == run.id).limit(1)
        return await self._database.read.run(lambda connection: connection.execute(query).first()) is not None

    async def newest(self) -> dict[int, Run]:
        """The newest run of each replication that ever had one."""
        newest = select(runs.c.replication_id, func.max(runs.c.fence).label("fence")).group_by(runs.c.replication_id)
        found = newest.subquery()
        query = select(runs).join(
            found, (runs.c.replication_id == found.c.replication_id) & (runs.c.fence == found.c.fence)
        )
        rows = await self._database.read.run(lambda connection: connection.execute(query).all())
        return {row.replication_id: to_run(row) for row in rows}

    async def latest(self, limit: int, *, before_id: int | None = None, kind: RunKind | None = None) -> list[Run]:
        """The newest runs of all replications, newest first."""
        query = select(runs).order_by(runs.c.id.desc()).limit(limit)
        if before_id is not None:
            query = query.where(runs.c.id < before_id)
        if kind is not None:
            query = query.where(runs.c.kind == kind.value)
        rows = await self._database.read.run(lambda connection: connection.execute(query).all())
        return [to_run(row) for row in rows]

    async def find(self, run_id: int) -> Run | None:
        """One run, None if there never was one of this number."""
        query = select(runs).where(runs.c.id == run_id)
        row = await self._database.read.run(lambda connection: connection.execute(query).first())
        return to_run(row) if row is not None else None

    async def _change(self, run: Run, values: dict[str, object]) -> Run:
        lease_until_ns = self._clock.now_ns() + round(run.lease_seconds * _SECOND_NS)
        query = (
            update(runs)
            .where(runs.c.id == run.id, runs.c.fence == run.fence, runs.c.state == RunState.RUNNING.value)
            .values(lease_until_ns=lease_until_ns, **values)
        )
        # A function of its own: rowcount is gone once the transaction has ended.
        changed = await self._database.write.run(lambda connection: connection.execute(query).rowcount)
        if not changed:
            raise LeaseLost(
                f"run {run.id} was taken over by another process or has ended",
                hint="nothing is lost: the newer run goes on from the last checkpoint",
            )
        state = RunState(str(values.get("state", run.state.value)))
        return run._replace(
            state=state,
            lease_until_ns=lease_until_ns,
            **{name: value for name, value in values.items() if name != "state"},  # type: ignore[arg-type]
        )


def _begin(connection: Connection, values: dict[str, Any], now_ns: int, *, shared: bool) -> Run:
    replication_id = values["replication_id"]
    # On PostgreSQL this row is the lock that lets one process at a time begin; SQLite has one writer anyway.
    lock = select(replications.c.id).where(replications.c.id == replication_id).with_for_update(key_share=True)
    connection.execute(lock).one()
    _end_stale(connection, replication_id, now_ns)
    fences = select(func.max(runs.c.fence)).where(runs.c.replication_id == replication_id)
    fence = (connection.execute(fences).scalar() or 0) + 1
    if fence > 1:
        before = select(runs.c.id).where(runs.c.replication_id == replication_id, runs.c.fence == fence - 1)
        connection.execute(delete(ranges).where(ranges.c.run_id == before.scalar_subquery()))
    made = connection.execute(insert(runs).values(fence=fence, **values))
    identity = made.inserted_primary_key
    assert identity is not None
    if shared:
        connection.execute(insert(ranges).values(run_id=identity[0], **_ALL_KEYS))
    return to_run(connection.execute(select(runs).where(runs.c.id == identity[0])).one())


def _end_stale(connection: Connection, replication_id: int, now_ns: int) -> None:
    """Mark a run interrupted whose lease has ended or whose owner is dead; refuse if it lives."""
    query = select(runs).where(runs.c.replication_id == replication_id, runs.c.state == RunState.RUNNING.value)
    row = connection.execute(query).first()
    if row is None:
        return
    run = to_run(row)
    if _is_alive(connection, run, now_ns):
        since = datetime.fromtimestamp(run.started_ns // _SECOND_NS, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        raise Refused(
            f"a {run.kind.value} of this replication is running since {since} in {run.owner.label}",
            hint="wait until it has ended, or stop that process",
        )
    ended = {"state": RunState.INTERRUPTED.value, "finished_ns": now_ns}
    connection.execute(update(runs).where(runs.c.id == run.id).values(ended))


def _is_alive(connection: Connection, run: Run, now_ns: int) -> bool:
    """True if anybody may still be at work on it, be it on one of its ranges."""
    query = select(ranges.c.owner, ranges.c.lease_until_ns).where(ranges.c.run_id == run.id, ranges.c.state.in_(_HELD))
    leases = [(run.owner, run.lease_until_ns)]
    leases += [(Owner.parse(row.owner), row.lease_until_ns) for row in connection.execute(query)]
    return any(until_ns > now_ns and not owner.is_dead() for owner, until_ns in leases)


def to_run(row: Row[Any]) -> Run:
    """The value of a row of `runs`."""
    return Run(
        id=row.id,
        replication_id=row.replication_id,
        kind=RunKind(row.kind),
        state=RunState(row.state),
        policy=row.policy,
        counts=row.counts,
        cursor=row.cursor,
        started_ns=row.started_ns,
        finished_ns=row.finished_ns,
        owner=Owner.parse(row.owner),
        lease_seconds=row.lease_ns / _SECOND_NS,
        lease_until_ns=row.lease_until_ns,
        fence=row.fence,
    )

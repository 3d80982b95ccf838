"""Use case: how each replication stands, from the state alone: nothing is asked of a store or of a worker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

from brigade.clock import Clock
from brigade.decide.wildcards import is_whole_store
from brigade.errors import UsageError
from brigade.state.rows import Lag, ReplicationRow, Run, RunState
from brigade.state.state import State

_SECOND_NS = 1_000_000_000
_NO_LAG = Lag(0, None, 0)


class Standing(StrEnum):
    """How a replication stands; the first that fits, from the top.

    `PAUSED`: somebody has ordered it to rest. `FAILING`: something is parked, or the last run did not end well. `RUNNING`: a run goes on. `BEHIND`: keys wait, or
    the last run was cut off. `NEW`: it has never run. `IN_STEP`: the last run ended in step and nothing waits.
    """

    PAUSED = "paused"
    FAILING = "failing"
    RUNNING = "running"
    BEHIND = "behind"
    NEW = "new"
    IN_STEP = "in step"


class Known(NamedTuple):
    """A replication of the configuration. `identity` None: a whole store, whose buckets are `name/bucket`."""

    name: str
    identity: str | None


class Status(NamedTuple):
    """How one replication stands. `lag_seconds` is the age of the oldest change that waits, 0 if none does.

    `result` is how the last run ended, `None` if there was none. `dismissed` are keys that somebody decided to leave
    since that run began: they count for nothing else. `replication_id` is the state's number of it, if it has one.
    """

    name: str
    standing: Standing
    backlog: int
    lag_seconds: float
    parked: int
    dismissed: int
    last_run: Run | None
    result: RunState | None
    replication_id: int | None = None


async def status(
    state: State, clock: Clock, *, configured: Sequence[Known] | None = None, names: Sequence[str] = ()
) -> list[Status]:
    """Each replication of the configuration, or each that the state knows where there is none.

    Raises `UsageError` for a name that is neither.
    """
    rows = await state.replications.all()
    chosen: list[tuple[str, ReplicationRow | None]] = [(row.name, row) for row in rows]
    if configured is not None:
        by_identity = {row.identity: row for row in rows}
        chosen = [found for known in configured for found in _rows_of(known, rows, by_identity)]
    if names:
        _refuse_unknown(names, chosen)
        chosen = [(name, row) for name, row in chosen if any(_is_named(name, each) for each in names)]
    lags, newest, dismissed = (
        await state.backlog.lags(),
        await state.runs.newest(),
        await state.backlog.dismissed_lately(),
    )
    orders, now_ns = await state.control.orders.all(), clock.now_ns()
    paused = {name for name, order in orders.items() if order.paused}
    return [
        _status(
            name,
            row.id if row is not None else None,
            lags.get(row.id, _NO_LAG) if row is not None else _NO_LAG,
            newest.get(row.id) if row is not None else None,
            dismissed.get(row.id, 0) if row is not None else 0,
            now_ns,
            paused=any(_is_named(name, each) for each in paused),
        )
        for name, row in chosen
        # A whole store is its buckets; it has a line of its own only while notes of buckets wait or are parked.
        if row is None or row.id in lags or not is_whole_store(row.identity)
    ]


def _rows_of(
    known: Known, rows: Sequence[ReplicationRow], by_identity: Mapping[str, ReplicationRow]
) -> list[tuple[str, ReplicationRow | None]]:
    if known.identity is not None:
        return [(known.name, by_identity.get(known.identity))]
    buckets: list[tuple[str, ReplicationRow | None]] = [
        (row.name, row) for row in rows if row.name.startswith(f"{known.name}/")
    ]
    own = [(row.name, row) for row in rows if row.name == known.name and is_whole_store(row.identity)]
    return [*own, *(buckets or [(known.name, None)])]


def _refuse_unknown(names: Sequence[str], chosen: Sequence[tuple[str, ReplicationRow | None]]) -> None:
    for each in names:
        if not any(_is_named(name, each) for name, _ in chosen):
            known = ", ".join(name for name, _ in chosen) or "none"
            raise UsageError(f"there is no replication {each!r}", hint=f"there are: {known}")


def _is_named(name: str, wanted: str) -> bool:
    return name == wanted or name.startswith(f"{wanted}/")


def _status(
    name: str, row_id: int | None, lag: Lag, last: Run | None, dismissed: int, now_ns: int, *, paused: bool
) -> Status:
    result = None if last is None else _result(last, now_ns)
    waited_ns = 0 if lag.oldest_marked_ns is None else max(0, now_ns - lag.oldest_marked_ns)
    standing = Standing.PAUSED if paused else _standing(lag, result)
    return Status(name, standing, lag.length, waited_ns / _SECOND_NS, lag.parked, dismissed, last, result, row_id)


def _result(run: Run, now_ns: int) -> RunState:
    """A run whose process is gone was interrupted, though nobody has written that down yet."""
    gone = run.state is RunState.RUNNING and (run.lease_until_ns <= now_ns or run.owner.is_dead())
    return RunState.INTERRUPTED if gone else run.state


def _standing(lag: Lag, result: RunState | None) -> Standing:
    if lag.parked or result in (RunState.FAILED, RunState.REFUSED):
        return Standing.FAILING
    if result is RunState.RUNNING:
        return Standing.RUNNING
    if lag.length or result is RunState.INTERRUPTED:
        return Standing.BEHIND
    return Standing.NEW if result is None else Standing.IN_STEP

"""Use case: how each replication stands, from the state alone: nothing is asked of a store or of a worker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from enum import StrEnum
from typing import NamedTuple

from brigade.clock import Clock
from brigade.decide.wildcards import is_whole_store
from brigade.errors import UsageError
from brigade.state.rows import Handover, Lag, ReplicationRow, Run, RunKind, RunState, Trouble
from brigade.state.state import State

_SECOND_NS = 1_000_000_000
_NO_LAG = Lag(0, None, 0)
_CUT_OFF = (RunState.INTERRUPTED, RunState.CANCELLED)
_LOOKED_BACK = 10
# No replication has this number: what the state has never heard of has no runs and no backlog.
_UNKNOWN = 0


class Standing(StrEnum):
    """How a replication stands; the first that fits, from the top.

    `PAUSED`: somebody has ordered it to rest. `FAILING`: something is parked, or the last run did not end well and its
    trouble is not known to be mended, or none can begin. `RUNNING`: a run goes on. `BEHIND`: keys wait, or the last run was cut off. `NEW`:
    it has never run. `IN_STEP`: nothing waits, and the last run ended in step, or all that failed in it was made right
    since then, key by key.
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
    `trouble`: why no run could begin since the last one.
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
    trouble: str | None = None


async def status(
    state: State, clock: Clock, *, configured: Sequence[Known] | None = None, names: Sequence[str] = ()
) -> list[Status]:
    """Each replication of the configuration, or each that the state knows where there is none.

    Raises `UsageError` for a name that is neither.
    """
    rows, book = await state.replications.all(), await _read(state, clock)
    chosen: list[tuple[str, ReplicationRow | None]] = [(row.name, row) for row in rows]
    if configured is not None:
        by_identity = {row.identity: row for row in rows}
        chosen = [found for known in configured for found in _rows_of(known, rows, by_identity, book)]
    if names:
        _refuse_unknown(names, chosen)
        chosen = [(name, row) for name, row in chosen if any(_is_named(name, each) for each in names)]
    return [
        _status(name, _UNKNOWN if row is None else row.id, book)
        for name, row in chosen
        # A whole store is its buckets; it has a line of its own only while notes of buckets wait or are parked, or
        # while its buckets cannot be listed.
        if row is None or row.id in book.lags or name in book.troubles or not is_whole_store(row.identity)
    ]


class _Book(NamedTuple):
    """What the state says of all of them, by number. `telling`: the run that tells how it stands."""

    now_ns: int
    newest: Mapping[int, Run]
    telling: Mapping[int, Run]
    handovers: Mapping[int, Handover]
    lags: Mapping[int, Lag]
    dismissed: Mapping[int, int]
    paused: AbstractSet[str]
    troubles: Mapping[str, Trouble]


async def _read(state: State, clock: Clock) -> _Book:
    now_ns = clock.now_ns()
    newest = await state.runs.newest()
    telling = {number: await _telling(state, run, now_ns) for number, run in newest.items()}
    handovers = await state.control.handovers.all()
    # What a run has handed over is looked for in the backlog after that, or else it could seem to be mended.
    lags = await state.backlog.lags()
    orders = await state.control.orders.all()
    paused = {name for name, order in orders.items() if order.paused}
    dismissed, troubles = await state.backlog.dismissed_lately(), await state.control.troubles.all()
    return _Book(now_ns, newest, telling, handovers, lags, dismissed, paused, troubles)


async def _telling(state: State, run: Run, now_ns: int) -> Run:
    """A verify that was cut off has changed nothing and found nothing out: the run before it counts."""
    if not _is_vain(run, now_ns):
        return run
    earlier = await state.runs.history(run.replication_id, _LOOKED_BACK, before=run)
    return next((each for each in earlier if not _is_vain(each, now_ns)), run)


def _is_vain(run: Run, now_ns: int) -> bool:
    return run.kind is RunKind.VERIFY and _result(run, now_ns) in _CUT_OFF


def _rows_of(
    known: Known, rows: Sequence[ReplicationRow], by_identity: Mapping[str, ReplicationRow], book: _Book
) -> list[tuple[str, ReplicationRow | None]]:
    if known.identity is not None:
        return [(known.name, by_identity.get(known.identity))]
    buckets: list[tuple[str, ReplicationRow | None]] = [
        (row.name, row) for row in rows if row.name.startswith(f"{known.name}/")
    ]
    own: list[tuple[str, ReplicationRow | None]] = [
        (row.name, row) for row in rows if row.name == known.name and is_whole_store(row.identity)
    ]
    if not own and buckets and known.name in book.troubles:
        own = [(known.name, None)]
    return [*own, *(buckets or [(known.name, None)])]


def _refuse_unknown(names: Sequence[str], chosen: Sequence[tuple[str, ReplicationRow | None]]) -> None:
    for each in names:
        if not any(_is_named(name, each) for name, _ in chosen):
            known = ", ".join(name for name, _ in chosen) or "none"
            raise UsageError(f"there is no replication {each!r}", hint=f"there are: {known}")


def _is_named(name: str, wanted: str) -> bool:
    return name == wanted or name.startswith(f"{wanted}/")


def _status(name: str, number: int, book: _Book) -> Status:
    lag, last = book.lags.get(number, _NO_LAG), book.newest.get(number)
    trouble = _trouble(book.troubles.get(name), last)
    waited_ns = 0 if lag.oldest_marked_ns is None else max(0, book.now_ns - lag.oldest_marked_ns)
    return Status(
        name,
        Standing.PAUSED if _is_paused(name, book) else _standing(number, lag, book, trouble),
        lag.length,
        waited_ns / _SECOND_NS,
        lag.parked,
        book.dismissed.get(number, 0),
        last,
        None if last is None else _result(last, book.now_ns),
        number or None,
        trouble,
    )


def _trouble(trouble: Trouble | None, last: Run | None) -> str | None:
    """Its words, unless a run of whoever else has ended, or begun, since it was met."""
    if trouble is None or (last is not None and (last.finished_ns or last.started_ns) >= trouble.at_ns):
        return None
    return trouble.words


def _is_paused(name: str, book: _Book) -> bool:
    return any(_is_named(name, each) for each in book.paused)


def _result(run: Run, now_ns: int) -> RunState:
    """A run whose process is gone was interrupted, though nobody has written that down yet."""
    gone = run.state is RunState.RUNNING and (run.lease_until_ns <= now_ns or run.owner.is_dead())
    return RunState.INTERRUPTED if gone else run.state


def _standing(number: int, lag: Lag, book: _Book, trouble: str | None) -> Standing:
    run = book.telling.get(number)
    result = None if run is None else _result(run, book.now_ns)
    if lag.parked or result is RunState.REFUSED:
        return Standing.FAILING
    if run is not None and result is RunState.FAILED and not _is_mended(run, lag, book.handovers.get(number)):
        return Standing.FAILING
    if result is RunState.RUNNING:
        return Standing.RUNNING
    if trouble is not None:
        return Standing.FAILING
    if lag.length or result in _CUT_OFF:
        return Standing.BEHIND
    return Standing.NEW if result is None else Standing.IN_STEP


def _is_mended(run: Run, lag: Lag, handover: Handover | None) -> bool:
    """True if the run saw everything, all that failed in it went to the backlog, and nothing of that waits any more."""
    failed = run.counts.get("failed", 0) + run.counts.get("conflicts", 0)
    if handover is None or handover.run_id != run.id or handover.keys < failed:
        return False
    return lag.oldest_marked_ns is None or lag.oldest_marked_ns > handover.at_ns

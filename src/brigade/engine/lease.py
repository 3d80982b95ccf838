"""Holding the lease of a run while it goes on: no two runs of one replication at once, and a checkpoint on record."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass

from brigade.clock import Clock
from brigade.engine.groups import first_error
from brigade.engine.progress import Progress
from brigade.engine.report import RunResult
from brigade.errors import LeaseLost
from brigade.state.owner import Owner
from brigade.state.rows import Run, RunKind, RunState
from brigade.state.shield import shielded
from brigade.state.state import State

# Long enough that a loaded machine renews in time, short enough that work of a dead one does not rest for long.
LEASE_SECONDS = 60.0
_CHECKPOINT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Record:
    """What a run writes down of itself: how far it is, what it counted, and what must be durable before that."""

    progress: Progress
    result: RunResult
    flush: Callable[[], Awaitable[None]]


async def leased_run(
    state: State,
    run: Run,
    clock: Clock,
    record: Record,
    work: Callable[[], Awaitable[RunResult]],
) -> RunResult:
    """Run `work` under the lease of a run that has begun, with checkpoints, and record how it ended.

    Raises `LeaseLost`, and cancels the work, if the run was taken over.
    """
    try:
        with first_error():
            async with asyncio.TaskGroup() as group:
                heart = group.create_task(_beat(state, run, clock, record))
                await work()
                heart.cancel()
    except LeaseLost:
        raise
    except BaseException as error:
        ended = RunState.FAILED if isinstance(error, Exception) else RunState.INTERRUPTED
        await shielded(_end(state, run, ended, record))
        raise
    await shielded(_end(state, run, verdict_of(record.result), record))
    return record.result


async def begin_run(
    state: State,
    replication_id: int,
    policy: Mapping[str, object],
    *,
    owner: Owner | None = None,
    shared: bool = False,
) -> Run:
    """Take the lease. Raises `Refused` while another run of this replication is alive. `shared`: others may join."""
    owner = owner or Owner.current()
    return await state.runs.begin(replication_id, RunKind.SYNC, policy, owner, LEASE_SECONDS, shared=shared)


async def interrupted_before(state: State, run: Run) -> Run | None:
    """The run before this one, if it was cut off with the same policy and left a checkpoint to go on from."""
    last = await state.runs.last(run.replication_id, before=run)
    if last is None or last.state is not RunState.INTERRUPTED or last.cursor is None:
        return None
    return last if last.policy == run.policy else None


def restore(last: Run, result: RunResult) -> Progress:
    """The progress of an interrupted run, with its counts taken over into `result`."""
    for name, value in last.counts.items():
        setattr(result.counts, name, value)
    assert last.cursor is not None
    cursor = last.cursor.decode("utf-8", "surrogateescape")
    result.resumed_after = cursor
    return Progress(cursor)


async def _beat(state: State, run: Run, clock: Clock, record: Record) -> None:
    while True:
        await clock.sleep(_CHECKPOINT_SECONDS)
        run = await _checkpoint(state, run, record)


async def _checkpoint(state: State, run: Run, record: Record) -> Run:
    """What was settled before the flush is durable after it, so only that may stand in the checkpoint."""
    cursor = record.progress.cursor
    await record.flush()
    data = None if cursor is None else cursor.encode("utf-8", "surrogateescape")
    return await state.runs.checkpoint(run, data, asdict(record.result.counts))


async def _end(state: State, run: Run, ended: RunState, record: Record) -> None:
    run = await _checkpoint(state, run, record)
    await state.runs.finish(run, ended, asdict(record.result.counts))


def verdict_of(result: RunResult) -> RunState:
    """What a run that ended so is on record as."""
    if result.refusal is not None:
        return RunState.REFUSED
    return RunState.DONE if result.in_step else RunState.FAILED

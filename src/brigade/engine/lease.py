"""Holding the lease of a run while it goes on: no two runs of one replication at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict

from brigade.clock import Clock
from brigade.engine.groups import first_error
from brigade.engine.report import RunResult
from brigade.errors import LeaseLost
from brigade.state.owner import Owner
from brigade.state.rows import Run, RunKind, RunState
from brigade.state.shield import shielded
from brigade.state.state import State

# Long enough that a loaded machine renews in time, short enough that work of a dead one does not rest for long.
LEASE_SECONDS = 60.0
_RENEW_SECONDS = 15.0


async def leased_run(
    state: State,
    replication_id: int,
    policy: Mapping[str, object],
    clock: Clock,
    work: Callable[[], Awaitable[RunResult]],
) -> RunResult:
    """Run `work` under a lease and record how it ended.

    Raises `Refused` if another run of this replication is alive, `LeaseLost` (and `work` is cancelled) if this one
    was taken over.
    """
    run = await state.runs.begin(replication_id, RunKind.SYNC, policy, Owner.current(), LEASE_SECONDS)
    try:
        with first_error():
            async with asyncio.TaskGroup() as group:
                heart = group.create_task(_renew(state, run, clock))
                result = await work()
                heart.cancel()
    except BaseException as error:
        if not isinstance(error, LeaseLost):
            ended = RunState.FAILED if isinstance(error, Exception) else RunState.INTERRUPTED
            await shielded(state.runs.finish(run, ended, {}))
        raise
    await shielded(state.runs.finish(run, _state_of(result), _counts_of(result)))
    return result


async def _renew(state: State, run: Run, clock: Clock) -> None:
    while True:
        await clock.sleep(_RENEW_SECONDS)
        run = await state.runs.renew(run)


def _state_of(result: RunResult) -> RunState:
    if result.refusal is not None:
        return RunState.REFUSED
    return RunState.FAILED if result.incomplete is not None else RunState.DONE


def _counts_of(result: RunResult) -> dict[str, int]:
    return asdict(result.counts)

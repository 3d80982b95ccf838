"""Use case: how far a run is that goes on, part by part."""

from __future__ import annotations

from typing import NamedTuple

from brigade.control.desk import Desk
from brigade.control.status import Status
from brigade.state.rows import KeyRange, Run, RunState

_SECOND_NS = 1_000_000_000


class Going(NamedTuple):
    """A run that goes on. `expected` is what the run before had to look at, the best guess there is.

    `eta_seconds` None: nobody can know. `parts` are the ranges of keys that workers share, none if there are no others.
    """

    run: Run
    seconds: float
    considered: int
    copied: int
    copied_bytes: int
    failed: int
    expected: int | None
    eta_seconds: float | None
    parts: list[KeyRange]


async def going(desk: Desk, found: Status) -> Going | None:
    """The run of a replication that goes on, None if there is none."""
    run = found.last_run
    if run is None or found.result is not RunState.RUNNING:
        return None
    shared = await desk.state.ranges.look(run)
    tallies = [part.tally.counts for part in shared.ranges]

    def count(name: str) -> int:
        return max(shared.run.counts.get(name, 0), sum(each.get(name, 0) for each in tallies))

    seconds = max(0.001, (desk.clock.now_ns() - run.started_ns) / _SECOND_NS)
    considered, expected = count("considered"), await _expected(desk, run)
    eta_seconds = None
    if expected is not None and 0 < considered < expected:
        eta_seconds = (expected - considered) * seconds / considered
    copied, size_bytes, failed = count("copied"), count("copied_bytes"), count("failed")
    return Going(shared.run, seconds, considered, copied, size_bytes, failed, expected, eta_seconds, shared.ranges)


async def _expected(desk: Desk, run: Run) -> int | None:
    before = [
        each.counts.get("considered", 0)
        for each in await desk.state.runs.history(run.replication_id, 5, before=run)
        if each.kind is run.kind and each.state is RunState.DONE
    ]
    return before[0] if before and before[0] else None

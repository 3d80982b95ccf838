"""Use case: a replication is verified because somebody asked: both sides are compared and nothing is changed.

It is a run of its own kind, on record with its differences, one at a time of a replication and never beside a reconcile.
"""

from __future__ import annotations

import asyncio
import gzip
import json
from dataclasses import asdict

from brigade.clock import Clock
from brigade.control.diff import diff
from brigade.control.sync import policy_as_json
from brigade.control.work import Work
from brigade.engine.groups import first_error
from brigade.engine.report import Difference
from brigade.engine.verify import DiffResult
from brigade.state.owner import Owner
from brigade.state.rows import Run, RunKind, RunState
from brigade.state.shield import shielded
from brigade.state.state import State

_LEASE_SECONDS = 60.0
_RENEW_SECONDS = 5.0
_BLOCK_LINES = 2000


async def verify_if_asked(work: Work, *, asked_ns: int, state: State, clock: Clock) -> DiffResult | None:
    """Verify, unless that was done since it was asked for; None then.

    Raises `Refused` while a run of the replication goes on, `LeaseLost` if it is ended from outside.
    """
    replication_id = await state.replications.ensure(work.name, work.identity)
    last = await state.runs.last(replication_id, kind=RunKind.VERIFY)
    if last is not None and last.started_ns > asked_ns and last.state is not RunState.INTERRUPTED:
        return None
    run = await state.runs.begin(
        replication_id, RunKind.VERIFY, policy_as_json(work.policy), Owner.current(), _LEASE_SECONDS
    )
    return await _Verify(work, run, state, clock).run()


class _Verify:
    def __init__(self, work: Work, run: Run, state: State, clock: Clock) -> None:
        self._work = work
        self._run = run
        self._state = state
        self._clock = clock
        self._lines: list[str] = []

    async def run(self) -> DiffResult:
        ended, result = RunState.INTERRUPTED, DiffResult()
        try:
            with first_error():
                async with asyncio.TaskGroup() as group:
                    heart = group.create_task(self._beat())
                    result = await diff(
                        self._work, state=self._state, clock=self._clock, tell=self._differs, failed=self._failed
                    )
                    heart.cancel()
            ended = RunState.DONE if result.in_step else RunState.FAILED
        except Exception:
            ended = RunState.FAILED
            raise
        finally:
            await shielded(self._end(ended, result))
        return result

    def _differs(self, difference: Difference) -> None:
        self._lines.append(json.dumps(difference._asdict() | {"error": None}))

    def _failed(self, key: str, reason: str) -> None:
        self._lines.append(json.dumps({"key": key, "status": "failed", "reason": "", "error": reason}))

    async def _beat(self) -> None:
        while True:
            await self._clock.sleep(_RENEW_SECONDS)
            await self._write()
            self._run = await self._state.runs.renew(self._run)

    async def _write(self) -> None:
        while self._lines:
            lines = self._lines[:_BLOCK_LINES]
            block = await asyncio.to_thread(gzip.compress, "".join(f"{line}\n" for line in lines).encode())
            await self._state.control.outcomes.add(self._run.id, len(lines), block)
            del self._lines[: len(lines)]

    async def _end(self, ended: RunState, result: DiffResult) -> None:
        await self._write()
        counts = {name: value for name, value in asdict(result).items() if isinstance(value, int)}
        await self._state.runs.finish(self._run, ended, counts)

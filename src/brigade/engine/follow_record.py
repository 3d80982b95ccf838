"""Putting on record how attempts ended, in batches, while the next ones go on.

What was learnt of a key is durable before its row leaves the backlog: if the process dies in between, the key is
looked at once more. A batch that was begun is written to its end, also when the follower is cancelled.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress

from brigade.clock import Clock
from brigade.engine.follow_line import Finished, Line
from brigade.engine.follow_verdict import LOST
from brigade.engine.groups import first_error
from brigade.errors import StateError
from brigade.replications import DeleteMode
from brigade.state.rows import Claim, Run, RunState
from brigade.state.shield import shielded
from brigade.state.state import State

_GONE_SECONDS = 2.0
"""How soon a deleted key is looked at again while a reconcile runs, which may still be copying what it once read, or
not have put on record yet that it has copied it. Each time twice as late as before."""

_LONGEST_GONE_SECONDS = 3600.0
_SECOND_NS = 1_000_000_000


_BATCH = 32
_GATHER_SECONDS = 0.02
"""The target has the objects already; so long their rows may wait for others to share a commit with, up to `_BATCH`."""


class Recorder:
    """Takes the ends of attempts and writes them, one batch at a time."""

    def __init__(self, state: State, clock: Clock, note_trouble: Callable[[StateError], None]) -> None:
        self._state = state
        self._clock = clock
        self._note_trouble = note_trouble
        self._finished: list[Finished] = []
        self._more = asyncio.Event()
        self._many = asyncio.Event()
        self._writing = asyncio.Lock()
        self._stopped = False

    def add(self, finished: Finished) -> None:
        """An attempt has ended."""
        self._finished.append(finished)
        self._more.set()
        if len(self._finished) >= _BATCH:
            self._many.set()

    def stop(self) -> None:
        """End `run` when all that was added is written."""
        self._stopped = True
        self._more.set()
        self._many.set()

    async def run(self) -> None:
        """Write until stopped."""
        while True:
            await self._more.wait()
            with suppress(TimeoutError):
                async with asyncio.timeout(_GATHER_SECONDS):
                    await self._many.wait()
            self._more.clear()
            if not self._stopped:
                self._many.clear()
            await shielded(self.write())
            if self._stopped and not self._finished:
                return

    async def write(self) -> None:
        """Write what has been added. A batch that the state refuses is dropped: its leases end, and it is looked at again."""
        async with self._writing:
            batch, self._finished = self._finished, []
            if not batch:
                return
            try:
                await self._write(batch)
            except StateError as error:
                self._note_trouble(error)
            finally:
                for finished in batch:
                    finished.line.held.pop(finished.claim, None)
                self._state.backlog.wake()

    async def _write(self, batch: Sequence[Finished]) -> None:
        for line in {finished.line: None for finished in batch}:
            await line.job.ledger.flush()
        runs: dict[Line, Run | None] = {}
        done: list[Finished] = []
        with first_error():
            # Together, so that they share commits.
            async with asyncio.TaskGroup() as group:
                for finished in batch:
                    claim, verdict = finished.claim, finished.verdict
                    if verdict is LOST:
                        group.create_task(finished.line.job.ledger.doubt({claim.key: False}))
                    elif verdict.error is not None:
                        group.create_task(self._failed(finished, verdict.error))
                    elif verdict.again_seconds is not None:
                        group.create_task(self._state.backlog.release([claim], verdict.again_seconds))
                    elif finished.gone and (again := await self._again_seconds(finished, runs)) is not None:
                        group.create_task(self._state.backlog.release([claim], again))
                    else:
                        done.append(finished)
                group.create_task(self._done(done))

    async def _done(self, done: Sequence[Finished]) -> None:
        now_ns = self._clock.now_ns()
        by_line: dict[Line, list[Claim]] = {}
        for finished in done:
            by_line.setdefault(finished.line, []).append(finished.claim)
        for line, claims in by_line.items():
            removed = await self._state.backlog.done(claims)
            counts = line.counts
            counts.again += len(claims) - removed
            line.job.counts.again += len(claims) - removed
            for claim in claims:
                line.job.counts.ages.observe((now_ns - claim.marked_ns) / _SECOND_NS)
            lag_seconds = (now_ns - min(claim.marked_ns for claim in claims)) / _SECOND_NS
            counts.longest_lag_seconds = max(counts.longest_lag_seconds, lag_seconds)

    async def _failed(self, finished: Finished, error: str) -> None:
        line, claim, verdict, _ = finished
        if verdict.again_seconds is None:
            await self._state.backlog.park(claim, error)
            line.parked(claim, error)
        else:
            await self._state.backlog.retry(claim, verdict.again_seconds, error, counts=verdict.counts)
            line.counts.retried += 1
            line.job.counts.retried += 1

    async def _again_seconds(self, finished: Finished, runs: dict[Line, Run | None]) -> float | None:
        """When to look once more at a key that is gone, None if that was the last word: no run had to do with it."""
        line, claim = finished.line, finished.claim
        if line.job.policy.delete is DeleteMode.NO:
            return None
        if line not in runs:
            runs[line] = await self._state.runs.last(claim.replication_id)
        last, now_ns = runs[line], self._clock.now_ns()
        if last is None:
            return None
        if last.state is RunState.RUNNING:
            age_seconds = (now_ns - claim.marked_ns) / _SECOND_NS
            waits = last.lease_until_ns > now_ns
            return min(_LONGEST_GONE_SECONDS, max(_GONE_SECONDS, age_seconds)) if waits else None
        # What the run had to say of the key may have come after we asked what is known of it.
        asked_ns = line.held.get(claim, now_ns)
        return 0.0 if last.finished_ns is not None and last.finished_ns >= asked_ns else None

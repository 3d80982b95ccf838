"""Reconcile: compare both listings in key order and make the target right. The truth.

Listings, decisions and copies run at once, bounded by a queue. Deletions come last, and only if both listings were
complete. A listing that breaks ends the scan: what was decided is still carried out, nothing is deleted, and the run
says that it is incomplete.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from brigade.decide.actions import ActionKind
from brigade.engine.crew import Crew
from brigade.engine.deletions import Deletions
from brigade.engine.groups import first_error
from brigade.engine.job import Job
from brigade.engine.plan import Planner
from brigade.engine.pump import StopScan, pump
from brigade.engine.report import Counts, Outcome, RunResult
from brigade.engine.settle import Task
from brigade.engine.uploads import abort_leftovers
from brigade.errors import Refused, StoreError
from brigade.objects import Proof


async def reconcile(job: Job, result: RunResult | None = None) -> RunResult:
    """Make the target right. Failures of single objects are counted and told, not raised.

    `result` is counted into while the run goes on, for whoever writes checkpoints.
    Raises what makes a run impossible (the state is gone, the lease is lost); a broken listing is not raised but
    told in `RunResult.incomplete`, a guard's refusal in `RunResult.refusal`.
    """
    return await _Reconcile(job, result or RunResult()).run()


@dataclass(slots=True)
class Tally:
    """Adds outcomes to the counts and passes them on."""

    counts: Counts
    tell: Callable[[Outcome], None]
    dry_run: bool

    def __call__(self, outcome: Outcome) -> None:
        counts = self.counts
        counts.considered += 1
        kind = outcome.action
        if outcome.error is not None:
            counts.failed += 1
        elif kind is ActionKind.SKIP:
            counts.skipped += 1
        elif kind is ActionKind.COPY:
            counts.copied += 1
            counts.copied_bytes += outcome.size_bytes
        elif kind is ActionKind.COPY_METADATA:
            counts.metadata_updated += 1
        elif kind is ActionKind.DELETE:
            counts.deleted += 1
        elif kind is ActionKind.CONFLICT:
            counts.conflicts += 1
        if outcome.proof is Proof.SIZE:
            counts.unprovable += 1
        self.tell(outcome)


class _Reconcile:
    def __init__(self, job: Job, result: RunResult) -> None:
        self._job = job
        self._result = result
        result.dry_run = job.dry_run
        self._tally = Tally(self._result.counts, job.observer.outcome, job.dry_run)
        self._planner = Planner(job)
        self._crew = Crew(job, job.spawn, job.limits.processes)
        self._deletions = Deletions(job, self._tally)

    async def run(self) -> RunResult:
        job, result = self._job, self._result
        began_seconds = job.clock.monotonic_seconds()
        try:
            await job.ledger.load()
            with first_error():
                async with self._crew:
                    result.incomplete = await pump(job, self._planner, self._dispatch, self._settle)
            if result.incomplete is None:
                await self._delete()
            if result.incomplete is None and not job.dry_run:
                await self._abort_leftovers()
        finally:
            self._deletions.close()
            await asyncio.shield(job.ledger.flush())
        result.duration_seconds = job.clock.monotonic_seconds() - began_seconds
        return result

    def _dispatch(self, task: Task) -> bool:
        """Settle at once what needs no store; True for a task that a worker must take."""
        pair, action, _ = task
        kind = action.kind
        size_bytes = pair.size_bytes
        if kind is ActionKind.SKIP or kind is ActionKind.CONFLICT:
            self._tally(Outcome(pair.key, kind, action.reason, action.proof, size_bytes))
            return False
        if kind is ActionKind.DELETE:
            self._deletions.plan(pair.key, action.reason, size_bytes, confirm=pair.source is None)
            return False
        if kind is ActionKind.COPY:
            self._job.observer.planned(1, size_bytes)
        return True

    async def _settle(self, task: Task) -> None:
        self._tally(await self._crew.settle(task))
        if self._crew.full is not None:
            raise StopScan(self._crew.full)

    async def _delete(self) -> None:
        if not self._deletions.count:
            return
        seen = self._planner.seen
        try:
            await self._deletions.carry_out(source_objects=seen.source_objects, target_objects=seen.target_objects)
        except Refused as refusal:
            self._result.refusal = str(refusal)
        except StoreError as error:
            self._result.incomplete = str(error)

    async def _abort_leftovers(self) -> None:
        for error in await abort_leftovers(self._job):
            self._result.leftovers.append(str(error))

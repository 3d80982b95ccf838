"""A stretch of keys in this process: compared, made right, and at last rid of what is too much at the target."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from brigade.decide.actions import ActionKind
from brigade.engine.crew import Crew
from brigade.engine.deletions import Deletions, Sums
from brigade.engine.job import Job
from brigade.engine.plan import Planner
from brigade.engine.pump import StopScan, pump
from brigade.engine.report import Counts, Outcome
from brigade.engine.settle import Task
from brigade.engine.spans import Span
from brigade.objects import Proof


@dataclass(slots=True)
class Tally:
    """Adds outcomes to the counts and passes them on."""

    counts: Counts
    tell: Callable[[Outcome], None]

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
        counts.archived += outcome.archived
        if outcome.proof is Proof.SIZE:
            counts.unprovable += 1
        self.tell(outcome)


class Stretch:
    """All that a run is, for one span of its keys. Deletions are planned first and carried out when the run may."""

    def __init__(self, job: Job, crew: Crew, span: Span, counts: Counts) -> None:
        self.span = span
        self.counts = counts
        self._job = job
        self._crew = crew
        self._tally = Tally(counts, job.observer.outcome)
        self._planner = Planner(job)
        self._deletions = Deletions(job, self._tally)

    async def scan(self) -> str | None:
        """List, compare and copy; returns why not every key was considered, None if every one was."""
        return await pump(self._job, self._planner, self._dispatch, self._settle, self.span)

    @property
    def sums(self) -> Sums:
        """What the guard needs to know of this stretch."""
        seen = self._planner.seen
        return Sums(seen.source_objects, seen.target_objects, self._deletions.count)

    async def delete(self, whole: Sums) -> None:
        """Carry out what was planned, if the guard agrees to the sums of the whole run.

        Raises `Refused`, or a `StoreError`, before anything was deleted.
        """
        if self._deletions.count:
            await self._deletions.carry_out(whole)

    def close(self) -> None:
        """Drop what was planned."""
        self._deletions.close()

    def _dispatch(self, task: Task) -> bool:
        """Settle at once what needs no store; True for a task that a worker must take."""
        pair, action, _ = task
        kind = action.kind
        size_bytes = pair.size_bytes
        if kind is ActionKind.SKIP or kind is ActionKind.CONFLICT:
            self._tally(Outcome(pair.key, kind, action.reason, action.proof, size_bytes))
            return False
        if kind is ActionKind.DELETE:
            assert pair.target is not None
            self._deletions.plan(pair.key, action.reason, pair.target, confirm=pair.source is None)
            return False
        if kind is ActionKind.COPY:
            self._job.observer.planned(1, size_bytes)
        return True

    async def _settle(self, task: Task) -> None:
        clock = self._job.clock
        began_seconds = clock.monotonic_seconds()
        outcome = await self._crew.settle(task)
        self._tally(outcome._replace(duration_seconds=clock.monotonic_seconds() - began_seconds))
        if self._crew.full is not None:
            raise StopScan(self._crew.full)

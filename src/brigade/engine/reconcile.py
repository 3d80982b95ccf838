"""Reconcile: compare both listings in key order and make the target right. The truth.

Listings, decisions and copies run at once, bounded by a queue. Deletions come last, and only if both listings were
complete. A listing that breaks ends the scan: what was decided is still carried out, nothing is deleted, and the run
says that it is incomplete.
"""

from __future__ import annotations

import asyncio

from brigade.engine.crew import Crew
from brigade.engine.groups import first_error
from brigade.engine.job import Job
from brigade.engine.report import RunResult
from brigade.engine.spans import Span
from brigade.engine.stretch import Stretch
from brigade.engine.uploads import abort_leftovers
from brigade.errors import Refused, StoreError


async def reconcile(job: Job, result: RunResult | None = None) -> RunResult:
    """Make the target right. Failures of single objects are counted and told, not raised.

    `result` is counted into while the run goes on, for whoever writes checkpoints.
    Raises what makes a run impossible (the state is gone, the lease is lost); a broken listing is not raised but
    told in `RunResult.incomplete`, a guard's refusal in `RunResult.refusal`.
    """
    return await _Reconcile(job, result or RunResult()).run()


class _Reconcile:
    def __init__(self, job: Job, result: RunResult) -> None:
        self._job = job
        self._result = result
        result.dry_run = job.dry_run
        self._crew = Crew(job, job.spawn, job.limits.processes)
        self._stretch = Stretch(job, self._crew, Span(job.progress.cursor or ""), result.counts)

    async def run(self) -> RunResult:
        job, result, stretch = self._job, self._result, self._stretch
        began_seconds = job.clock.monotonic_seconds()
        try:
            await job.ledger.load()
            with first_error():
                async with self._crew:
                    result.incomplete = await stretch.scan()
            if result.incomplete is None:
                await self._delete()
            if result.incomplete is None and not job.dry_run:
                await self._abort_leftovers()
        finally:
            stretch.close()
            await asyncio.shield(job.ledger.flush())
        result.duration_seconds = job.clock.monotonic_seconds() - began_seconds
        return result

    async def _delete(self) -> None:
        try:
            await self._stretch.delete(self._stretch.sums)
        except Refused as refusal:
            self._result.refusal = str(refusal)
        except StoreError as error:
            self._result.incomplete = str(error)

    async def _abort_leftovers(self) -> None:
        for error in await abort_leftovers(self._job):
            self._result.leftovers.append(str(error))

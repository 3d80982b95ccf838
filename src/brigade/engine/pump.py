"""The pump of a run: pairs from the scan, decided in batches, handed to a bounded crew of workers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from brigade.engine.groups import first_error
from brigade.engine.job import Job
from brigade.engine.plan import Planner
from brigade.engine.progress import Batch
from brigade.engine.scan import Scan, common_order
from brigade.engine.settle import Task
from brigade.engine.spans import Span
from brigade.errors import StoreError


class StopScan(Exception):
    """Raised by a worker when going on makes no sense, with the reason for a person."""


async def pump(
    job: Job,
    planner: Planner,
    dispatch: Callable[[Task], bool],
    work: Callable[[Task], Awaitable[None]],
    span: Span | None = None,
) -> str | None:
    """Scan the span, all that the job has left if none is given; returns None if that was complete, else why it was not.

    `dispatch` settles a task at once or answers True, then a worker awaits `work`. What was dispatched is always
    worked off, also behind a listing that breaks.
    """
    return await _Pump(job, planner, dispatch, work).run(span or Span(job.progress.cursor or ""))


class _Pump:
    def __init__(
        self, job: Job, planner: Planner, dispatch: Callable[[Task], bool], work: Callable[[Task], Awaitable[None]]
    ) -> None:
        self._job = job
        self._planner = planner
        self._dispatch = dispatch
        self._work = work
        self._queue: asyncio.Queue[tuple[Task, Batch] | None] = asyncio.Queue(job.limits.queued_tasks)
        self._stopped: str | None = None

    async def run(self, span: Span) -> str | None:
        job = self._job
        order = common_order(job.source.capabilities.listing_order, job.target.capabilities.listing_order)
        broken: str | None = None
        with first_error():
            async with asyncio.TaskGroup() as group:
                scan = Scan(
                    group,
                    job.source,
                    job.target,
                    order=order,
                    sort_entries=job.limits.sort_entries,
                    span=span,
                )
                crew = [group.create_task(self._serve()) for _ in range(job.limits.transfers)]
                try:
                    await self._read(scan)
                except StoreError as error:
                    broken = str(error)
                finally:
                    scan.stop()
                for _ in crew:
                    await self._queue.put(None)
        return self._stopped or broken

    async def _read(self, scan: Scan) -> None:
        dispatch, queue, progress = self._dispatch, self._queue, self._job.progress
        async for pairs in scan.batches():
            batch = progress.begin(pairs[-1].key)
            for task in await self._planner.plan(pairs):
                if dispatch(task):
                    batch.open += 1
                    await queue.put((task, batch))
            progress.settled(batch)
            if self._stopped is not None:
                return

    async def _serve(self) -> None:
        while (item := await self._queue.get()) is not None:
            task, batch = item
            try:
                await self._work(task)
            except StopScan as stop:
                self._stopped = str(stop)
            else:
                self._job.progress.settled(batch)

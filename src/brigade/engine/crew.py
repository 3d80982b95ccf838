"""Several processes copying for one run: the run lists and decides, helpers move the bytes.

A helper is started only when there is enough to do. It holds nothing that is not repeatable: if it dies, what it had
in hand is settled by this process.
"""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self

from brigade.engine.frames import Answer, Order, Report, encode, read_frame
from brigade.engine.job import Job
from brigade.engine.pipes import Pipes, Spawn
from brigade.engine.report import Outcome
from brigade.engine.settle import Settler, Task

# A helper costs about half a second of CPU to start: so many objects are copied in that time by one process.
_TASKS_BEFORE_HELP = 3000
_BYTES_BEFORE_HELP = 512 * 1024 * 1024
# What a helper may take to drop what it has in hand when the run is cut off.
_DISMISS_SECONDS = 10


class _HelperDied(Exception):
    """The helper ended with work in hand."""


class Helper:
    """One helper process: orders out in groups, answers back in groups."""

    def __init__(self, job: Job, pipes: Pipes) -> None:
        assert pipes.stdin is not None
        assert pipes.stdout is not None
        self._job = job
        self._pipes = pipes
        self._stdin = pipes.stdin
        self._stdout = pipes.stdout
        self._waiting: dict[int, asyncio.Future[Answer]] = {}
        self._orders: list[Order] = []
        self._number = 0
        self.alive = True

    @property
    def load(self) -> int:
        """How many tasks it has in hand."""
        return len(self._waiting)

    async def settle(self, task: Task) -> Answer:
        """Have a task settled. Raises `_HelperDied`."""
        self._number += 1
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting[self._number] = future
        if not self._orders:
            asyncio.get_running_loop().call_soon(self._send)
        self._orders.append(Order(self._number, task))
        return await future

    def _send(self) -> None:
        orders, self._orders = self._orders, []
        self._stdin.write(encode(orders))

    async def listen(self) -> None:
        """Hand out answers until the helper ends."""
        try:
            while isinstance(report := await read_frame(self._stdout), Report):
                if report.moved_bytes:
                    self._job.observer.moved(report.moved_bytes)
                for answer in report.answers:
                    future = self._waiting.pop(answer.number, None)
                    if future is not None and not future.done():
                        future.set_result(answer)
        finally:
            self.alive = False
            for future in self._waiting.values():
                if not future.done():
                    future.set_exception(_HelperDied())
            self._waiting.clear()

    async def dismiss(self) -> None:
        """No more work: the end of its input ends the helper; one that does not end is killed."""
        self._stdin.close()
        try:
            async with asyncio.timeout(_DISMISS_SECONDS):
                await self._pipes.wait()
        except TimeoutError:
            self._pipes.kill()
            await self._pipes.wait()


class Crew:
    """Settles tasks here and, once there is enough to do, in up to `processes` - 1 helpers."""

    def __init__(self, job: Job, spawn: Spawn | None, processes: int) -> None:
        self._job = job
        self._settler = Settler(job)
        self._spawn = spawn
        self._to_start = processes - 1 if spawn is not None else 0
        self._helpers: list[Helper] = []
        self._listening = asyncio.TaskGroup()
        self._tasks = 0
        self._bytes = 0
        self._here = 0
        self._full: str | None = None

    async def __aenter__(self) -> Self:
        await self._listening.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for helper in self._helpers:
            await asyncio.shield(helper.dismiss())
        await self._listening.__aexit__(kind, error, trace)

    @property
    def full(self) -> str | None:
        """The target's words once it has run out of room."""
        return self._full or self._settler.full

    async def settle(self, task: Task) -> Outcome:
        """Settle one task, wherever there is least to do."""
        self._tasks += 1
        self._bytes += task.pair.size_bytes
        if self._to_start and (self._tasks > _TASKS_BEFORE_HELP or self._bytes > _BYTES_BEFORE_HELP):
            await self._start()
        helper = min((h for h in self._helpers if h.alive), key=lambda h: h.load, default=None)
        if helper is not None and helper.load <= self._here:
            try:
                return await self._note(await helper.settle(task))
            except _HelperDied:
                pass  # nothing it did is lost or harmful: the task is settled here, from the start
        self._here += 1
        try:
            return await self._settler.settle(task)
        finally:
            self._here -= 1

    async def _start(self) -> None:
        count, self._to_start = self._to_start, 0
        assert self._spawn is not None
        for _ in range(count):
            try:
                helper = Helper(self._job, await self._spawn())
            except OSError:
                return  # no process to be had on this machine now: this one does the work
            self._helpers.append(helper)
            self._listening.create_task(helper.listen())

    async def _note(self, answer: Answer) -> Outcome:
        if answer.full is not None:
            self._full = answer.full
        if answer.row is not None:
            await self._job.ledger.remember(answer.row)
        return answer.outcome

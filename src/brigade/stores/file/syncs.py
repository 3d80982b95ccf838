"""Directory flushes shared by those who wait at the same time.

A put is durable only when its directory is, and flushing one costs as much as flushing a file. Puts into one directory that
end while a flush of it is under way share the next one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from brigade.stores.file.sidecars import sync_directory
from brigade.stores.file.threads import DiskThreads


class DirectorySyncs:
    """One flush at a time for each directory, and at most one waiting behind it."""

    def __init__(self, threads: DiskThreads) -> None:
        self._threads = threads
        self._running: dict[str, asyncio.Future[None]] = {}
        self._waiting: dict[str, asyncio.Future[None]] = {}

    async def flush(self, paths: Iterable[str]) -> None:
        """Return when the names in these directories, as they are now, are durable."""
        futures = [self._join(path) for path in dict.fromkeys(paths)]
        for future in futures:
            await asyncio.shield(future)

    def _join(self, path: str) -> asyncio.Future[None]:
        # A flush under way may have begun before our rename: only one that has yet to begin will do.
        waiting = self._waiting.get(path)
        if waiting is not None:
            return waiting
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if path in self._running:
            self._waiting[path] = future
        else:
            self._start(path, future)
        return future

    def _start(self, path: str, future: asyncio.Future[None]) -> None:
        self._running[path] = future
        self._threads.run(sync_directory, path).add_done_callback(lambda done: self._finish(path, future, done))

    def _finish(self, path: str, future: asyncio.Future[None], done: asyncio.Future[None]) -> None:
        del self._running[path]
        waiting = self._waiting.pop(path, None)
        if waiting is not None:
            self._start(path, waiting)
        error = done.exception()
        if future.cancelled():
            return
        if error is None or isinstance(error, FileNotFoundError):
            future.set_result(None)  # A directory that is gone has no names to keep.
        else:
            future.set_exception(error)

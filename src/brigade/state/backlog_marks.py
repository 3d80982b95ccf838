"""Marks in groups: all that come while one commit is under way share the next, and a key is one row of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress

from brigade.clock import Clock
from brigade.state.backlog_sql import BacklogStatements, Mark
from brigade.state.engine import Database

_FEW_CALLERS = 2
_MANY_CALLERS = 256
_GATHER_SECONDS = 0.002
"""A commit costs what some ten marks cost. While many callers come, each waits so long for others to share it with."""


class _Group:
    """The marks that will share a commit, and those who wait for it: each by a future of his own, which he may cancel."""

    def __init__(self) -> None:
        self.marks: dict[tuple[int, bytes], Mark] = {}
        self.waiting: list[asyncio.Future[None]] = []
        self.full = asyncio.Event()

    def add(self, mark: Mark) -> None:
        place = mark[:2]
        other = self.marks.get(place)
        self.marks[place] = mark if other is None else _merged(other, mark)


class Marker:
    """Writes marks, one group at a time. `wake` is called after each commit."""

    def __init__(
        self, database: Database, statements: BacklogStatements, clock: Clock, wake: Callable[[], None]
    ) -> None:
        self._database = database
        self._statements = statements
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._wake = wake
        self._group: _Group | None = None
        self._writing: asyncio.Task[None] | None = None
        self._stamp = 0
        self._callers = 0

    async def mark(self, marks: Iterable[Mark]) -> None:
        """Durable when it returns. What was handed over is written even if the caller is cancelled."""
        group = self._group
        if group is None:
            group = self._group = _Group()
        for mark in marks:
            group.add(mark)
        if self._writing is None:
            self._writing = self._loop.create_task(self._write())
        written = self._loop.create_future()
        group.waiting.append(written)
        if len(group.waiting) >= _MANY_CALLERS:
            group.full.set()
        await written

    def stamp(self) -> int:
        """A number that this process has not used before, near the clock's nanoseconds."""
        self._stamp = max(self._stamp + 1, self._clock.now_ns())
        return self._stamp

    async def close(self) -> None:
        """Write what was handed over."""
        if self._writing is not None:
            await asyncio.wait((self._writing,))

    async def _write(self) -> None:
        try:
            while (group := self._group) is not None:
                if self._callers > _FEW_CALLERS:
                    with suppress(TimeoutError):
                        async with asyncio.timeout(_GATHER_SECONDS):
                            await group.full.wait()
                self._group = None
                await self._write_group(group)
                self._callers = len(group.waiting)
        finally:
            self._writing = None

    async def _write_group(self, group: _Group) -> None:
        marks = list(group.marks.values())
        now_ns, stamp = self._clock.now_ns(), self.stamp()
        try:
            await self._database.write.run(lambda connection: self._statements.mark(connection, marks, now_ns, stamp))
        except Exception as error:  # noqa: BLE001  whatever it is, it belongs to those who wait
            for written in group.waiting:
                if not written.done():
                    written.set_exception(error)
        else:
            for written in group.waiting:
                if not written.done():
                    written.set_result(None)
            self._wake()


def _merged(one: Mark, other: Mark) -> Mark:
    return Mark(
        one.replication_id,
        one.key,
        min(one.lane, other.lane),
        min(one.ready_ns, other.ready_ns),
        one.holds + other.holds,
        max(one.held_until_ns, other.held_until_ns),
    )

"""Marks and rescans that remember what they were asked, and can refuse."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import pytest

from brigade.changes.base import Intake, Routes, Subscription
from brigade.errors import StateError


class RememberedMarks:
    """What was marked and rescanned, by replication; `broken` makes it refuse, `gate` makes it wait."""

    def __init__(self) -> None:
        self.calls: list[tuple[int, list[str]]] = []
        self.rescanned: list[tuple[int, str]] = []
        self.broken = False
        self.gate: asyncio.Event | None = None

    async def mark(self, replication_id: int, keys: Sequence[str]) -> None:
        if self.gate is not None:
            await self.gate.wait()
        if self.broken:
            raise StateError("the database is gone")
        self.calls.append((replication_id, list(keys)))

    async def rescan(self, replication_id: int, prefix: str) -> None:
        if self.broken:
            raise StateError("the database is gone")
        self.rescanned.append((replication_id, prefix))

    def keys(self, replication_id: int = 1) -> list[str]:
        return [key for one, keys in self.calls if one == replication_id for key in keys]


async def until(met: Callable[[], object], seconds: float = 20.0) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(seconds):
        while not met():  # noqa: ASYNC110 (the thing watched is in another thread, or another process)
            await asyncio.sleep(0.01)


@pytest.fixture(name="until")
def until_() -> Callable[..., object]:
    return until


@pytest.fixture
def marks() -> RememberedMarks:
    return RememberedMarks()


@pytest.fixture
def intake(marks: RememberedMarks) -> Intake:
    """Takes the keys of `photos` for replication 1."""
    return Intake(Routes([Subscription(1, "photos")]), marks, marks)


@pytest.fixture
async def background():
    """Starts coroutines that run until the test ends."""
    tasks: list[asyncio.Task] = []

    def start(work) -> asyncio.Task:
        tasks.append(asyncio.create_task(work))
        return tasks[-1]

    yield start
    for task in tasks:
        task.cancel()
    for outcome in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(outcome, Exception):
            raise outcome

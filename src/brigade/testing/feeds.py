"""What every test of a change feed needs: marks that remember, an intake for one bucket, work in the background."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import pytest

from brigade.changes.base import Intake, Routes, Subscription
from brigade.testing.marks import RememberedMarks


@pytest.fixture
def marks() -> RememberedMarks:
    return RememberedMarks()


@pytest.fixture
def intake(marks: RememberedMarks) -> Intake:
    """Takes the keys of `photos` for replication 1."""
    return Intake(Routes([Subscription(1, "photos")]), marks, marks)


@pytest.fixture
async def background() -> AsyncIterator[Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]]]:
    """Starts coroutines that run until the test ends; what they raise fails the test."""
    tasks: list[asyncio.Task[None]] = []

    def start(work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        tasks.append(asyncio.create_task(work))
        return tasks[-1]

    yield start
    for task in tasks:
        task.cancel()
    for outcome in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(outcome, Exception):
            raise outcome

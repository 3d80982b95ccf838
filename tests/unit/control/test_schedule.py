from __future__ import annotations

import asyncio

import pytest

from brigade.control.schedule import Schedule
from brigade.engine.report import RunResult
from brigade.errors import Unavailable


class SteppedClock:
    """Sleeps take no time, and are taken down."""

    def __init__(self, most_sleeps: int) -> None:
        self.slept: list[float] = []
        self._most = most_sleeps
        self.now_seconds = 0.0

    def monotonic_seconds(self) -> float:
        return self.now_seconds

    def random(self) -> float:
        return 1.0

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now_seconds += seconds
        if len(self.slept) >= self._most:
            raise asyncio.CancelledError


def schedule(clock, told, results, every_seconds):
    async def run() -> RunResult:
        clock.now_seconds += 10
        result = results.pop(0) if results else RunResult()
        if isinstance(result, Exception):
            raise result
        return result

    async def jobs():
        return [("r", run)]

    return Schedule(jobs, every_seconds, clock=clock, tell=told.append)


async def test_once_ends_with_the_first_run_that_saw_everything():
    clock, told = SteppedClock(5), []
    results = [Unavailable("out"), Unavailable("out"), RunResult(incomplete="listing broke")]
    await schedule(clock, told, results, None).run()
    assert clock.slept == [2, 4, 8]
    assert [str(ended.error or ended.result.incomplete) for ended in told] == ["out", "listing broke", "None"]


async def test_a_schedule_counts_from_the_beginning_of_a_run():
    clock, told = SteppedClock(3), []
    with pytest.raises(asyncio.CancelledError):
        await schedule(clock, told, [], 60).run()
    assert clock.slept == [50, 50, 50]
    assert len(told) == 3


async def test_the_pauses_after_failures_grow_up_to_the_schedule():
    clock, told = SteppedClock(6), []
    with pytest.raises(asyncio.CancelledError):
        await schedule(clock, told, [Unavailable("out")] * 9, 20).run()
    assert clock.slept == [2, 4, 8, 16, 20, 20]
    assert len(told) == 1, "the same trouble is told once"

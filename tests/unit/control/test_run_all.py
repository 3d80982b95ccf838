from __future__ import annotations

import asyncio

import pytest

from brigade.control.run_all import Ended, run_all
from brigade.engine.report import Counts, RunResult
from brigade.errors import AccessDenied, ConfigError, Refused


def job(result: RunResult | None = None, error: Exception | None = None):
    async def run() -> RunResult:
        await asyncio.sleep(0)
        if error is not None:
            raise error
        return result or RunResult()

    return run


FAILED = RunResult(Counts(failed=1))


@pytest.mark.parametrize(
    ("jobs", "worst"),
    [
        ([], 0),
        ([job(), job()], 0),
        ([job(), job(FAILED)], 1),
        ([job(error=AccessDenied("no")), job()], 1),
        ([job(error=Refused("no")), job(FAILED)], 3),
        ([job(error=Refused("no")), job(error=ConfigError("no")), job(FAILED)], 2),
        ([job(error=ZeroDivisionError()), job()], 1),
    ],
)
@pytest.mark.parametrize("at_once", [1, 3])
async def test_the_worst_decides_and_none_stops_another(jobs: list, worst: int, at_once: int):
    told: list[Ended] = []
    code = await run_all([(f"r{n}", each) for n, each in enumerate(jobs)], at_once=at_once, tell=told.append)
    assert code == worst
    assert sorted(ended.name for ended in told) == [f"r{n}" for n in range(len(jobs))]


async def test_no_more_run_side_by_side_than_asked_for():
    running = most = 0

    async def watched() -> RunResult:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.001)
        running -= 1
        return RunResult()

    await run_all([(str(n), watched) for n in range(8)], at_once=3, tell=lambda _: None)
    assert most == 3


async def test_being_cancelled_stops_all_of_them():
    async def for_ever() -> RunResult:
        await asyncio.Event().wait()
        return RunResult()

    task = asyncio.create_task(run_all([("a", for_ever), ("b", for_ever)], at_once=2, tell=lambda _: None))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

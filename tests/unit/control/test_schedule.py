from __future__ import annotations

import asyncio

import pytest

from brigade.control.schedule import Schedule
from brigade.control.sharing import Took
from brigade.engine.report import RunResult
from brigade.errors import StateError, Unavailable

SECOND_NS = 1_000_000_000


class SteppedClock:
    """Sleeps take no time, and are taken down; a row of them without anything in between counts as one."""

    def __init__(self, most_pauses: int) -> None:
        self.pauses: list[float] = []
        self._most = most_pauses
        self._last_end = -1.0
        self.now_seconds = 1000.0

    def now_ns(self) -> int:
        return round(self.now_seconds * SECOND_NS)

    def random(self) -> float:
        return 1.0

    async def sleep(self, seconds: float) -> None:
        if self.now_seconds == self._last_end:
            self.pauses[-1] += seconds
        elif len(self.pauses) >= self._most:
            raise asyncio.CancelledError
        else:
            self.pauses.append(seconds)
        self.now_seconds += seconds
        self._last_end = self.now_seconds


class Fleet:
    """One replication whose runs take ten seconds, of this process and of others."""

    def __init__(self, clock: SteppedClock, results=()) -> None:
        self.clock = clock
        self.results = list(results)
        self.began: list[float] = []
        self.told = []
        self.others_began: float | None = None
        self.is_on = False

    async def job(self, since_ns: int) -> Took:
        newest = max([*self.began, self.others_began or 0.0])
        if newest * SECOND_NS > since_ns:
            return Took(round(newest * SECOND_NS), None, 1)
        began = self.clock.now_seconds
        self.clock.now_seconds += 10
        result = self.results.pop(0) if self.results else RunResult()
        if isinstance(result, Exception):
            raise result
        self.began.append(began)
        return Took(round(began * SECOND_NS), result, 1)

    async def jobs(self):
        return [("r", self.job)]

    async def is_any_on(self) -> bool:
        return self.is_on

    def schedule(self, every_seconds, *, fresh=False) -> Schedule:
        return Schedule(
            self.jobs, every_seconds, clock=self.clock, tell=self.told.append, is_any_on=self.is_any_on, fresh=fresh
        )


async def test_who_asks_gets_a_run_at_once_and_no_second_one():
    clock = SteppedClock(1)
    fleet = Fleet(clock)
    asked = [0]

    async def wait(seconds):
        if len(fleet.began) == 1 and not asked[0]:
            clock.now_seconds += 100
            asked[0] = clock.now_ns()
        elif len(fleet.began) == 1:
            clock.now_seconds += 1
        else:
            raise asyncio.CancelledError

    schedule = Schedule(
        fleet.jobs,
        None,
        clock=clock,
        tell=fleet.told.append,
        is_any_on=fleet.is_any_on,
        asked_ns=lambda: asked[0],
        wait=wait,
        fresh=True,
    )
    await run(schedule)
    assert fleet.began == [1000.0, 1110.0]


async def run(schedule):
    with pytest.raises(asyncio.CancelledError):
        await schedule.run()


async def test_once_rests_after_the_first_run_that_saw_everything():
    clock = SteppedClock(3)
    fleet = Fleet(clock, [Unavailable("out"), Unavailable("out"), RunResult(incomplete="listing broke")])
    await run(fleet.schedule(None))
    assert clock.pauses == [2, 4, 8]
    assert [str(ended.error or ended.result.incomplete) for ended in fleet.told] == ["out", "listing broke", "None"]


async def test_a_schedule_counts_from_the_beginning_of_a_run():
    clock = SteppedClock(3)
    fleet = Fleet(clock)
    await run(fleet.schedule(60))
    assert clock.pauses == [50, 50, 50]
    assert fleet.began == [1000, 1060, 1120, 1180]
    assert len(fleet.told) == 4


async def test_the_pauses_after_failures_grow_up_to_the_schedule():
    clock = SteppedClock(6)
    fleet = Fleet(clock, [Unavailable("out")] * 9)
    await run(fleet.schedule(20))
    assert clock.pauses == [2, 4, 8, 16, 20, 20]
    assert len(fleet.told) == 1, "the same trouble is told once"


async def test_a_run_that_others_began_counts():
    clock = SteppedClock(2)
    fleet = Fleet(clock)
    fleet.others_began = 970.0
    await run(fleet.schedule(60))
    assert clock.pauses == [30, 50]
    assert fleet.began == [1030, 1090]


async def test_what_is_followed_begins_with_a_run_of_its_own_time():
    clock = SteppedClock(1)
    fleet = Fleet(clock)
    fleet.others_began = 970.0
    await run(fleet.schedule(60, fresh=True))
    assert fleet.began == [1000, 1060]


async def test_one_that_is_not_due_takes_part_in_what_others_began():
    clock = SteppedClock(2)
    fleet = Fleet(clock)
    asked = []

    async def is_any_on() -> bool:
        asked.append(clock.now_seconds)
        return clock.now_seconds == 1050

    fleet.is_any_on = is_any_on
    joined = []
    job = fleet.job

    async def note(since_ns):
        joined.append((clock.now_seconds, since_ns / SECOND_NS))
        return await job(since_ns)

    fleet.job = note
    await run(fleet.schedule(3600))
    assert asked[:4] == [1020, 1030, 1040, 1050]
    # It goes there and begins nothing: the run of 1000 is young enough.
    assert joined[1][0] == 1050
    assert joined[1][1] < 1000
    assert fleet.began[:2] == [1000, 4600]


async def test_a_state_that_is_away_while_nothing_is_due_ends_nothing():
    clock = SteppedClock(1)
    fleet = Fleet(clock)

    async def is_any_on() -> bool:
        raise StateError("away")

    fleet.is_any_on = is_any_on
    await run(fleet.schedule(60))
    assert fleet.began == [1000, 1060]


async def test_an_incomplete_run_does_not_count_though_it_is_young():
    clock = SteppedClock(2)
    fleet = Fleet(clock, [RunResult(incomplete="listing broke")])
    await run(fleet.schedule(3600))
    assert fleet.began[:2] == [1000, 1012]


@pytest.mark.parametrize("trouble", ["none", "a bucket is out", "the state is out"])
async def test_who_asked_is_answered_when_every_job_has_had_its_run(trouble):
    clock = SteppedClock(3)
    first, second = Fleet(clock), Fleet(clock, [Unavailable("out")] if trouble == "a bucket is out" else [])
    answers = []

    async def jobs():
        return [("a", first.job), ("b", second.job)]

    async def answer(asked_ns):
        if trouble == "the state is out" and not answers:
            answers.append("out")
            raise StateError("out")
        answers.append((asked_ns, bool(first.began), bool(second.began)))

    schedule = Schedule(
        jobs,
        60,
        clock=clock,
        tell=lambda _: None,
        is_any_on=first.is_any_on,
        asked_ns=lambda: 900 * SECOND_NS,
        answer=answer,
        fresh=True,
    )
    await run(schedule)
    assert answers == [*(["out"] if trouble == "the state is out" else []), (900 * SECOND_NS, True, True)]

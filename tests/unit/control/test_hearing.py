from __future__ import annotations

import asyncio

import pytest

from brigade.changes.base import FeedCounts, Intake, Routes
from brigade.control.hearing import QUIET_SECONDS, Trouble, counted, hear
from brigade.errors import ConfigError
from brigade.testing.clock import ManualClock
from brigade.testing.marks import RememberedMarks, until


def test_a_trouble_is_told_when_it_begins_and_not_while_it_lasts():
    trouble, counts = Trouble(), FeedCounts()
    assert trouble.news(counts, 0) == ""
    counts.troubles, counts.last_error = 1, "the queue is gone"
    assert trouble.news(counts, 1) == "the queue is gone"
    assert trouble.news(counts, 2) == ""
    for second in range(3, 200):
        counts.troubles += 1
        assert trouble.news(counts, second) == ""


def test_other_words_and_a_trouble_after_a_quiet_time_are_told():
    trouble, counts = Trouble(), FeedCounts(troubles=1, last_error="a")
    assert trouble.news(counts, 0) == "a"
    counts.troubles, counts.last_error = 2, "b"
    assert trouble.news(counts, 1) == "b"
    counts.troubles = 3
    assert trouble.news(counts, 1 + QUIET_SECONDS) == "b"


def test_the_counts_name_what_there_is():
    assert counted(FeedCounts(3, 2, 1)) == "3 changes received, 2 marked, 1 ignored"
    words = counted(FeedCounts(received=6, marked=2, ignored=2, failed=2, refused=4, rescans=1))
    assert words == "6 changes received, 2 marked, 2 ignored, 2 failed, 1 rescans; 4 requests turned away"


async def test_a_feed_is_heard_until_the_end_is_asked_for_and_its_troubles_are_told_by_name():
    intake, told, stop = Intake(Routes(), RememberedMarks()), [], asyncio.Event()
    began = asyncio.Event()

    async def feed() -> None:
        began.set()
        await asyncio.get_running_loop().create_future()

    def tell(name: str, words: str) -> None:
        told.append((name, words))

    hearing = asyncio.create_task(hear(feed(), {"queue of a": intake}, clock=ManualClock(), tell=tell, stop=stop))
    await began.wait()
    intake.note("it is gone")
    await until(lambda: told)
    assert told == [("queue of a", "it is gone")]
    stop.set()
    await hearing


async def test_a_feed_that_cannot_work_fails_with_its_own_error():
    async def feed() -> None:
        raise ConfigError("the port is taken")

    with pytest.raises(ConfigError, match="the port is taken"):
        await hear(feed(), {}, clock=ManualClock(), tell=print, stop=asyncio.Event())

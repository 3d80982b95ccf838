from __future__ import annotations

import gc
from collections import Counter

import pytest

from brigade.changes.base import Routes, Subscription
from brigade.errors import StateError
from brigade.gateway.noting import BacklogCapture
from brigade.testing.clock import ManualClock


class RecordingBacklog:
    def __init__(self) -> None:
        self.holds: Counter[tuple[int, str]] = Counter()
        self.until_ns = 0
        self.failure: Exception | None = None

    async def mark(self, replication_id, keys, *, live, hold_until_ns=0):
        assert live
        if self.failure is not None:
            raise self.failure
        self.until_ns = hold_until_ns
        self.holds.update((replication_id, key) for key in keys)

    async def settle(self, replication_id, keys):
        self.holds.subtract((replication_id, key) for key in keys)


@pytest.fixture
def backlog():
    return RecordingBacklog()


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def capture(backlog, clock):
    routes = Routes([Subscription(1, "b"), Subscription(2, "b", "p/"), Subscription(3, "other")])
    return BacklogCapture(backlog, routes, clock, hold_seconds=90)


async def test_each_replication_of_the_bucket_and_prefix_is_held_for_and_settled(capture, backlog, clock):
    note = await capture.intend("b", ["p/k", "x"])
    assert backlog.holds == {(1, "p/k"): 1, (1, "x"): 1, (2, "k"): 1}
    assert backlog.until_ns == clock.now_ns() + 90 * 10**9
    await capture.settle(note)
    assert not +backlog.holds


async def test_what_nobody_follows_costs_no_note(capture, backlog):
    assert await capture.intend("foreign", ["k"]) is None
    assert await capture.intend("b", []) is None
    assert not backlog.holds


async def test_a_note_that_is_not_durable_is_not_given(capture, backlog):
    backlog.failure = StateError("no room")
    with pytest.raises(StateError, match="no room"):
        await capture.intend("b", ["k"])


async def test_a_long_request_keeps_its_hold_and_ends_all_of_it(capture, backlog, clock):
    note = await capture.intend("b", ["x"])
    await clock.sleep(30)
    await capture.renew()
    assert backlog.holds[1, "x"] == 1
    await clock.sleep(30)
    await capture.renew()
    assert backlog.holds[1, "x"] == 2
    assert backlog.until_ns == clock.now_ns() + 90 * 10**9
    await capture.settle(note)
    assert backlog.holds[1, "x"] == 0


async def test_a_request_that_ended_without_an_answer_is_not_renewed(capture, backlog, clock):
    note = await capture.intend("b", ["x"])
    del note
    gc.collect()
    await clock.sleep(60)
    await capture.renew()
    assert backlog.holds[1, "x"] == 1

from __future__ import annotations

import asyncio
import gc
from collections import Counter
from typing import NamedTuple

import pytest

from brigade.changes.base import Routes, Subscription
from brigade.errors import StateError
from brigade.gateway import noting
from brigade.gateway.capture import Fate, Touched
from brigade.gateway.noting import BacklogCapture, Hearing
from brigade.testing.clock import ManualClock


class Lag(NamedTuple):
    length: int


class RecordingBacklog:
    def __init__(self) -> None:
        self.holds: Counter[tuple[int, str]] = Counter()
        self.until_ns = 0
        self.waiting: dict[int, int] = {}
        self.failure: Exception | None = None

    async def mark(self, replication_id, keys, *, live, hold_until_ns=0):
        assert live
        if self.failure is not None:
            raise self.failure
        self.until_ns = hold_until_ns
        self.holds.update((replication_id, key) for key in keys)

    async def settle(self, replication_id, keys):
        if self.failure is not None:
            raise self.failure
        assert len(set(keys)) == len(keys)
        self.holds.subtract((replication_id, key) for key in keys)

    async def lag(self, replication_id):
        return Lag(self.waiting.get(replication_id, 0))

    async def wait(self, seconds):
        """Somebody follows meanwhile."""
        await asyncio.sleep(0)
        self.waiting = {number: length - 1 for number, length in self.waiting.items() if length > 1}


class Buckets:
    """A store's buckets, and the replications that a wildcard makes of them."""

    def __init__(self) -> None:
        self.there: dict[str, int] = {}
        self.asked: list[str] = []
        self.forgotten: list[str] = []

    async def subscriptions(self, bucket):
        self.asked.append(bucket)
        return [Subscription(self.there[bucket], bucket)] if bucket in self.there else []

    async def arrived(self, bucket):
        self.there.setdefault(bucket, 100 + len(self.there))
        return [Subscription(self.there[bucket], bucket)]

    def forget(self, bucket):
        self.forgotten.append(bucket)


@pytest.fixture
def backlog():
    return RecordingBacklog()


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def capture(backlog, clock):
    routes = Routes([Subscription(1, "b"), Subscription(2, "b", "p/"), Subscription(3, "other")])
    return BacklogCapture(backlog, {"s": Hearing(routes)}, clock, hold_seconds=90)


@pytest.fixture
def buckets():
    return Buckets()


@pytest.fixture
def wild(backlog, buckets, clock):
    return BacklogCapture(backlog, {"s": Hearing(Routes(), [7, 8], buckets, deletes=True)}, clock, hold_seconds=90)


def touched(bucket, *keys, store="s", fate=Fate.NONE):
    return Touched(store, bucket, keys, fate)


async def test_each_replication_of_the_bucket_and_prefix_is_held_for_and_settled(capture, backlog, clock):
    note = await capture.intend(touched("b", "p/k", "x"))
    assert backlog.holds == {(1, "p/k"): 1, (1, "x"): 1, (2, "k"): 1}
    assert backlog.until_ns == clock.now_ns() + 90 * 10**9
    await capture.settle(note)
    await capture.close()
    assert not +backlog.holds


async def test_what_nobody_follows_costs_no_note(capture, backlog):
    assert await capture.intend(touched("foreign", "k")) is None
    assert await capture.intend(touched("b")) is None
    assert await capture.intend(touched("b", fate=Fate.MADE)) is None
    assert await capture.intend(touched("b", "k", store="another")) is None
    assert not backlog.holds


async def test_a_note_that_is_not_durable_is_not_given(capture, backlog):
    backlog.failure = StateError("no room")
    with pytest.raises(StateError, match="no room"):
        await capture.intend(touched("b", "k"))


async def test_a_long_request_keeps_its_hold_and_ends_all_of_it(capture, backlog, clock):
    note = await capture.intend(touched("b", "x"))
    await clock.sleep(30)
    await capture.renew()
    assert backlog.holds[1, "x"] == 1
    await clock.sleep(30)
    await capture.renew()
    assert backlog.holds[1, "x"] == 2
    assert backlog.until_ns == clock.now_ns() + 90 * 10**9
    await capture.settle(note)
    await capture.close()
    assert backlog.holds[1, "x"] == 0


async def test_a_hold_that_could_not_be_renewed_is_tried_again_before_it_ends(capture, backlog, clock):
    note = await capture.intend(touched("b", "x"))
    await clock.sleep(60)
    backlog.failure = StateError("the database is gone")
    with pytest.raises(StateError):
        await capture.renew()
    backlog.failure = None
    await clock.sleep(15)
    await capture.renew()
    assert backlog.until_ns == clock.now_ns() + 90 * 10**9
    await capture.settle(note)
    await capture.close()
    # A hold that was never begun is not ended: it would be another request's.
    assert backlog.holds[1, "x"] == 0


async def test_a_request_that_ended_without_an_answer_is_not_renewed(capture, backlog, clock):
    note = await capture.intend(touched("b", "x"))
    del note
    gc.collect()
    await clock.sleep(60)
    await capture.renew()
    assert backlog.holds[1, "x"] == 1


async def test_a_bucket_of_a_wildcard_is_heard_of_with_its_first_write(wild, backlog, buckets):
    buckets.there["photos"] = 5
    for _ in range(3):
        await wild.intend(touched("photos", "k"))
    assert backlog.holds == {(5, "k"): 3}
    assert buckets.asked == ["photos"]


async def test_a_bucket_that_nobody_has_leaves_nothing(wild, backlog, buckets):
    note = await wild.intend(touched("made-up", "k"))
    await wild.answered(note, 404)
    await wild.settle(note)
    assert not backlog.holds
    assert not buckets.there


async def test_a_bucket_that_came_between_question_and_write_is_noted_before_the_client_knows(wild, backlog, buckets):
    note = await wild.intend(touched("sudden", "k"))
    assert not backlog.holds
    await wild.answered(note, 200)
    assert backlog.holds == {(100, "k"): 1}
    assert backlog.until_ns == 0, "no hold: the store has answered"
    await wild.intend(touched("sudden", "k2"))
    assert backlog.holds[100, "k2"] == 1


async def test_what_cannot_be_noted_afterwards_is_told(wild, backlog):
    note = await wild.intend(touched("sudden", "k"))
    backlog.failure = StateError("no room")
    with pytest.raises(StateError, match="no room"):
        await wild.answered(note, 200)


async def test_a_bucket_that_comes_or_goes_is_noted_by_each_wildcard(wild, backlog, buckets):
    note = await wild.intend(touched("photos", fate=Fate.MADE))
    assert backlog.holds == {(7, "photos"): 1, (8, "photos"): 1}
    assert buckets.forgotten == ["photos"]
    await wild.settle(note)
    await wild.intend(touched("photos", fate=Fate.DELETED))
    assert +backlog.holds == {(7, "photos?deleted"): 1, (8, "photos?deleted"): 1}


@pytest.mark.parametrize("name", ["photos?deleted", "*", ".."])
async def test_a_name_that_would_say_more_than_a_bucket_is_not_noted(wild, backlog, name):
    assert await wild.intend(touched(name, fate=Fate.MADE)) is None
    assert not backlog.holds


async def test_settings_of_a_bucket_are_not_noted(wild, backlog):
    assert await wild.intend(touched("photos")) is None
    assert not backlog.holds


async def test_the_deletion_of_a_bucket_waits_for_what_was_noted_of_its_keys(wild, backlog, buckets):
    buckets.there["photos"] = 5
    backlog.waiting = {5: 3}
    await wild.intend(touched("photos", fate=Fate.DELETED))
    assert not backlog.waiting


async def test_the_deletion_of_a_bucket_does_not_wait_for_ever(wild, backlog, buckets, monkeypatch):
    monkeypatch.setattr(noting, "DRAIN_SECONDS", 0.01)
    buckets.there["photos"] = 5
    backlog.waiting = {5: 10**9}
    assert await wild.intend(touched("photos", fate=Fate.DELETED)) is not None
    assert backlog.waiting


async def test_what_is_settled_is_written_soon_though_nothing_else_is_noted(capture, backlog):
    await capture.settle(await capture.intend(touched("b", "x")))
    assert backlog.holds[1, "x"] == 1
    async with asyncio.timeout(80):
        while backlog.holds[1, "x"]:  # noqa: ASYNC110  a timer tells nobody
            await asyncio.sleep(0.001)


async def test_what_is_settled_is_written_with_the_next_note(capture, backlog):
    await capture.settle(await capture.intend(touched("b", "x")))
    await capture.intend(touched("b", "y"))
    await asyncio.sleep(0)
    assert backlog.holds == {(1, "x"): 0, (1, "y"): 1}


async def test_two_writers_at_one_key_end_a_hold_each(capture, backlog):
    notes = [await capture.intend(touched("b", "x")) for _ in range(3)]
    for note in notes[:2]:
        await capture.settle(note)
    await capture.close()
    assert backlog.holds[1, "x"] == 1


async def test_a_settlement_that_cannot_be_written_is_told_and_harms_nobody(capture, backlog, caplog):
    note = await capture.intend(touched("b", "x"))
    backlog.failure = StateError("no room")
    await capture.settle(note)
    await capture.close()
    assert "1 changes could not be settled" in caplog.text
    backlog.failure = None
    assert await capture.intend(touched("b", "y"))


async def test_notes_that_are_over_take_no_room(capture):
    for number in range(100):
        await capture.settle(await capture.intend(touched("b", f"{number}")))
    await capture.close()
    assert len(capture._notes) == 1

"""Buckets that come into a wildcard: registered when they are there, and never because somebody named them."""

from __future__ import annotations

import asyncio

import pytest

from brigade.changes.base import Subscription
from brigade.control.arrivals import ABSENT_SECONDS, Arrivals
from brigade.control.work import Work
from brigade.decide.wildcards import SAMPLE, Form
from brigade.errors import Unavailable
from brigade.state.state import State
from brigade.stores.memory import MemoryStore
from brigade.testing.clock import ManualClock


class Wild:
    """A wildcard to one target; `left` are buckets that it leaves to others."""

    def __init__(self, clock, target, left=()):
        self._form = Form.of_sample(f"old/{SAMPLE} → {target}/{SAMPLE}")
        self._left = left
        store = MemoryStore("memory", "any", clock=clock)
        self.own = Work(target, store, store, "", "")

    def identity_of(self, bucket):
        return None if bucket in self._left else self._form.filled(bucket)

    def bucket_of(self, identity):
        return self._form.bucket_in(identity)

    def work(self, bucket):
        return self.own


class Server:
    def __init__(self):
        self.buckets = set()
        self.asked = []
        self.failure = None

    async def has(self, bucket):
        self.asked.append(bucket)
        if self.failure is not None:
            raise self.failure
        return bucket in self.buckets


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
async def state(tmp_path, clock):
    state = await State.open(f"sqlite:///{tmp_path}/brigade.db", clock=clock)
    yield state
    await state.close()


@pytest.fixture
def server():
    return Server()


@pytest.fixture
def arrivals(state, server, clock):
    return Arrivals([Wild(clock, "one", {"left"}), Wild(clock, "two")], state.replications, server.has, clock)


async def test_a_bucket_that_is_there_becomes_a_replication_of_each_wildcard(arrivals, server, state):
    server.buckets.add("photos")
    found = await arrivals.subscriptions("photos")
    numbers = [await state.replications.find(f"old/photos → {target}/photos") for target in ("one", "two")]
    assert list(found) == [Subscription(number, "photos") for number in numbers]
    assert None not in numbers


async def test_one_that_is_registered_is_not_asked_for(arrivals, server, state):
    await state.replications.ensure("two/photos", "old/photos → two/photos")
    assert len(await arrivals.subscriptions("photos")) == 2
    assert not server.asked


async def test_a_bucket_is_left_to_another_replication(arrivals, server):
    server.buckets.add("left")
    assert len(await arrivals.subscriptions("left")) == 1


async def test_names_that_nobody_has_leave_nothing_and_are_asked_for_once_in_a_while(arrivals, server, state, clock):
    for _ in range(5):
        assert not await arrivals.subscriptions("made-up")
    assert server.asked == ["made-up"]
    assert await state.replications.find("old/made-up → two/made-up") is None
    server.buckets.add("made-up")
    clock.advance(ABSENT_SECONDS + 1)
    assert await arrivals.subscriptions("made-up")


async def test_a_bucket_that_somebody_makes_is_asked_for_again(arrivals, server):
    assert not await arrivals.subscriptions("new")
    server.buckets.add("new")
    arrivals.forget("new")
    assert await arrivals.subscriptions("new")


async def test_one_that_is_there_without_a_doubt_is_not_asked_for(arrivals, server):
    assert not await arrivals.subscriptions("new")
    assert len(await arrivals.arrived("new")) == 2
    assert server.asked == ["new"]
    assert len(await arrivals.subscriptions("new")) == 2


async def test_what_the_store_does_not_say_is_not_taken_for_no(arrivals, server):
    server.failure = Unavailable("no word")
    with pytest.raises(Unavailable):
        await arrivals.subscriptions("photos")
    server.failure = None
    server.buckets.add("photos")
    assert await arrivals.subscriptions("photos")


async def test_of_many_first_writes_at_once_one_asks(arrivals, server):
    server.buckets.add("photos")
    found = await asyncio.gather(*(arrivals.subscriptions("photos") for _ in range(50)))
    assert all(each == found[0] for each in found)
    assert server.asked == ["photos"]
    await asyncio.gather(*(arrivals.subscriptions("made-up") for _ in range(50)))
    assert server.asked == ["photos", "made-up"]

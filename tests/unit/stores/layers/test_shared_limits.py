from __future__ import annotations

import asyncio

import pytest

from brigade.stores.layers.shared_limits import SharedLimits, TokenBucket
from brigade.testing.clock import ManualClock


async def settle():
    for _ in range(5):
        await asyncio.sleep(0)


def test_a_bucket_keeps_its_rate_over_time(clock):
    bucket = TokenBucket(10.0, clock)
    assert bucket.reserve(1) == 0.0
    delays = [bucket.reserve(1) for _ in range(20)]
    assert delays[-1] == pytest.approx(2.0)


def test_a_bucket_forgets_a_long_pause(clock):
    bucket = TokenBucket(10.0, clock)
    clock.advance(1000.0)
    granted_at_once = 0
    while bucket.reserve(1) == 0.0:
        granted_at_once += 1
    assert granted_at_once <= 2


def test_a_large_amount_delays_the_next_taker(clock):
    bucket = TokenBucket(100.0, clock)
    assert bucket.reserve(500) == 0.0
    assert bucket.reserve(1) == pytest.approx(5.0)


async def test_no_more_calls_at_once_than_places(clock):
    limits = SharedLimits(clock=clock, concurrency=2)
    epochs = [await limits.enter(limits.calls) for _ in range(2)]
    third = asyncio.ensure_future(limits.enter(limits.calls))
    await settle()
    assert not third.done()
    limits.leave(limits.calls, epochs[0])
    await third


async def test_places_go_in_the_order_of_asking(clock):
    limits = SharedLimits(clock=clock, concurrency=1)
    order = []

    async def call(number):
        epoch = await limits.enter(limits.calls)
        order.append(number)
        await asyncio.sleep(0)
        limits.leave(limits.calls, epoch)

    async with asyncio.TaskGroup() as group:
        for number in range(5):
            group.create_task(call(number))
    assert order == [0, 1, 2, 3, 4]


async def test_reads_and_calls_do_not_wait_for_each_other_because_a_copy_needs_both(clock):
    limits = SharedLimits(clock=clock, concurrency=1)
    await limits.enter(limits.reads)
    await asyncio.wait_for(limits.enter(limits.calls), 30)


async def test_throttling_halves_the_places_once_for_calls_of_one_time(clock):
    limits = SharedLimits(clock=clock, concurrency=16)
    epochs = [await limits.enter(limits.calls) for _ in range(8)]
    for epoch in epochs:
        limits.leave(limits.calls, epoch, throttled=True)
    assert limits.places == 8
    limits.leave(limits.calls, await limits.enter(limits.calls), throttled=True)
    assert limits.places == 4


async def test_one_place_stays_however_often_it_is_throttled(clock):
    limits = SharedLimits(clock=clock, concurrency=4)
    for _ in range(10):
        limits.leave(limits.calls, await limits.enter(limits.calls), throttled=True)
    assert limits.places == 1


async def test_places_come_back_slowly_and_up_to_the_most(clock):
    limits = SharedLimits(clock=clock, concurrency=4)
    limits.leave(limits.calls, await limits.enter(limits.calls), throttled=True)
    assert limits.places == 2
    for _ in range(19):
        limits.leave(limits.calls, await limits.enter(limits.calls))
    assert limits.places == 2
    limits.leave(limits.calls, await limits.enter(limits.calls))
    assert limits.places == 3
    for _ in range(1000):
        limits.leave(limits.calls, await limits.enter(limits.calls))
    assert limits.places == 4


async def test_a_grown_limit_wakes_those_who_wait(clock):
    limits = SharedLimits(clock=clock, concurrency=2)
    limits.leave(limits.calls, await limits.enter(limits.calls), throttled=True)
    await limits.enter(limits.calls)
    waiting = asyncio.ensure_future(limits.enter(limits.calls))
    await settle()
    for _ in range(10):
        limits.leave(limits.reads, await limits.enter(limits.reads))
    await asyncio.wait_for(waiting, 30)


@pytest.mark.parametrize("place_was_given", [False, True])
async def test_a_call_cancelled_while_it_waits_takes_no_place_with_it(clock, place_was_given):
    limits = SharedLimits(clock=clock, concurrency=1)
    epoch = await limits.enter(limits.calls)
    waiting = asyncio.ensure_future(limits.enter(limits.calls))
    await settle()
    if place_was_given:
        limits.leave(limits.calls, epoch)
        waiting.cancel()
    else:
        waiting.cancel()
        await settle()
        limits.leave(limits.calls, epoch)
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await asyncio.wait_for(limits.enter(limits.calls), 30)
    assert limits.calls.active == 1


async def test_a_call_cancelled_while_it_waits_for_a_token_takes_no_place_with_it():
    clock = ManualClock(auto=False)
    limits = SharedLimits(clock=clock, concurrency=4, requests_per_second=1.0)
    await limits.enter(limits.calls)
    waiting = asyncio.ensure_future(limits.enter(limits.calls))
    await settle()
    assert limits.calls.active == 2
    waiting.cancel()
    await settle()
    assert limits.calls.active == 1

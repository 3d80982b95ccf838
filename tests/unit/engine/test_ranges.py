"""One worker's part in a shared run: what it keeps, what it gives away, and when it stops."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from brigade.clock import SystemClock
from brigade.engine.lease import begin_run
from brigade.engine.ranges import Colleague, take_part
from brigade.errors import LeaseLost, StateError
from brigade.replications import DeleteMode, Policy
from brigade.state.owner import Owner
from brigade.state.rows import RangeState, RunState
from brigade.stores.base import ListingOrder
from brigade.stores.layers.forward import ForwardingStore
from brigade.stores.memory import MEMORY_CAPABILITIES, MemoryStore
from brigade.testing.workbench import SMALL_LIMITS, Workbench, held, put

ME, OTHER = Owner("me", "boot", 1, 1), Owner("other", "boot", 2, 2)
KEYS = [f"{number:03}" for number in range(120)]


class AheadClock(SystemClock):
    """Real time and what a test adds; nobody sleeps for long."""

    def __init__(self):
        super().__init__()
        self.ahead_seconds = 0.0

    def now_ns(self):
        return super().now_ns() + round(self.ahead_seconds * 1e9)

    def monotonic_seconds(self):
        return super().monotonic_seconds() + self.ahead_seconds

    async def sleep(self, seconds):
        await asyncio.sleep(seconds / 50)


class Slow(ForwardingStore):
    """Small pages; each put waits for leave."""

    def __init__(self, inner):
        super().__init__(inner)
        self.began = asyncio.Event()
        self.leave = asyncio.Event()
        self.puts = 0

    async def list_page(self, prefix="", *, start_after="", cursor=None, limit=1000):
        return await self.inner.list_page(prefix, start_after=start_after, cursor=cursor, limit=min(limit, 10))

    async def put(self, *args, **options):
        self.puts += 1
        self.began.set()
        await self.leave.wait()
        return await self.inner.put(*args, **options)


class Desk:
    """A run that has begun, and one worker at it."""

    def __init__(self, bench, capabilities=MEMORY_CAPABILITIES):
        self.bench = bench
        earlier = AheadClock()
        earlier.ahead_seconds = -3600.0
        self.source = Slow(MemoryStore("source", "b", clock=earlier, capabilities=capabilities))
        self.target = Slow(MemoryStore("target", "b", clock=earlier, capabilities=capabilities))
        self.left_out = None

    async def begin(self, keys=KEYS):
        for key in keys:
            await put(self.source.inner, key, b"x")
        self.run = await begin_run(self.bench.state, self.bench.replication_id, {}, owner=ME, shared=True)

    def take_part(self):
        limits = replace(SMALL_LIMITS, range_entries=10, queued_tasks=10)
        policy = Policy(delete=DeleteMode.MIRROR)
        job, _, _ = self.bench.job(policy, source=self.source, target=self.target, limits=limits)
        return take_part(self.bench.state, self.run, job, Colleague(ME, self.left_out))

    async def parts(self):
        return (await self.bench.state.ranges.look(self.run)).ranges


@pytest.fixture
async def bench(tmp_path):
    async with Workbench(tmp_path, clock=AheadClock()) as bench:
        yield bench


@pytest.fixture
async def desk(bench):
    desk = Desk(bench)
    await desk.begin()
    return desk


async def until(condition):
    async with asyncio.timeout(80):
        while not await condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_a_part_that_is_wanted_is_given_away(desk, bench):
    async with asyncio.TaskGroup() as group:
        working = group.create_task(desk.take_part())
        await desk.target.began.wait()

        # Asked once: whoever asks again is given a part of what is left.
        await bench.state.ranges.want(desk.run, OTHER)

        async def cut():
            return len(await desk.parts()) > 1

        await until(cut)
        first, second = await desk.parts()
        assert (first.upto, second.after, second.state) == (second.after, first.upto, RangeState.WAITING)
        desk.target.leave.set()
    assert working.result().in_step
    assert working.result().counts.copied == len(KEYS)
    assert await held(desk.source) == await held(desk.target)


@pytest.mark.parametrize(
    "change",
    [{"listing_order": ListingOrder.COMPONENTS}, {"listing_order": ListingOrder.NONE}, {"start_after": False}],
)
async def test_where_listings_cannot_begin_anywhere_nothing_is_given_away(bench, change):
    desk = Desk(bench, replace(MEMORY_CAPABILITIES, **change))
    await desk.begin()
    assert await _stays_whole(desk, bench)


async def test_what_leaves_something_out_is_listed_by_one(bench):
    desk = Desk(bench)
    desk.left_out = lambda counts: setattr(counts, "skipped", counts.skipped + 5)
    await desk.begin()
    result = await _stays_whole(desk, bench)
    assert result.counts.skipped == 5


async def test_what_is_nearly_done_is_not_cut(bench):
    desk = Desk(bench)
    await desk.begin(KEYS[:15])
    assert await _stays_whole(desk, bench)


async def _stays_whole(desk, bench):
    async with asyncio.TaskGroup() as group:
        working = group.create_task(desk.take_part())
        await desk.target.began.wait()
        await bench.state.ranges.want(desk.run, OTHER)
        await asyncio.sleep(0.2)
        desk.target.leave.set()
    assert len(await desk.parts()) == 1
    assert working.result().in_step
    return working.result()


async def test_a_state_that_is_away_for_a_moment_ends_nothing(desk, bench, monkeypatch):
    look, failed = bench.state.ranges.look, []

    async def away(run):
        if desk.target.began.is_set() and len(failed) < 5:
            failed.append(1)
            raise StateError("away")
        return await look(run)

    monkeypatch.setattr(bench.state.ranges, "look", away)
    async with asyncio.TaskGroup() as group:
        working = group.create_task(desk.take_part())
        await desk.target.began.wait()

        async def over():
            return len(failed) == 5

        await until(over)
        desk.target.leave.set()
    assert working.result().in_step


@pytest.mark.parametrize("how", ["fails", "hangs"])
async def test_who_has_not_heard_of_the_state_for_a_whole_lease_stops(desk, bench, monkeypatch, how):
    look = bench.state.ranges.look

    async def away(run):
        if not desk.target.began.is_set():
            return await look(run)
        bench.clock.ahead_seconds += 40
        if how == "fails":
            raise StateError("away")
        await asyncio.sleep(0.05)
        return await look(run)

    monkeypatch.setattr(bench.state.ranges, "look", away)
    with pytest.raises((LeaseLost, StateError)):
        await desk.take_part()
    puts = desk.target.puts
    desk.target.leave.set()
    await asyncio.sleep(0.1)
    assert desk.target.puts == puts
    assert await held(desk.target.inner) == {}


async def test_a_long_part_keeps_its_lease_and_tells_how_far_it_is(desk, bench):
    async with asyncio.TaskGroup() as group:
        working = group.create_task(desk.take_part())
        await desk.target.began.wait()
        (part,) = await desk.parts()
        for _ in range(8):
            bench.clock.ahead_seconds += 10
            before = part.lease_until_ns

            async def renewed(before=before):
                return (await desk.parts())[0].lease_until_ns > before

            await until(renewed)
            (part,) = await desk.parts()
        assert part.state is RangeState.RUNNING
        run = await bench.state.runs.last(bench.replication_id)
        assert run.lease_until_ns > bench.clock.now_ns()
        desk.target.leave.set()
    assert working.result().in_step
    assert (await bench.state.runs.last(bench.replication_id)).state is RunState.DONE

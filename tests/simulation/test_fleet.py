"""Several workers on one database and one run: what one lists no other does, and whoever dies leaves nothing undone."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from itertools import count

import psycopg
import pytest

from brigade.clock import SystemClock
from brigade.engine.job import Job, Limits
from brigade.engine.lease import begin_run
from brigade.engine.ledger import Ledger
from brigade.engine.ranges import Colleague, take_part
from brigade.errors import LeaseLost, Unavailable
from brigade.replications import DeleteMode, MaxDelete, Policy
from brigade.state.owner import Owner
from brigade.state.rows import RangeState, RunState
from brigade.state.state import State
from brigade.stores.base import ALWAYS
from brigade.stores.layers.forward import ForwardingStore
from brigade.stores.memory import MemoryStore
from brigade.testing.observer import RecordingObserver
from brigade.testing.workbench import held, put

MIRROR = Policy(delete=DeleteMode.MIRROR)
LIMITS = Limits(transfers=4, range_entries=10, queued_tasks=10)
OLD_NS = 3_600_000_000_000
_numbers = count()


class Killed(BaseException):
    """What SIGKILL is to a process."""


class QuickClock(SystemClock):
    """Real time, but nobody sleeps for long."""

    async def sleep(self, seconds):
        await asyncio.sleep(seconds / 25)


class EarlierClock(SystemClock):
    """For what was written long before a test began."""

    def now_ns(self):
        return super().now_ns() - OLD_NS


class Seen(ForwardingStore):
    """A store as one worker sees it: slow, with small pages; dies or breaks at a call if told so."""

    def __init__(self, inner, worker):
        super().__init__(inner)
        self.worker = worker

    async def _call(self, operation):
        self.worker.calls += 1
        if self.worker.dies_at is not None and self.worker.calls >= self.worker.dies_at:
            self.worker.die()
            raise Killed
        await asyncio.sleep(0.002)
        if self.worker.before is not None:
            await self.worker.before(operation)

    async def list_page(self, prefix="", *, start_after="", cursor=None, limit=1000):
        await self._call("list")
        if self.worker.breaks_behind is not None and cursor and self.inner.name.startswith("source"):
            page = await self.inner.list_page(prefix, start_after=start_after, cursor=cursor, limit=min(limit, 20))
            if page.entries and page.entries[-1].key > self.worker.breaks_behind:
                raise Unavailable("broken", store="source", operation="list")
            return page
        return await self.inner.list_page(prefix, start_after=start_after, cursor=cursor, limit=min(limit, 20))

    async def put(self, *args, **options):
        await self._call("put")
        return await self.inner.put(*args, **options)

    async def delete(self, keys, *, condition=ALWAYS):
        await self._call("delete")
        return await self.inner.delete(keys, condition=condition)


class DyingLedger(Ledger):
    """A dead process writes nothing."""

    worker = None

    async def flush(self):
        if not self.worker.dead:
            await super().flush()


class Worker:
    """One process: a name, a state of its own, and how it ends."""

    def __init__(self, fleet, name, policy):
        self.fleet = fleet
        self.owner = Owner(name, "boot", 1, 1)
        self.policy = policy
        self.observer = RecordingObserver()
        self.calls = 0
        self.dies_at = None
        self.breaks_behind = None
        self.before = None
        self.dead = False
        self.task = None

    def die(self):
        self.dead = True
        self.fleet.dead.add(self.owner.host)

    async def work(self, run):
        state = await State.open(self.fleet.url, clock=self.fleet.clock)
        if self.fleet.barrier is not None:
            await self.fleet.barrier.wait()
        give_back = state.ranges.give_back

        async def give_back_if_alive(parts):
            if not self.dead:
                await give_back(parts)

        state.ranges.give_back = give_back_if_alive
        try:
            ledger = DyingLedger(state, run.replication_id)
            ledger.worker = self
            source, target = Seen(self.fleet.source, self), Seen(self.fleet.target, self)
            job = Job(source, target, self.policy, self.fleet.clock, self.observer, ledger, LIMITS)
            return await take_part(state, run, job, Colleague(self.owner))
        except Killed:
            return None
        finally:
            await state.close()

    @property
    def keys(self):
        return [outcome.key for outcome in self.observer.outcomes]


class Fleet:
    """Two stores, a database, and the workers."""

    def __init__(self, url, monkeypatch):
        self.url = url
        self.clock = QuickClock()
        self.source = MemoryStore("source", "b", clock=EarlierClock())
        self.target = MemoryStore("target", "b", clock=EarlierClock())
        self.dead = set()
        self.workers = []
        # Connecting to a database may take longer than the whole of a small run.
        self.barrier = None
        # Whether a process of this machine is dead, the kernel knows; these are none.
        monkeypatch.setattr(Owner, "is_dead", lambda owner: owner.host in self.dead)

    async def open(self):
        self.state = await State.open(self.url, clock=self.clock)
        self.replication = await self.state.replications.ensure("fleet", "a → b")

    def worker(self, name, policy=MIRROR):
        self.workers.append(Worker(self, name, policy))
        return self.workers[-1]

    async def begin(self, worker):
        return await begin_run(self.state, self.replication, {}, owner=worker.owner, shared=True)

    async def run(self, *workers):
        """All of them at once on one run; the results, None of those who died."""
        run = await self.begin(workers[0])
        self.barrier = asyncio.Barrier(len(workers))
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(worker.work(run)) for worker in workers]
        self.barrier = None
        return [task.result() for task in tasks]

    async def parts(self):
        run = await self.state.runs.last(self.replication)
        return (await self.state.ranges.look(run)).ranges

    async def in_step(self):
        return await held(self.source) == await held(self.target)

    async def fill(self, store, keys, body=b"x"):
        for key in keys:
            await put(store, key, body)


@pytest.fixture(params=["postgres"])
async def fleet(request, tmp_path, monkeypatch):
    url = f"sqlite:///{tmp_path}/state.db"
    if request.param == "postgres":
        admin_url = request.getfixturevalue("postgres_url")
        name = f"fleet_{next(_numbers)}"
        with psycopg.connect(admin_url, autocommit=True) as admin:
            admin.execute(f"CREATE SCHEMA {name}")
        url = f"{admin_url}&options=-csearch_path%3D{name}"
    fleet = Fleet(url, monkeypatch)
    await fleet.open()
    yield fleet
    await fleet.state.close()


FLAT = [f"obj-{number:05}" for number in range(600)]


@pytest.mark.parametrize("fleet", ["sqlite", "postgres"], indirect=True)
async def test_workers_share_a_flat_bucket_and_no_key_is_done_twice(fleet):
    await fleet.fill(fleet.source, FLAT)
    await fleet.fill(fleet.target, [*FLAT[100:300], "extra", "obj-00150x", "obj-00450x"])
    workers = [fleet.worker(name) for name in ("a", "b", "c")]
    for worker in workers:
        worker.before = lambda _: asyncio.sleep(0.01)
    results = await fleet.run(*workers)
    assert await fleet.in_step()
    for result in results:
        assert result.in_step
        counts = result.counts
        assert (counts.considered, counts.copied, counts.skipped, counts.deleted) == (603, 400, 200, 3)
    keys = Counter(key for worker in workers for key in worker.keys)
    assert set(keys.values()) == {1}
    assert len(keys) == 603
    assert sum(result.here.copied > 0 for result in results) >= 2
    assert sum(result.here.considered for result in results) == 603
    assert (await fleet.state.runs.last(fleet.replication)).state is RunState.DONE


async def test_a_worker_alone_needs_one_range(fleet):
    await fleet.fill(fleet.source, FLAT[:50])
    (result,) = await fleet.run(fleet.worker("a"))
    assert (result.counts.copied, result.here, result.in_step) == (50, None, True)
    assert len(await fleet.parts()) == 1


async def test_nothing_is_deleted_before_everything_is_listed(fleet):
    await fleet.fill(fleet.source, FLAT)
    await fleet.fill(fleet.target, [*FLAT[:200], *(f"{key}x" for key in FLAT[::30])])
    deletions = []

    async def look(operation):
        if operation == "delete":
            deletions.append([part.state for part in await fleet.parts()])

    async def look_slowly(operation):
        await look(operation)
        await asyncio.sleep(0.03)

    workers = [fleet.worker(name) for name in ("a", "b", "c")]
    for worker in workers:
        worker.before = look if worker is workers[2] else look_slowly
    await fleet.run(*workers)
    assert await fleet.in_step()
    assert deletions
    assert all(set(states) <= {RangeState.SCANNED, RangeState.DONE} for states in deletions)
    assert all(len(states) > 1 for states in deletions)


@pytest.mark.parametrize(("extra", "deleted"), [(30, 30), (80, 0)])
async def test_the_guard_judges_the_whole_run_and_not_its_parts(fleet, extra, deleted):
    """All that is too much lies in one corner, where nothing else is."""
    await fleet.fill(fleet.source, FLAT)
    await fleet.fill(fleet.target, [*FLAT, *(f"zzz-{number:05}" for number in range(extra))])
    policy = Policy(delete=DeleteMode.MIRROR, max_delete=MaxDelete(10, is_percent=True))
    workers = [fleet.worker(name, policy) for name in ("a", "b")]
    for worker in workers:
        worker.before = lambda _: asyncio.sleep(0.02)
    results = await fleet.run(*workers)
    assert [result.counts.deleted for result in results] == [deleted, deleted]
    assert len(await held(fleet.target)) == 600 + extra - deleted
    state = (await fleet.state.runs.last(fleet.replication)).state
    if deleted:
        assert state is RunState.DONE
    else:
        assert state is RunState.REFUSED
        assert all("80 of 680 objects would be deleted" in result.refusal for result in results)


async def test_where_one_part_could_not_be_listed_nothing_is_deleted_anywhere(fleet):
    await fleet.fill(fleet.source, FLAT)
    await fleet.fill(fleet.target, [*FLAT[:100], "obj-00001x", "obj-00590x"])
    before = len(await held(fleet.target))
    workers = [fleet.worker(name) for name in ("a", "b")]
    for worker in workers:
        worker.breaks_behind = "obj-00500"
        worker.before = lambda _: asyncio.sleep(0.02)
    results = await fleet.run(*workers)
    assert len(await fleet.parts()) > 1
    kept = await held(fleet.target)
    assert {"obj-00001x", "obj-00590x"} <= set(kept)
    assert len(kept) >= before + 350
    assert all("broken" in result.incomplete for result in results)
    assert (await fleet.state.runs.last(fleet.replication)).state is RunState.FAILED


@pytest.mark.parametrize("seed", range(4))
async def test_whoever_dies_leaves_nothing_undone(fleet, seed):
    chance = random.Random(seed)
    keys = [f"{chance.randrange(10**6):06}" for _ in range(300)]
    await fleet.fill(fleet.source, keys)
    await fleet.fill(fleet.target, [*chance.sample(keys, 150), *(f"{key}x" for key in chance.sample(keys, 12))])
    workers = [fleet.worker(name) for name in ("a", "b", "c", "d")]
    for worker in workers[:3]:
        worker.dies_at = chance.randrange(1, 150)
    results = await fleet.run(*workers)
    assert results[3].in_step, f"seed {seed}"
    assert await fleet.in_step(), f"seed {seed}"
    assert results[3].counts.considered >= len(set(keys))


async def test_a_run_that_all_have_left_is_taken_over_by_who_comes_later(fleet):
    await fleet.fill(fleet.source, FLAT)
    one, two, later = (fleet.worker(name) for name in ("a", "b", "c"))
    one.dies_at = two.dies_at = 60
    assert await fleet.run(one, two) == [None, None]
    run = await fleet.state.runs.last(fleet.replication)
    assert run.state is RunState.RUNNING
    result = await later.work(run)
    assert result.in_step
    assert await fleet.in_step()
    ended = await fleet.state.runs.last(fleet.replication)
    assert (ended.id, ended.state, ended.counts["considered"]) == (run.id, RunState.DONE, 600)


async def test_whoever_was_taken_for_dead_stops_writing(fleet):
    await fleet.fill(fleet.source, FLAT)
    slow, quick = fleet.worker("slow"), fleet.worker("quick")
    began = asyncio.Event()
    writes = []

    async def slowly(operation):
        if operation == "put":
            began.set()
            writes.append(asyncio.get_running_loop().time())
            await asyncio.sleep(0.1)

    slow.before = slowly
    run = await fleet.begin(slow)
    async with asyncio.TaskGroup() as group:
        losing = group.create_task(_lost(slow.work(run)))
        await began.wait()
        fleet.dead.add("slow")
        winning = group.create_task(quick.work(run))
        lost_at = await losing
    assert lost_at is not None
    assert max(writes) < lost_at, "what was under way may land, nothing new is begun"
    assert winning.result().in_step
    assert await fleet.in_step()


async def _lost(work):
    try:
        await work
    except LeaseLost:
        return asyncio.get_running_loop().time()
    return None


async def test_a_worker_that_is_stopped_leaves_its_part_at_once(fleet):
    await fleet.fill(fleet.source, FLAT)
    one, two = fleet.worker("a"), fleet.worker("b")
    began = asyncio.Event()

    async def note(operation):
        if operation == "put":
            began.set()

    one.before = note
    run = await fleet.begin(one)
    async with asyncio.TaskGroup() as group:
        stopped = group.create_task(one.work(run))
        await began.wait()
        stopped.cancel()
        await asyncio.wait([stopped])
        assert [part.state for part in await fleet.parts()] == [RangeState.WAITING]
        assert (await two.work(run)).in_step


async def test_a_newer_run_ends_the_part_of_who_was_cut_off(fleet):
    await fleet.fill(fleet.source, FLAT)
    one, two = fleet.worker("a"), fleet.worker("b")
    began = asyncio.Event()

    async def note(operation):
        began.set()
        await asyncio.sleep(0.02)

    one.before = note
    run = await fleet.begin(one)
    async with asyncio.TaskGroup() as group:
        losing = group.create_task(_lost(one.work(run)))
        await began.wait()
        while not any(part.owner for part in await fleet.parts()):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        fleet.dead.add("a")
        newer = await fleet.begin(two)
        assert await losing is not None
        assert (await two.work(newer)).in_step
    assert newer.id != run.id

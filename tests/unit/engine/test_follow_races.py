"""Several at work on one key: a reconcile and a follower, two followers, a killed one. The newest wins, nothing is lost."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from brigade.engine.follow import FollowLimits
from brigade.engine.ledger import Ledger
from brigade.engine.reconcile import reconcile
from brigade.replications import DeleteMode, Policy
from brigade.state.state import State
from brigade.stores.base import ALWAYS
from brigade.stores.layers.forward import ForwardingStore
from brigade.testing.workbench import content, contents, held, put

MIRROR = Policy(delete=DeleteMode.MIRROR)
LEASE = FollowLimits(lease_seconds=2000)


@pytest.fixture
def bench(follow_bench):
    return follow_bench


class Killed(BaseException):
    """What SIGKILL is to a process: nothing below catches it."""


class Gate(ForwardingStore):
    """Stops the first call of one operation, before or after it is carried out, until the test opens the gate."""

    def __init__(self, inner, operation, *, after=False):
        super().__init__(inner)
        self.operation, self.after = operation, after
        self.reached, self.opened = asyncio.Event(), asyncio.Event()

    async def _stop(self, operation, call):
        if operation != self.operation or self.reached.is_set():
            return await call()
        answer = await call() if self.after else None
        self.reached.set()
        await self.opened.wait()
        return answer if self.after else await call()

    async def put(self, key, body, **options):
        return await self._stop("put", lambda: self.inner.put(key, body, **options))

    async def delete(self, keys, *, condition=ALWAYS):
        return await self._stop("delete", lambda: self.inner.delete(keys, condition=condition))

    async def complete_multipart(self, *args, **options):
        return await self._stop("complete_multipart", lambda: self.inner.complete_multipart(*args, **options))


def followed(bench, **stores):
    ledger = Ledger(bench.state, bench.replication_id, followed=True)
    job, _, _ = bench.job(stores.pop("policy", None), ledger=ledger, **stores)
    return job


async def settled(bench, policy=None):
    """What is left on the backlog is followed; then both sides are equal."""
    await bench.follow(policy)
    assert contents(await held(bench.target)) == contents(await held(bench.source))
    assert await bench.state.backlog.lag(bench.replication_id) == (0, None, 0)
    assert await bench.target.list_multiparts() == []


@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("age_seconds", [0, 100_000])
@pytest.mark.parametrize("missed", [False, True])
async def test_a_reconcile_that_writes_an_old_version_late_is_put_right(bench, known, after, age_seconds, missed):
    if known:
        await put(bench.source, "a", b"first")
        await reconcile(followed(bench))
        bench.clock.advance(10)
    await put(bench.source, "a", b"old")
    bench.clock.advance(age_seconds)
    gate = Gate(bench.target, "put", after=after)
    running = asyncio.ensure_future(reconcile(followed(bench, target=gate)))
    await gate.reached.wait()
    await put(bench.source, "a", b"the newest")
    await bench.mark("a")
    await bench.follow()
    assert contents(await held(bench.target)) == {"a": b"the newest"}
    if missed:
        assert (await bench.state.backlog.lag(bench.replication_id)).length == 0
    gate.opened.set()
    await running
    await settled(bench)


async def test_a_follower_that_writes_an_old_version_late_is_put_right(bench):
    """Even if the change was told to nobody: the reconcile's row shows that somebody else was here."""
    await put(bench.source, "a", b"old")
    await bench.mark("a")
    gate = Gate(bench.target, "put")
    follower = bench.follower({bench.replication_id: followed(bench, target=gate)})
    running = asyncio.ensure_future(follower.run(once=True))
    await gate.reached.wait()
    await put(bench.source, "a", b"the newest")
    await reconcile(followed(bench))
    assert contents(await held(bench.target)) == {"a": b"the newest"}
    gate.opened.set()
    await running
    await settled(bench)


async def test_what_a_reconcile_deletes_while_it_comes_back_is_put_right(bench):
    """The reconcile has confirmed that the key is gone; before it deletes, the key is written and followed."""
    for key in ("a", *map(str, range(20))):
        await put(bench.source, key, b"1")
    await reconcile(followed(bench))
    bench.clock.advance(10)
    await bench.source.delete(["a"])
    gate = Gate(bench.target, "delete")
    running = asyncio.ensure_future(reconcile(followed(bench, policy=MIRROR, target=gate)))
    await gate.reached.wait()
    await put(bench.source, "a", b"back again")
    await bench.mark("a")
    await bench.follow(MIRROR)
    assert "a" in await held(bench.target)
    gate.opened.set()
    await running
    assert "a" not in await held(bench.target)
    await settled(bench, MIRROR)


async def test_a_reconcile_leaves_the_uploads_of_a_follower_alone(bench):
    await put(bench.source, "large", content(350))
    await bench.mark("large")
    source = replace_etags(bench)
    gate = Gate(bench.target, "complete_multipart")
    follower = bench.follower({bench.replication_id: followed(bench, target=gate, source=source)})
    running = asyncio.ensure_future(follower.run(once=True))
    await gate.reached.wait()
    policy = Policy(max_size_bytes=10)
    await reconcile(followed(bench, policy=policy))
    assert len(await bench.target.list_multiparts()) == 1
    gate.opened.set()
    await running
    assert follower.lines[bench.replication_id].counts.retried == 0
    await settled(bench)


def replace_etags(bench):
    """A source whose ETags tell nothing, so that a large object is cut into parts."""

    class Opaque(ForwardingStore):
        @property
        def capabilities(self):
            return replace(self.inner.capabilities, content_etags=False)

    return Opaque(bench.source)


async def test_a_worker_that_lost_its_lease_stops_writing(bench):
    await put(bench.source, "a", b"1")
    await bench.mark("a")
    gate = Gate(bench.target, "put")
    limits = FollowLimits(lease_seconds=60, at_once=1, waiting=0)
    follower = bench.follower({bench.replication_id: followed(bench, target=gate)}, limits=limits)
    running = asyncio.ensure_future(follower.run())
    await gate.reached.wait()
    bench.clock.advance(10_000)
    (theirs,) = await bench.state.backlog.claim([bench.replication_id], "other", 10, 10_000)
    line = follower.lines[bench.replication_id]
    while not line.counts.lost:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    gate.opened.set()
    follower.stop()
    await running
    assert await held(bench.target) == {}
    assert await bench.state.backlog.done([theirs]) == 0, "our last write may have come after theirs: look again"
    await settled(bench)


async def test_a_follower_does_not_work_twice_on_a_key_whose_lease_it_let_end(bench):
    await put(bench.source, "a", b"1")
    await bench.mark("a")
    gate = Gate(bench.target, "put")
    follower = bench.follower({bench.replication_id: followed(bench, target=gate)}, limits=LEASE)
    running = asyncio.ensure_future(follower.run(once=True))
    await gate.reached.wait()
    bench.clock.advance(10_000)
    await running
    assert follower.lines[bench.replication_id].counts.lost == 1
    await settled(bench)


async def test_a_long_copy_keeps_its_lease(bench):
    await put(bench.source, "a", b"1")
    await bench.mark("a")
    gate = Gate(bench.target, "put")
    follower = bench.follower(
        {bench.replication_id: followed(bench, target=gate)}, limits=FollowLimits(lease_seconds=150)
    )
    running = asyncio.ensure_future(follower.run(once=True))
    await gate.reached.wait()
    for _ in range(25):  # three leases long
        await asyncio.sleep(0.2)
        assert await bench.state.backlog.claim([bench.replication_id], "other", 10, 60) == []
    gate.opened.set()
    await running
    assert follower.lines[bench.replication_id].counts.lost == 0
    await settled(bench)


async def test_what_a_killed_follower_held_is_done_by_the_next(bench):
    class Dying(ForwardingStore):
        puts = 0

        async def put(self, key, body, **options):
            self.puts += 1
            if self.puts > 7:
                raise Killed
            return await self.inner.put(key, body, **options)

    keys = [f"{number:03}" for number in range(100)]
    for key in keys:
        await put(bench.source, key, b"1")
    await bench.mark(*keys)
    follower = bench.follower({bench.replication_id: followed(bench, target=Dying(bench.target))}, limits=LEASE)
    with pytest.raises(Killed):
        await follower.run()
    assert len(await held(bench.target)) < 100
    assert (await bench.state.backlog.lag(bench.replication_id)).length > 0
    bench.clock.advance(2001)
    await settled(bench)


async def test_stopping_finishes_what_is_in_work_and_gives_back_the_rest(bench):
    keys = [f"{number:03}" for number in range(100)]
    for key in keys:
        await put(bench.source, key, b"1")
    await bench.mark(*keys)
    gate = Gate(bench.target, "put")
    limits = FollowLimits(lease_seconds=2000, at_once=1, waiting=99)
    follower = bench.follower({bench.replication_id: followed(bench, target=gate)}, limits=limits)
    running = asyncio.ensure_future(follower.run())
    await gate.reached.wait()
    follower.stop(grace_seconds=30)
    await asyncio.sleep(0.05)
    assert not running.done()
    gate.opened.set()
    await running
    assert len(await held(bench.target)) == 1
    claims = await bench.state.backlog.claim([bench.replication_id], "next", 500, 60)
    assert len(claims) == 99, "at once, without waiting for leases to end"
    assert {claim.attempts for claim in claims} == {0}


@pytest.mark.parametrize("how", ["hurry", "cancel"])
async def test_what_does_not_finish_in_time_is_given_back(bench, how):
    await put(bench.source, "a", b"1")
    await put(bench.source, "b", b"1")
    await bench.mark("a", "b")
    gate = Gate(bench.target, "put")
    follower = bench.follower({bench.replication_id: followed(bench, target=gate)}, limits=LEASE)
    running = asyncio.ensure_future(follower.run())
    await gate.reached.wait()
    while len(await held(bench.target)) < 1:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    if how == "cancel":
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    else:
        follower.stop(grace_seconds=1000)
        await asyncio.sleep(0.05)
        follower.stop(grace_seconds=0)
        await running
    left = await bench.state.backlog.claim([bench.replication_id], "next", 500, 60)
    assert len(left) == 1, "what was done is on record, what was not is free"


async def test_two_followers_share_the_work_and_copy_no_key_twice(bench):
    keys = [f"{number:03}" for number in range(300)]
    for key in keys:
        await put(bench.source, key, b"1")
    await bench.mark(*keys)
    other = await State.open(bench._url, clock=bench.clock)
    copied = []

    class Counting(ForwardingStore):
        async def put(self, key, body, **options):
            copied.append(key)
            await asyncio.sleep(0.001)
            return await self.inner.put(key, body, **options)

    limits = FollowLimits(lease_seconds=2000, at_once=8, waiting=8)
    first = bench.follower({bench.replication_id: followed(bench, target=Counting(bench.target))}, limits=limits)
    ledger = Ledger(other, bench.replication_id, followed=True)
    job, _, _ = bench.job(target=Counting(bench.target), ledger=ledger)
    from brigade.engine.follow import Follower

    second = Follower(other, {bench.replication_id: job}, clock=bench.clock, owner="second", limits=limits)
    async with asyncio.TaskGroup() as group:
        group.create_task(first.run(once=True))
        group.create_task(second.run(once=True))
    await other.close()
    assert sorted(copied) == keys
    done = [follower.lines[bench.replication_id].counts.settled.copied for follower in (first, second)]
    assert sum(done) == 300
    assert min(done) > 0
    await settled(bench)

"""Replications that a follower takes up and lets go while it runs."""

from __future__ import annotations

import asyncio

import pytest

from brigade.decide.actions import ActionKind
from brigade.engine.follow import FollowLimits
from brigade.engine.follow_key import Settled
from brigade.engine.ledger import Ledger
from brigade.engine.report import Outcome
from brigade.objects import Proof
from brigade.stores.layers.forward import ForwardingStore
from brigade.testing.workbench import contents, held, put


@pytest.fixture
def bench(follow_bench):
    return follow_bench


async def until(condition):
    async with asyncio.timeout(80):
        while not condition():  # noqa: ASYNC110  real time must pass while the follower works
            await asyncio.sleep(0.005)


def job_of(bench, **options):
    return bench.job(ledger=Ledger(bench.state, bench.replication_id, followed=True), **options)[0]


async def test_one_that_is_added_is_drained_and_one_that_is_removed_is_let_alone(bench):
    await put(bench.source, "a", b"1")
    await put(bench.source, "b", b"2")
    await bench.mark("a")
    follower = bench.follower({})
    running = asyncio.ensure_future(follower.run())
    await follower.add(bench.replication_id, job_of(bench))
    line = follower.lines[bench.replication_id]
    await until(lambda: line.counts.settled.copied == 1)
    await follower.remove(bench.replication_id)
    assert not follower.lines
    await bench.mark("b")
    await asyncio.sleep(0.05)
    follower.stop()
    await running
    assert contents(await held(bench.target)) == {"a": b"1"}
    assert (await bench.state.backlog.lag(bench.replication_id)).length == 1


async def test_what_is_in_work_is_done_before_its_replication_is_let_go_and_the_rest_is_given_back(bench):
    gate = asyncio.Event()

    class Slow(ForwardingStore):
        async def put(self, key, body, **options):
            await gate.wait()
            return await self.inner.put(key, body, **options)

    for number in range(6):
        await put(bench.source, f"{number}", b"x")
        await bench.mark(f"{number}")
    follower = bench.follower({}, limits=FollowLimits(lease_seconds=20_000, at_once=2, waiting=4))
    running = asyncio.ensure_future(follower.run())
    await follower.add(bench.replication_id, job_of(bench, target=Slow(bench.target)))
    line = follower.lines[bench.replication_id]
    await until(lambda: len(line.held) == 6)
    removing = asyncio.ensure_future(follower.remove(bench.replication_id))
    await until(lambda: len(line.held) == 2)
    assert not removing.done()
    gate.set()
    await removing
    assert len(await held(bench.target)) == 2
    assert len(await bench.state.backlog.claim([bench.replication_id], "next", 10, 60)) == 4
    follower.stop()
    await running


async def test_keys_that_were_claimed_while_their_replication_was_let_go_are_given_back(bench, monkeypatch):
    await put(bench.source, "a", b"1")
    claim = bench.state.backlog.claim
    claimed, go_on = asyncio.Event(), asyncio.Event()

    async def late(*args, **options):
        claims = await claim(*args, **options)
        if claims:
            claimed.set()
            await go_on.wait()
        return claims

    follower = bench.follower({bench.replication_id: job_of(bench)})
    running = asyncio.ensure_future(follower.run())
    monkeypatch.setattr(bench.state.backlog, "claim", late)
    await bench.mark("a")
    await claimed.wait()
    await follower.remove(bench.replication_id)
    go_on.set()
    follower.stop()
    await running
    assert await held(bench.target) == {}
    assert len(await claim([bench.replication_id], "next", 10, 60)) == 1


async def test_a_replication_may_have_a_settler_of_its_own(bench):
    seen = []

    class Listing:
        def refresh(self):
            """Nothing here depends on the time."""

        async def settle(self, key, known):
            assert known is None
            seen.append(key)
            return Settled(Outcome(key, ActionKind.SKIP, "seen", Proof.NONE, 0))

    await bench.mark("one", "two")
    follower = bench.follower({})
    running = asyncio.ensure_future(follower.run())
    await follower.add(bench.replication_id, job_of(bench), Listing())
    await until(lambda: len(seen) == 2)
    follower.stop()
    await running
    assert (await bench.state.backlog.lag(bench.replication_id)).length == 0

"""Writers, two followers and reconciles at once, every call taking a while: in the end both sides are equal."""

from __future__ import annotations

import asyncio
from random import Random

import pytest

from brigade.engine.follow import Follower, FollowLimits
from brigade.engine.ledger import Ledger
from brigade.engine.reconcile import reconcile
from brigade.engine.report import RunResult
from brigade.replications import DeleteMode, MaxDelete, Policy
from brigade.state.owner import Owner
from brigade.state.rows import RunKind, RunState
from brigade.stores.base import ALWAYS
from brigade.stores.layers.forward import ForwardingStore
from brigade.testing.workbench import contents, held, put

POLICY = Policy(delete=DeleteMode.MIRROR, max_delete=MaxDelete(100, is_percent=True))
LIMITS = FollowLimits(lease_seconds=20_000, at_once=4, waiting=4)
KEYS = [f"{number}" for number in range(8)]


class Slow(ForwardingStore):
    """Each call takes effect some time after it was made, and is answered some time after that."""

    def __init__(self, inner, random):
        super().__init__(inner)
        self.random = random

    async def _late(self, call):
        await asyncio.sleep(self.random.random() * 0.01)
        answer = await call()
        await asyncio.sleep(self.random.random() * 0.01)
        return answer

    async def head(self, key, *, version_id=None):
        return await self._late(lambda: self.inner.head(key))

    async def put(self, key, body, **options):
        return await self._late(lambda: self.inner.put(key, body, **options))

    async def copy(self, source_key, target_key, **options):
        return await self._late(lambda: self.inner.copy(source_key, target_key, **options))

    async def delete(self, keys, *, condition=ALWAYS):
        return await self._late(lambda: self.inner.delete(keys, condition=condition))


def job(bench, random):
    ledger = Ledger(bench.state, bench.replication_id, followed=True)
    source, target = Slow(bench.source, random), Slow(bench.target, random)
    return bench.job(POLICY, ledger=ledger, source=source, target=target)[0]


async def write(bench, random):
    for number in range(60):
        key = random.choice(KEYS)
        if random.random() < 0.3:
            await bench.source.delete([key])
        else:
            await put(bench.source, key, b"%d" % number)
        await asyncio.sleep(random.random() * 0.01)
        await bench.mark(key)


async def reconcile_often(bench, random):
    for _ in range(4):
        run = await bench.state.runs.begin(bench.replication_id, RunKind.SYNC, {}, Owner.current(), 100_000)
        await reconcile(job(bench, random), RunResult())
        await bench.state.runs.finish(run, RunState.DONE, {})


@pytest.mark.parametrize("seed", range(6))
async def test_whatever_the_order_both_sides_are_equal_in_the_end(follow_bench, seed):
    bench, random = follow_bench, Random(seed)
    for key in KEYS[:4]:
        await put(bench.source, key, b"first")
    followers = [
        Follower(bench.state, {bench.replication_id: job(bench, random)}, clock=bench.clock, owner=name, limits=LIMITS)
        for name in ("one", "two")
    ]
    async with asyncio.TaskGroup() as group:
        running = [group.create_task(follower.run()) for follower in followers]
        writer = group.create_task(write(bench, random))
        await reconcile_often(bench, random)
        await writer
        for follower in followers:
            follower.stop()
        assert len(running) == 2
    await bench.follow(POLICY)
    assert contents(await held(bench.target)) == contents(await held(bench.source))
    assert await bench.state.backlog.lag(bench.replication_id) == (0, None, 0)

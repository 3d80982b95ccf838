from __future__ import annotations

import asyncio

import pytest

from brigade.errors import Throttled
from brigade.objects import NO_ATTRIBUTES
from brigade.stores.base import BytesBody
from brigade.stores.layers.fault_script import Fault, FaultScript, slow_down
from brigade.stores.layers.faults import FaultyStore
from brigade.stores.layers.limit import LimitedStore
from brigade.stores.layers.shared_limits import SharedLimits
from brigade.stores.memory import MemoryStore
from brigade.testing.bodies import StreamBody


async def fill(store, **contents):
    for key, data in contents.items():
        await store.put(key, BytesBody(data), attributes=NO_ATTRIBUTES)


async def test_requests_keep_their_rate(inner, clock):
    store = LimitedStore(inner, SharedLimits(clock=clock, requests_per_second=10.0))
    await fill(inner, a=b"1")
    for _ in range(31):
        await store.head("a")
    assert clock.seconds == pytest.approx(3.0, abs=0.11)


async def test_callers_at_once_share_the_rate(inner, clock):
    store = LimitedStore(inner, SharedLimits(clock=clock, requests_per_second=10.0))
    await fill(inner, a=b"1")
    async with asyncio.TaskGroup() as group:
        for _ in range(31):
            group.create_task(store.head("a"))
    assert clock.seconds == pytest.approx(3.0, abs=0.11)


@pytest.mark.parametrize("streamed", [False, True])
async def test_bytes_keep_their_rate_when_written(inner, clock, streamed):
    store = LimitedStore(inner, SharedLimits(clock=clock, bytes_per_second=1000.0))
    for key in "abcdef":
        body = StreamBody([b"x" * 250] * 4) if streamed else BytesBody(b"x" * 1000)
        await store.put(key, body, attributes=NO_ATTRIBUTES)
    assert clock.seconds == pytest.approx(5.0, abs=0.9)


@pytest.mark.parametrize("whole", [False, True])
async def test_bytes_keep_their_rate_when_read(inner, clock, whole):
    store = LimitedStore(inner, SharedLimits(clock=clock, bytes_per_second=1000.0))
    await fill(inner, a=b"x" * 1000)
    for _ in range(6):
        async with store.get("a") as reader:
            data = await reader.read() if whole else b"".join([chunk async for chunk in reader.chunks()])
            assert len(data) == 1000
    assert clock.seconds == pytest.approx(5.0, abs=0.1)


async def test_both_directions_and_all_stores_of_an_endpoint_share_one_rate(inner, clock):
    limits = SharedLimits(clock=clock, bytes_per_second=1000.0)
    one = LimitedStore(inner, limits)
    two = LimitedStore(MemoryStore("mem", "other", clock=clock), limits)
    await fill(inner, a=b"x" * 1000)
    for _ in range(3):
        async with one.get("a") as reader:
            await two.put("b", BytesBody(await reader.read()), attributes=NO_ATTRIBUTES)
    assert clock.seconds == pytest.approx(5.0, abs=0.1)


async def test_being_throttled_lowers_the_concurrency_for_all(inner, clock):
    limits = SharedLimits(clock=clock, concurrency=8)
    script = FaultScript(Fault("head", error=slow_down()), Fault("get", error=slow_down()))
    store = LimitedStore(FaultyStore(inner, script, clock=clock), limits)
    with pytest.raises(Throttled):
        await store.head("a")
    assert limits.places == 4
    with pytest.raises(Throttled):
        async with store.get("a"):
            pass
    assert limits.places == 2
    assert (limits.reads.active, limits.calls.active) == (0, 0)


async def test_a_copy_within_one_endpoint_does_not_wait_for_itself(inner, clock):
    store = LimitedStore(inner, SharedLimits(clock=clock, concurrency=1))
    await fill(inner, **{f"k{number}": b"x" for number in range(8)})

    class Reopening:
        size_bytes = 1
        replayable = True

        def __init__(self, key):
            self.key = key

        async def chunks(self):
            async with store.get(self.key) as reader:
                yield await reader.read()

    async def copy(key):
        async with store.get(key):
            await store.put(f"copy/{key}", Reopening(key), attributes=NO_ATTRIBUTES)

    async with asyncio.timeout(80), asyncio.TaskGroup() as group:
        for number in range(8):
            group.create_task(copy(f"k{number}"))


@pytest.mark.parametrize(
    "call",
    [
        lambda store: store.open(),
        lambda store: store.list_page(),
        lambda store: store.head("a"),
        lambda store: store.part_sizes("a", etag="*"),
        lambda store: store.put("b", BytesBody(b""), attributes=NO_ATTRIBUTES),
        lambda store: store.copy("a", "b"),
        lambda store: store.delete(["a"]),
        lambda store: store.read_tags("a"),
        lambda store: store.write_tags("a", {}),
        lambda store: store.read_acl("a"),
        lambda store: store.write_acl("a", []),
        lambda store: store.create_multipart("m", attributes=NO_ATTRIBUTES),
        lambda store: store.abort_multipart("m", "u"),
        lambda store: store.list_multiparts(),
        lambda store: store.create_bucket(),
    ],
)
async def test_every_call_takes_a_place(inner, clock, call):
    await fill(inner, a=b"1")
    limits = SharedLimits(clock=clock, concurrency=1)
    store = LimitedStore(inner, limits)
    epoch = await limits.enter(limits.calls)
    waiting = asyncio.ensure_future(call(store))
    for _ in range(5):
        await asyncio.sleep(0)
    assert not waiting.done()
    limits.leave(limits.calls, epoch)
    await asyncio.wait_for(waiting, 30)
    assert limits.calls.active == 0

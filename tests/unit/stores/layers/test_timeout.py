from __future__ import annotations

import asyncio

import pytest

from brigade.errors import NotFound, Unavailable
from brigade.objects import NO_ATTRIBUTES
from brigade.stores.base import BytesBody
from brigade.stores.layers.fault_script import Fault, FaultKind, FaultScript
from brigade.stores.layers.faults import FaultyStore
from brigade.stores.layers.timeout import TimedStore, Timeouts
from brigade.testing.bodies import StreamBody

SHORT = Timeouts(call_seconds=0.05, slow_call_seconds=0.05, idle_seconds=0.05, slowest_bytes_per_second=1e9)
# Where nothing is to be given up: long enough that a busy machine does not hold up one step for all of it.
PATIENT = Timeouts(call_seconds=0.5, slow_call_seconds=0.5, idle_seconds=0.5, slowest_bytes_per_second=1e9)


@pytest.fixture
def build(inner, clock):
    def make(*faults, timeouts=SHORT):
        script = FaultScript(*faults)
        return TimedStore(FaultyStore(inner, script, clock=clock), timeouts), script

    return make


async def upload(store):
    return await store.create_multipart("m", attributes=NO_ATTRIBUTES)


CALLS = {
    "open": lambda store: store.open(),
    "list_page": lambda store: store.list_page(),
    "head": lambda store: store.head("a"),
    "part_sizes": lambda store: store.part_sizes("a", etag="*"),
    "put": lambda store: store.put("b", BytesBody(b"1"), attributes=NO_ATTRIBUTES),
    "copy": lambda store: store.copy("a", "c"),
    "delete": lambda store: store.delete(["a"]),
    "read_tags": lambda store: store.read_tags("a"),
    "write_tags": lambda store: store.write_tags("a", {}),
    "read_acl": lambda store: store.read_acl("a"),
    "write_acl": lambda store: store.write_acl("a", []),
    "create_multipart": upload,
    "put_part": lambda store: store.put_part("m", "u", 1, BytesBody(b"x")),
    "list_parts": lambda store: store.list_parts("m", "u"),
    "complete_multipart": lambda store: store.complete_multipart("m", "u", []),
    "abort_multipart": lambda store: store.abort_multipart("m", "u"),
    "list_multiparts": lambda store: store.list_multiparts(),
    "create_bucket": lambda store: store.create_bucket(),
}


@pytest.mark.parametrize("operation", CALLS)
async def test_a_call_that_hangs_is_given_up_as_unavailable(build, operation):
    store, script = build(Fault(operation, FaultKind.HANG))
    with pytest.raises(Unavailable, match="no progress"):
        await CALLS[operation](store)
    script.assert_all_fired()
    assert asyncio.current_task().cancelling() == 0


async def test_opening_that_hangs_is_given_up(build):
    store, _ = build(Fault("get", FaultKind.HANG))
    with pytest.raises(Unavailable):
        async with store.get("a"):
            pass


async def test_calls_in_time_go_through_as_they_are(build, inner):
    store, _ = build(timeouts=PATIENT)
    await store.put("a", StreamBody([b"12", b"3"]), attributes=NO_ATTRIBUTES)
    async with store.get("a") as reader:
        assert b"".join([chunk async for chunk in reader.chunks()]) == b"123"
    async with store.get("a") as reader:
        assert await reader.read() == b"123"
    with pytest.raises(NotFound):
        await store.head("b")
    await asyncio.sleep(0.1)


async def test_a_cancel_from_outside_stays_a_cancel(build):
    store, _ = build(Fault("head", FaultKind.HANG), timeouts=Timeouts())
    task = asyncio.ensure_future(store.head("a"))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


class Slow:
    """A store whose reads and writes take a step for each piece."""

    name = "slow"

    def __init__(self, *steps_seconds):
        self.steps_seconds = steps_seconds
        self.info = None

    async def put(self, key, body, **rest):
        pieces = []
        async for piece in body.chunks():
            pieces.append(piece)
            await asyncio.sleep(self.steps_seconds[len(pieces) - 1])
        return b"".join(pieces)

    def get(self, key, **rest):
        return self

    async def __aenter__(self):
        return self

    async def __aexit__(self, *error):
        return None

    async def chunks(self):
        for step in self.steps_seconds:
            await asyncio.sleep(step)
            yield b"x"


async def test_a_body_may_take_long_as_long_as_it_moves():
    store = TimedStore(Slow(0.2, 0.2, 0.2, 0.2), PATIENT)
    assert await store.put("a", StreamBody([b"x"] * 4), attributes=NO_ATTRIBUTES) == b"xxxx"
    async with store.get("a") as reader:
        assert [chunk async for chunk in reader.chunks()] == [b"x"] * 4


async def test_a_body_that_stops_moving_is_given_up():
    store = TimedStore(Slow(0.0, 5.0), SHORT)
    with pytest.raises(Unavailable):
        await store.put("a", StreamBody([b"x"] * 2), attributes=NO_ATTRIBUTES)
    with pytest.raises(Unavailable):
        async with store.get("a") as reader:
            async for _ in reader.chunks():
                pass


async def test_a_slow_source_is_not_held_against_the_target():
    class SlowBody:
        size_bytes = 2
        replayable = False

        async def chunks(self):
            for _ in range(2):
                await asyncio.sleep(0.7)
                yield b"x"

    store = TimedStore(Slow(0.0, 0.0), PATIENT)
    assert await store.put("a", SlowBody(), attributes=NO_ATTRIBUTES) == b"xx"


async def test_a_slow_reader_is_not_held_against_the_store():
    store = TimedStore(Slow(0.0, 0.0), PATIENT)
    async with store.get("a") as reader:
        async for _ in reader.chunks():
            await asyncio.sleep(0.7)


def test_a_body_in_memory_gets_its_time_by_size():
    assert Timeouts(idle_seconds=10, slowest_bytes_per_second=1000).whole_seconds(5000) == 15

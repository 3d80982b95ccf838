from __future__ import annotations

import pytest

from brigade.errors import NotFound, Unavailable
from brigade.objects import NO_ATTRIBUTES
from brigade.stores.base import BytesBody
from brigade.stores.layers.fault_script import Fault, FaultKind, FaultScript
from brigade.stores.layers.faults import FaultyStore
from brigade.stores.layers.observe import ObservedStore


class StreamBody:
    replayable = True

    def __init__(self, *chunks):
        self.pieces = chunks
        self.size_bytes = sum(map(len, chunks))

    async def chunks(self):
        for piece in self.pieces:
            yield piece


@pytest.fixture
def moved():
    return []


@pytest.fixture
def store(inner, telemetry, moved):
    return ObservedStore(inner, telemetry, moved.append)


async def test_counts_each_outcome_under_its_name(store, telemetry):
    await store.put("a", BytesBody(b"1234"), attributes=NO_ATTRIBUTES)
    with pytest.raises(NotFound):
        await store.head("b")
    with pytest.raises(NotFound):
        async with store.get("b"):
            pass
    assert telemetry.requests == {
        ("mem:bucket", "put", "ok"): 1,
        ("mem:bucket", "head", "NotFound"): 1,
        ("mem:bucket", "get", "NotFound"): 1,
    }


async def test_counts_bytes_in_both_directions(store, telemetry):
    await store.put("a", StreamBody(b"12", b"34"), attributes=NO_ATTRIBUTES)
    await store.put("b", BytesBody(b"123"), attributes=NO_ATTRIBUTES)
    async with store.get("a") as reader:
        assert b"".join([chunk async for chunk in reader.chunks()]) == b"1234"
    async with store.get("b") as reader:
        assert await reader.read() == b"123"
    assert telemetry.written_bytes == {"mem:bucket": 7}
    assert telemetry.read_bytes == {"mem:bucket": 7}


async def test_tells_of_bytes_as_they_move(store, moved):
    await store.put("a", StreamBody(b"12", b"345"), attributes=NO_ATTRIBUTES)
    await store.put("b", BytesBody(b"1"), attributes=NO_ATTRIBUTES)
    upload = await store.create_multipart("m", attributes=NO_ATTRIBUTES)
    await store.put_part("m", upload, 1, BytesBody(b"xy"))
    assert moved == [2, 3, 1, 2]


async def test_takes_back_what_a_failed_attempt_told(inner, telemetry, moved, clock):
    script = FaultScript(Fault("put", FaultKind.LOSE_ANSWER))
    store = ObservedStore(FaultyStore(inner, script, clock=clock), telemetry, moved.append)
    with pytest.raises(Unavailable):
        await store.put("a", StreamBody(b"12", b"345"), attributes=NO_ATTRIBUTES)
    assert moved == [2, 3, -5]
    assert telemetry.written_bytes == {}


async def test_a_body_in_memory_goes_in_as_it_is_because_stores_send_it_faster(telemetry, inner):
    seen = []

    class Spy:
        name = "spy"

        async def put(self, key, body, **rest):
            seen.append(body)
            return await inner.put(key, body, **rest)

    body = BytesBody(b"1")
    await ObservedStore(Spy(), telemetry).put("a", body, attributes=NO_ATTRIBUTES)
    assert seen == [body]

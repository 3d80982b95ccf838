from __future__ import annotations

from contextlib import asynccontextmanager

import pytest

from brigade.decide.backoff import Backoff
from brigade.errors import AccessDenied, Corrupt, NotFound, PreconditionFailed, SourceChanged, Throttled, Unavailable
from brigade.objects import NO_ATTRIBUTES, Attributes
from brigade.stores.base import ALWAYS, BytesBody, Condition
from brigade.stores.layers.fault_script import Fault, FaultKind, FaultScript, slow_down
from brigade.stores.layers.faults import FaultyStore
from brigade.stores.layers.retry import RetryingStore


class OneWayBody:
    size_bytes = 2
    replayable = False

    async def chunks(self):
        yield b"xy"


@pytest.fixture
def build(inner, clock, telemetry):
    def make(*faults, **backoff):
        script = FaultScript(*faults)
        faulty = FaultyStore(inner, script, clock=clock)
        store = RetryingStore(faulty, clock=clock, telemetry=telemetry, backoff=Backoff(**backoff))
        return store, script

    return make


CALLS = {
    "open": lambda store: store.open(),
    "list_page": lambda store: store.list_page(),
    "head": lambda store: store.head("a"),
    "part_sizes": lambda store: store.part_sizes("a", etag="*"),
    "put": lambda store: store.put("b", BytesBody(b"1"), attributes=NO_ATTRIBUTES),
    "copy": lambda store: store.copy("a", "c"),
    "delete": lambda store: store.delete(["c"]),
    "read_tags": lambda store: store.read_tags("a"),
    "write_tags": lambda store: store.write_tags("a", {"k": "v"}),
    "read_acl": lambda store: store.read_acl("a"),
    "write_acl": lambda store: store.write_acl("a", []),
    "list_multiparts": lambda store: store.list_multiparts(),
    "abort_multipart": lambda store: store.abort_multipart("m", "gone"),
    "create_bucket": lambda store: store.create_bucket(),
}


async def test_an_upload_is_not_begun_twice_since_the_first_may_be_there(build, inner):
    store, script = build(Fault("create_multipart", FaultKind.LOSE_ANSWER))
    with pytest.raises(Unavailable):
        await store.create_multipart("n", attributes=NO_ATTRIBUTES)
    script.assert_all_fired()
    assert len(await inner.list_multiparts("n")) == 1, "the engine finds it by its intent"


@pytest.mark.parametrize("operation", CALLS)
async def test_a_passing_fault_is_not_seen_by_the_caller(operation, build, inner, telemetry):
    await inner.put("a", BytesBody(b"1"), attributes=NO_ATTRIBUTES)
    store, script = build(Fault(operation, times=3))
    await CALLS[operation](store)
    script.assert_all_fired()
    assert telemetry.retries == {("mem:bucket", operation): 3}


@pytest.mark.parametrize("operation", CALLS)
async def test_an_error_that_stays_is_raised_as_it_came(operation, build, inner):
    await inner.put("a", BytesBody(b"1"), attributes=NO_ATTRIBUTES)
    store, _ = build(Fault(operation, error=slow_down(), times=100), attempts=4)
    with pytest.raises(Throttled):
        await CALLS[operation](store)


async def test_parts_are_retried(build, inner):
    store, script = build(Fault("put_part"), Fault("list_parts"))
    upload = await store.create_multipart("m", attributes=NO_ATTRIBUTES)
    part = await store.put_part("m", upload, 1, BytesBody(b"x"))
    assert await store.list_parts("m", upload) == [part]
    script.assert_all_fired()


async def test_what_is_final_is_not_tried_again(build, telemetry):
    store, _ = build(Fault("head", error=lambda: AccessDenied("no"), times=100))
    with pytest.raises(AccessDenied):
        await store.head("a")
    assert not telemetry.retries


@pytest.mark.parametrize("error", [SourceChanged("changed"), Corrupt("damaged")])
async def test_what_needs_the_source_again_is_left_to_whoever_can_read_it(build, telemetry, error):
    store, _ = build(Fault("put", error=lambda: error))
    with pytest.raises(type(error)):
        await store.put("a", BytesBody(b"1"), attributes=NO_ATTRIBUTES)
    assert not telemetry.retries


async def test_attempts_and_pauses_are_bounded(build, clock):
    store, _ = build(Fault("head", times=100), attempts=4, base_seconds=1.0)
    with pytest.raises(Unavailable):
        await store.head("a")
    assert clock.slept_seconds == [0.75, 1.5, 3.0]


async def test_the_whole_time_is_bounded(build, clock):
    store, _ = build(Fault("head", times=1000), attempts=1000, base_seconds=1.0, total_seconds=30.0)
    with pytest.raises(Unavailable):
        await store.head("a")
    assert clock.seconds <= 30.0


async def test_retry_after_is_waited_for(build, clock, inner):
    await inner.put("a", BytesBody(b"1"), attributes=NO_ATTRIBUTES)
    store, _ = build(Fault("head", error=slow_down(7.0)))
    await store.head("a")
    assert len(clock.slept_seconds) == 1
    assert clock.slept_seconds[0] >= 7.0


@pytest.mark.parametrize("operation", ["put", "put_part"])
async def test_a_body_that_can_be_read_once_is_sent_once(operation, build, telemetry):
    store, _ = build(Fault(operation))
    upload = await store.create_multipart("m", attributes=NO_ATTRIBUTES)
    with pytest.raises(Unavailable):
        if operation == "put":
            await store.put("a", OneWayBody(), attributes=NO_ATTRIBUTES)
        else:
            await store.put_part("m", upload, 1, OneWayBody())
    assert not telemetry.retries


async def test_a_damaged_body_is_sent_again_from_its_start(build, inner):
    store, script = build(Fault("put", FaultKind.BREAK_BODY, after_bytes=1))
    await store.put("a", BytesBody(b"xyz"), attributes=NO_ATTRIBUTES)
    script.assert_all_fired()
    async with inner.get("a") as reader:
        assert await reader.read() == b"xyz"


async def test_opening_is_retried_and_the_body_is_not(build, inner):
    await inner.put("a", BytesBody(b"xyz"), attributes=NO_ATTRIBUTES)
    store, script = build(Fault("get"), Fault("get", FaultKind.BREAK_BODY, call=2, after_bytes=1))
    async with store.get("a") as reader:
        chunks = reader.chunks()
        assert await anext(chunks) == b"x"
        with pytest.raises(Unavailable):
            await anext(chunks)
    script.assert_all_fired()


async def test_each_attempt_to_open_is_a_new_one(inner, clock, telemetry):
    await inner.put("a", BytesBody(b"xyz"), attributes=NO_ATTRIBUTES)
    attempts = []

    class Shaky:
        name = "shaky"

        @asynccontextmanager
        async def get(self, key, **how):
            attempts.append(key)
            if len(attempts) == 1:
                raise Unavailable("later")
            async with inner.get(key, **how) as reader:
                yield reader

    async with RetryingStore(Shaky(), clock=clock, telemetry=telemetry).get("a") as reader:
        assert await reader.read() == b"xyz"
    assert attempts == ["a", "a"]


async def test_only_the_keys_that_failed_are_deleted_again(build, inner, clock, telemetry):
    asked = []

    class Moody:
        name = "moody"

        async def delete(self, keys, *, condition=ALWAYS):
            asked.append(list(keys))
            failing = {"b": Unavailable("later"), "c": AccessDenied("never")}
            return {key: failing.get(key) if len(asked) == 1 or key == "c" else None for key in keys}

    store = RetryingStore(Moody(), clock=clock, telemetry=telemetry)
    results = await store.delete(["a", "b", "c"])
    assert asked == [["a", "b", "c"], ["b"]]
    assert results["a"] is None
    assert results["b"] is None
    assert isinstance(results["c"], AccessDenied)


async def test_keys_that_fail_for_ever_are_answered_with_their_error(clock, telemetry):
    class Broken:
        name = "broken"

        async def delete(self, keys, *, condition=ALWAYS):
            return {key: Unavailable("later") for key in keys}

    results = await RetryingStore(Broken(), clock=clock, telemetry=telemetry).delete(["a"])
    assert isinstance(results["a"], Unavailable)


async def upload_one(store, key=b"x"):
    upload = await store.create_multipart("m", attributes=NO_ATTRIBUTES)
    part = await store.put_part("m", upload, 1, BytesBody(key))
    return upload, part


async def test_completing_is_seen_to_have_worked_when_the_answer_was_lost(build):
    store, script = build(Fault("complete_multipart", FaultKind.LOSE_ANSWER))
    upload, part = await upload_one(store)
    info = await store.complete_multipart("m", upload, [part])
    script.assert_all_fired()
    assert (info.key, info.size_bytes) == ("m", 1)


async def test_completing_that_was_sent_twice_below_is_seen_to_have_worked(build, inner):
    store, _ = build()
    upload, part = await upload_one(store)
    await inner.complete_multipart("m", upload, [part])
    assert (await store.complete_multipart("m", upload, [part])).size_bytes == 1


async def test_completing_is_not_taken_as_done_for_another_object(build, inner):
    async def replace(store):
        await store.put("m", BytesBody(b"other"), attributes=NO_ATTRIBUTES)

    store, script = build(
        Fault("complete_multipart", FaultKind.LOSE_ANSWER),
        Fault("list_parts", FaultKind.CHANGE, change=replace),
    )
    upload, part = await upload_one(store)
    with pytest.raises(NotFound):
        await store.complete_multipart("m", upload, [part])
    script.assert_all_fired()


async def test_an_equal_object_from_before_is_no_sign_that_completing_worked(build, inner):
    store, script = build(Fault("complete_multipart", times=1))
    upload, part = await upload_one(store)
    await store.complete_multipart("m", upload, [part])
    script.assert_all_fired()
    store, script = build(Fault("complete_multipart"))
    upload = await store.create_multipart("m", attributes=Attributes(metadata={"new": "1"}))
    part = await store.put_part("m", upload, 1, BytesBody(b"x"))
    await store.complete_multipart("m", upload, [part])
    script.assert_all_fired()
    assert (await inner.head("m")).attributes.metadata == {"new": "1"}


async def test_an_unknown_upload_is_an_error_at_the_first_attempt(build):
    store, _ = build()
    _, part = await upload_one(store)
    with pytest.raises(NotFound):
        await store.complete_multipart("m", "gone", [part])


async def test_a_conditional_put_whose_answer_was_lost_says_that_the_condition_failed(build, inner):
    store, _ = build(Fault("put", FaultKind.LOSE_ANSWER))
    with pytest.raises(PreconditionFailed):
        await store.put("a", BytesBody(b"1"), attributes=NO_ATTRIBUTES, condition=Condition(if_none_match="*"))
    assert (await inner.head("a")).size_bytes == 1

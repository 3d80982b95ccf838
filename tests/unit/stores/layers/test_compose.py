from __future__ import annotations

import pytest

from brigade.decide.backoff import Backoff
from brigade.errors import Rejected, Throttled
from brigade.objects import NO_ATTRIBUTES
from brigade.stores.base import BytesBody
from brigade.stores.layers.compose import compose
from brigade.stores.layers.fault_script import Fault, FaultKind, FaultScript, slow_down
from brigade.stores.layers.shared_limits import SharedLimits
from brigade.stores.layers.timeout import Timeouts


def order(store):
    names = []
    while hasattr(store, "inner"):
        names.append(type(store).__name__)
        store = store.inner
    return names


def test_the_order_is_the_documented_one(inner, clock, telemetry):
    store = compose(inner, clock=clock, telemetry=telemetry, faults=FaultScript(), prefix="p/", read_only=True)
    assert order(store) == [
        "ReadOnlyStore",
        "PrefixedStore",
        "RetryingStore",
        "LimitedStore",
        "ObservedStore",
        "TimedStore",
        "FaultyStore",
    ]


def test_what_is_not_asked_for_is_not_there(inner, clock, telemetry):
    store = compose(inner, clock=clock, telemetry=telemetry)
    assert order(store) == ["RetryingStore", "LimitedStore", "ObservedStore", "TimedStore"]


async def test_a_throttled_call_lowers_the_limit_is_counted_and_succeeds(inner, clock, telemetry):
    limits = SharedLimits(clock=clock, concurrency=8)
    script = FaultScript(Fault("put", error=slow_down(3.0)))
    store = compose(inner, clock=clock, telemetry=telemetry, limits=limits, faults=script)
    await store.put("a", BytesBody(b"1"), attributes=NO_ATTRIBUTES)
    assert limits.places == 4
    assert telemetry.requests == {("mem:bucket", "put", "Throttled"): 1, ("mem:bucket", "put", "ok"): 1}
    assert clock.slept_seconds[0] >= 3.0


async def test_a_call_that_pauses_before_its_next_attempt_holds_no_place(inner, clock, telemetry):
    limits = SharedLimits(clock=clock, concurrency=1)
    active_while_pausing = []

    class WatchedClock(type(clock)):
        async def sleep(self, seconds):
            active_while_pausing.append(limits.calls.active)
            await super().sleep(seconds)

    script = FaultScript(Fault("put", times=2))
    store = compose(inner, clock=WatchedClock(), telemetry=telemetry, limits=limits, faults=script)
    await store.put("a", BytesBody(b"1"), attributes=NO_ATTRIBUTES)
    assert active_while_pausing == [0, 0]


async def test_a_hanging_attempt_is_given_up_and_made_again(inner, clock, telemetry):
    script = FaultScript(Fault("put", FaultKind.HANG))
    store = compose(inner, clock=clock, telemetry=telemetry, faults=script, timeouts=Timeouts(idle_seconds=0.05))
    await store.put("a", BytesBody(b"1"), attributes=NO_ATTRIBUTES)
    assert telemetry.requests["mem:bucket", "put", "Unavailable"] == 1


async def test_the_progress_is_right_in_the_end_though_an_attempt_failed(inner, clock, telemetry):
    moved = []
    script = FaultScript(Fault("put", FaultKind.BREAK_BODY, after_bytes=50))
    store = compose(inner, clock=clock, telemetry=telemetry, faults=script, moved=moved.append)
    await store.put("a", BytesBody(b"x" * 100), attributes=NO_ATTRIBUTES)
    assert sum(moved) == 100


async def test_bounds_of_retrying_are_obeyed(inner, clock, telemetry):
    script = FaultScript(Fault("put", error=slow_down(), times=9))
    store = compose(inner, clock=clock, telemetry=telemetry, faults=script, backoff=Backoff(attempts=2))
    with pytest.raises(Throttled):
        await store.put("a", BytesBody(b"1"), attributes=NO_ATTRIBUTES)


async def test_a_read_only_view_refuses_before_anything_is_spent(inner, clock, telemetry):
    store = compose(inner, clock=clock, telemetry=telemetry, read_only=True, prefix="p/")
    with pytest.raises(Rejected):
        await store.put("a", BytesBody(b"1"), attributes=NO_ATTRIBUTES)
    assert telemetry.requests == {}

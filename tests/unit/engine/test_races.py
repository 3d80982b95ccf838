"""Somebody else writes while the run goes on: the target holds one version or the other, never a mixture."""

from __future__ import annotations

from dataclasses import replace

import pytest

from brigade.engine.report import ActionKind
from brigade.errors import StorageFull
from brigade.objects import Attributes
from brigade.replications import DeleteMode, Policy
from brigade.stores.layers.fault_script import Fault, FaultKind, FaultScript
from brigade.stores.memory import MEMORY_CAPABILITIES
from brigade.testing.workbench import SMALL_LIMITS, Faults, content, contents, held, put, put_parts

NEW = content(230, "new")
SIZES = {"small": 10, "streamed": 90, "large": 250, "parts": 0}
SOURCES = {
    "etags": MEMORY_CAPABILITIES,
    "no etags": replace(MEMORY_CAPABILITIES, content_etags=False),
    "no conditional reads": replace(MEMORY_CAPABILITIES, conditional_reads=False),
    "no etags, no conditional reads": replace(MEMORY_CAPABILITIES, content_etags=False, conditional_reads=False),
}


async def fill(bench):
    for key, size in SIZES.items():
        if size:
            await put(bench.source, key, content(size, key))
    await put_parts(bench.source, "parts", [content(80, "1"), content(80, "2"), content(70, "3")])
    bench.clock.advance(10)


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("key", SIZES)
@pytest.mark.parametrize("call", [1, 2, 3])
@pytest.mark.parametrize("after_bytes", [0, 1])
async def test_a_source_that_changes_before_or_during_a_read_leaves_the_new_version(
    build, source, key, call, after_bytes
):
    bench = await build(source=SOURCES[source])
    await fill(bench)

    async def change(store):
        bench.clock.advance(1)
        await put(store, key, NEW)

    script = FaultScript(Fault("get", FaultKind.CHANGE, key=key, call=call, after_bytes=after_bytes, change=change))
    ran = await bench.sync(faults=Faults(source=script))
    assert ran.result.counts.failed == 0, ran.outcomes
    there = (await held(bench.target))[key].data
    old_version = content(SIZES[key], key) if key != "parts" else content(80, "1") + content(80, "2") + content(70, "3")
    assert there in (old_version, NEW)
    if script.fired and not after_bytes:
        assert there == NEW
    bench.clock.advance(100)
    ran = await bench.sync()
    assert ran.result.in_step
    assert contents(await held(bench.target)) == contents(await held(bench.source))
    assert await bench.target.list_multiparts() == []


@pytest.mark.parametrize("key", SIZES)
async def test_a_source_object_that_vanishes_is_skipped(bench, key):
    await fill(bench)

    async def change(store):
        await store.delete([key])

    operation = "head" if key == "parts" else "get"
    script = FaultScript(Fault(operation, FaultKind.CHANGE, key=key, change=change))
    ran = await bench.sync(faults=Faults(source=script))
    script.assert_all_fired()
    assert ran.outcomes[key].action is ActionKind.SKIP
    assert "gone" in ran.outcomes[key].reason
    assert ran.result.in_step
    assert key not in await held(bench.target)
    assert await bench.target.list_multiparts() == []


async def test_a_source_that_never_stops_changing_fails_within_bounds(bench):
    await put(bench.source, "a", b"0")
    number = 0

    async def change(store):
        nonlocal number
        number += 1
        await put(store, "a", b"%d" % number)

    script = FaultScript(Fault("get", FaultKind.CHANGE, times=1000, change=change))
    ran = await bench.sync(faults=Faults(source=script))
    assert ran.result.counts.failed == 1
    assert "changed" in ran.outcomes["a"].error or "another one" in ran.outcomes["a"].error
    assert number == bench.limits.attempts


async def test_a_source_that_changes_while_bytes_are_compared_is_looked_at_again(build):
    bench = await build(source=replace(MEMORY_CAPABILITIES, local_reads=True, content_etags=False))
    await put(bench.source, "a", b"1")
    await put(bench.target, "a", b"1")
    bench.clock.advance(10)

    async def change(store):
        bench.clock.advance(1)
        await put(store, "a", b"2")

    script = FaultScript(Fault("get", FaultKind.CHANGE, change=change))
    ran = await bench.sync(faults=Faults(source=script))
    script.assert_all_fired()
    assert ran.keys(ActionKind.COPY) == ["a"]
    assert contents(await held(bench.target)) == {"a": b"2"}


@pytest.mark.parametrize("kind", [FaultKind.BREAK_BODY, FaultKind.RAISE])
async def test_a_connection_that_breaks_while_bytes_are_compared_is_tried_again(build, kind):
    bench = await build(source=replace(MEMORY_CAPABILITIES, local_reads=True, content_etags=False))
    await put(bench.source, "a", b"1")
    await put(bench.target, "a", b"1")
    script = FaultScript(Fault("get", kind, times=2))
    ran = await bench.sync(faults=Faults(source=script, retry=False))
    script.assert_all_fired()
    assert ran.result.in_step
    assert ran.result.counts.skipped == 1


async def test_a_target_that_vanishes_before_it_is_looked_at_is_copied(bench):
    await put(bench.target, "a", b"1", Attributes(metadata={"v": "1"}))
    await put(bench.source, "a", b"1")

    async def change(store):
        await store.delete(["a"])

    script = FaultScript(Fault("head", FaultKind.CHANGE, change=change))
    ran = await bench.sync(faults=Faults(target=script))
    script.assert_all_fired()
    assert ran.keys(ActionKind.COPY) == ["a"]


async def test_metadata_that_changes_during_a_long_copy_arrives(bench):
    await put_parts(bench.source, "a", [content(80, str(n)) for n in range(5)], Attributes(metadata={"v": "1"}))
    bench.clock.advance(100_000)

    async def change(store):
        bench.clock.advance(30)
        stored = store._objects["a"]
        stored.attributes = replace(stored.attributes, metadata={"v": "2"})
        stored.modified_ns = bench.clock.now_ns()
        bench.clock.advance(30)

    script = FaultScript(Fault("get", FaultKind.CHANGE, call=3, change=change))
    await bench.sync(faults=Faults(source=script))
    script.assert_all_fired()
    bench.clock.advance(100_000)
    await bench.sync()
    assert (await bench.target.head("a")).attributes.metadata == {"v": "2"}


async def test_a_full_target_stops_the_run_and_says_so(bench):
    for number in range(3000):
        await put(bench.source, f"{number:04}", b"1")
    full = lambda: StorageFull("no room left", store="target:bucket")  # noqa: E731
    script = FaultScript(Fault("put", call=3, times=10_000, error=full))
    policy = Policy(delete=DeleteMode.MIRROR)
    ran = await bench.sync(policy, faults=Faults(target=script), limits=replace(SMALL_LIMITS, transfers=1))
    assert "no room left" in ran.result.incomplete
    assert not ran.result.in_step
    assert ran.result.counts.copied == 2
    assert ran.requests("target", "put") == 3, "nobody goes on writing to a full store"


async def test_outcomes_and_counts_agree(bench):
    await fill(bench)
    await put(bench.target, "extra", b"1")
    ran = await bench.sync()
    assert len(ran.observer.outcomes) == ran.result.counts.considered == len(SIZES) + 1

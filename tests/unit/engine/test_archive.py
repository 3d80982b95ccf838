"""An archive takes from its source only what was proven and is still the same; what expires is not copied for ever."""

from __future__ import annotations

from dataclasses import replace

import pytest

from brigade.engine.follow_key import KeySettler
from brigade.engine.ledger import Ledger
from brigade.engine.report import ActionKind
from brigade.errors import AccessDenied
from brigade.objects import Attributes
from brigade.replications import Policy
from brigade.stores.layers.fault_script import Fault, FaultKind, FaultScript
from brigade.stores.layers.forward import ForwardingStore
from brigade.stores.memory import MEMORY_CAPABILITIES
from brigade.testing.clock import HurryingClock
from brigade.testing.workbench import Faults, content, contents, held, put, put_parts

ARCHIVE = Policy(retain_source=False)
OPAQUE = replace(MEMORY_CAPABILITIES, content_etags=False, proves_writes=True)
BLIND = replace(MEMORY_CAPABILITIES, content_etags=False, verifies_md5=False)
DAY_SECONDS = 24 * 3600


async def fill(bench):
    for key, size in {"empty": 0, "small": 10, "streamed": 90, "large": 1000}.items():
        await put(bench.source, key, content(size, key))
    await put_parts(bench.source, "parts", [content(70, "1"), content(70, "2")])
    return contents(await held(bench.source))


@pytest.mark.parametrize("target", [MEMORY_CAPABILITIES, OPAQUE], ids=["s3", "opaque"])
async def test_what_is_copied_with_proof_leaves_the_source(build, target):
    bench = await build(target=target)
    before = await fill(bench)
    ran = await bench.sync(ARCHIVE)
    assert ran.result.in_step, ran.outcomes
    assert ran.result.counts.archived == len(before)
    assert await held(bench.source) == {}
    assert contents(await held(bench.target)) == before
    assert all("deleted at the source" in outcome.reason for outcome in ran.outcomes.values())


async def test_what_is_in_step_already_leaves_the_source_too(bench):
    before = await fill(bench)
    bench.clock.advance(100)
    await bench.sync()
    bench.clock.advance(100)
    ran = await bench.sync(ARCHIVE)
    assert ran.keys(ActionKind.ARCHIVE) == sorted(before)
    assert ran.requests("target", "put", "get") == 0
    assert await held(bench.source) == {}


async def test_where_only_the_metadata_differs_the_whole_is_copied_before_the_source_is_deleted(bench):
    """A server may write the content anew when its metadata change, and nobody has proven what it wrote."""
    await put(bench.source, "a", b"1")
    bench.clock.advance(100)
    await bench.sync()
    bench.clock.advance(100)
    await bench.source.copy("a", "a", attributes=Attributes(metadata={"v": "2"}))
    ran = await bench.sync(ARCHIVE)
    assert ran.keys(ActionKind.COPY) == ["a"]
    assert (ran.requests("target", "put"), ran.requests("target", "copy")) == (1, 0)
    assert (await bench.target.head("a")).attributes.metadata == {"v": "2"}
    assert await held(bench.source) == {}


async def test_a_place_under_two_names_is_not_emptied(bench):
    before = await fill(bench)
    ran = await bench.sync(ARCHIVE, target=bench.source)
    assert all("one place" in outcome.error for outcome in ran.outcomes.values())
    assert contents(await held(bench.source)) == before


async def test_two_places_with_objects_of_the_same_moment_are_told_apart_once(bench):
    before = await fill(bench)
    await bench.sync()
    ran = await bench.sync(ARCHIVE)
    assert ran.keys(ActionKind.ARCHIVE) == sorted(before)
    assert (ran.requests("target", "put"), ran.requests("target", "delete")) == (1, 1)
    assert await held(bench.source) == {}
    assert contents(await held(bench.target)) == before


async def test_a_dry_run_and_a_usual_one_take_nothing_away(bench):
    before = await fill(bench)
    await bench.sync()
    ran = await bench.sync(ARCHIVE, dry_run=True)
    assert ran.keys(ActionKind.ARCHIVE) == sorted(before)
    await bench.sync()
    assert contents(await held(bench.source)) == before


async def test_what_was_only_compared_by_size_stays(build):
    bench = await build(target=BLIND)
    await put(bench.source, "a", content(10))
    ran = await bench.sync(ARCHIVE)
    assert ran.outcomes["a"].proof.is_weak
    await bench.sync(ARCHIVE)
    assert list(await held(bench.source)) == ["a"]


@pytest.mark.parametrize("when", ["copied before", "copied now"])
async def test_what_a_client_has_written_since_stays_and_is_copied_by_the_next_run(bench, when):
    await put(bench.source, "a", b"old")
    if when == "copied before":
        await bench.sync()
        bench.clock.advance(100)

    async def overwrite(store):
        bench.clock.advance(5)
        await put(store, "a", b"new")

    # The copy reads by GET; HEAD is the last question before the deletion.
    script = FaultScript(Fault("head", FaultKind.CHANGE, change=overwrite))
    ran = await bench.sync(ARCHIVE, faults=Faults(source=script))
    script.assert_all_fired()
    assert "stays at the source" in ran.outcomes["a"].reason
    assert ran.result.counts.archived == 0
    assert contents(await held(bench.source)) == {"a": b"new"}
    bench.clock.advance(100)
    await bench.sync(ARCHIVE)
    assert contents(await held(bench.target)) == {"a": b"new"}
    assert await held(bench.source) == {}


async def test_what_is_written_between_the_question_and_the_deletion_stays_where_the_store_deletes_on_condition(bench):
    await put(bench.source, "a", b"old")

    async def overwrite(store):
        await put(store, "a", b"new")

    script = FaultScript(Fault("delete", FaultKind.CHANGE, change=overwrite))
    ran = await bench.sync(ARCHIVE, faults=Faults(source=script))
    script.assert_all_fired()
    assert "stays at the source" in ran.outcomes["a"].reason
    assert contents(await held(bench.source)) == {"a": b"new"}


@pytest.mark.parametrize("on_condition", [True, False])
async def test_a_deletion_whose_answer_was_lost_is_not_made_again_upon_what_came_since(build, on_condition):
    bench = await build(source=replace(MEMORY_CAPABILITIES, conditional_deletes=on_condition))
    await put(bench.source, "a", b"old")

    async def write(store):
        bench.clock.advance(5)
        await put(store, "a", b"new")

    # The client writes while we pause before the second attempt.
    lost = Fault("delete", FaultKind.LOSE_ANSWER)
    script = FaultScript(lost, Fault("head", FaultKind.CHANGE, call=2, change=write))
    if on_condition:
        script = FaultScript(lost)
    ran = await bench.sync(ARCHIVE, faults=Faults(source=script))
    script.assert_all_fired()
    assert ran.result.counts.failed == 0
    assert contents(await held(bench.source)) == ({} if on_condition else {"a": b"new"})
    assert contents(await held(bench.target)) == {"a": b"old"}


async def test_a_failed_copy_leaves_the_source_alone(bench):
    await put(bench.source, "a", content(10))
    script = FaultScript(Fault("put", error=lambda: AccessDenied("no"), times=99))
    ran = await bench.sync(ARCHIVE, faults=Faults(target=script))
    assert ran.result.counts.failed == 1
    assert list(await held(bench.source)) == ["a"]


async def test_a_deletion_that_fails_is_a_failure_and_the_next_run_makes_up_for_it(bench):
    await put(bench.source, "a", content(10))
    script = FaultScript(Fault("delete", error=lambda: AccessDenied("may not delete"), times=99))
    ran = await bench.sync(ARCHIVE, faults=Faults(source=script))
    assert "may not delete" in ran.outcomes["a"].error
    bench.clock.advance(100)
    ran = await bench.sync(ARCHIVE)
    assert ran.keys(ActionKind.ARCHIVE) == ["a"]
    assert await held(bench.source) == {}


async def test_an_archive_that_is_followed_takes_away_what_it_copies(follow_bench):
    bench = follow_bench
    await put(bench.source, "a", content(10))
    await bench.mark("a")
    await bench.follow(ARCHIVE)
    assert list(await held(bench.target)) == ["a"]
    assert await held(bench.source) == {}


async def test_an_archive_that_is_followed_looks_at_both_sides_before_it_writes(follow_bench):
    """A server may claim conditions and heed none: then a blind write is no sign that the target is another place."""
    bench = follow_bench
    await put(bench.source, "a", b"1")

    class Heedless(ForwardingStore):
        writes = 0

        async def put(self, key, body, *, condition=None, **options):
            self.writes += key == "a"
            return await self.inner.put(key, body, **options)

    target = Heedless(bench.source)
    await bench.mark("a")
    await bench.follow(ARCHIVE, target=target)
    assert target.writes == 0
    assert contents(await held(bench.source)) == {"a": b"1"}


async def test_the_young_wait_and_are_not_deleted_for_it(bench):
    policy = Policy(copy_after_seconds=30 * DAY_SECONDS)
    await put(bench.source, "old", b"1")
    bench.clock.advance(31 * DAY_SECONDS)
    await put(bench.source, "young", b"2")
    await put(bench.target, "young", b"kept")
    ran = await bench.sync(policy)
    assert ran.keys(ActionKind.COPY) == ["old"]
    assert contents(await held(bench.target)) == {"old": b"1", "young": b"kept"}
    bench.clock.advance(31 * DAY_SECONDS)
    assert (await bench.sync(policy)).keys(ActionKind.COPY) == ["young"]


async def test_a_target_that_can_is_told_when_each_object_expires(build):
    bench = await build(target=replace(MEMORY_CAPABILITIES, delete_at=True))
    await put(bench.source, "a", b"1", Attributes(metadata={"old": "1"}))
    policy = Policy(expire_after_seconds=90 * DAY_SECONDS)
    await bench.sync(policy)
    told = (await bench.target.head("a")).attributes.delete_at_seconds
    assert told == bench.clock.now_ns() // 10**9 + 90 * DAY_SECONDS
    bench.clock.advance(DAY_SECONDS)
    await put(bench.source, "a", b"1", Attributes(metadata={"new": "1"}))
    bench.clock.advance(100)
    ran = await bench.sync(policy)
    assert ran.keys(ActionKind.COPY_METADATA) == ["a"]
    attributes = (await bench.target.head("a")).attributes
    assert attributes.metadata == {"new": "1"}
    assert attributes.delete_at_seconds == told, "another header does not make it live longer"


async def test_what_has_expired_is_not_copied_again_until_it_is_another(bench):
    policy = Policy(expire_after_seconds=90 * DAY_SECONDS)
    await put(bench.source, "a", b"1")
    await bench.sync(policy)
    await bench.target.delete(["a"])
    bench.clock.advance(100)
    ran = await bench.sync(policy)
    assert "expired" in ran.outcomes["a"].reason
    assert await held(bench.target) == {}
    assert (await bench.sync()).keys(ActionKind.COPY) == ["a"], "without the policy what is missing is missing"
    await bench.target.delete(["a"])
    await put(bench.source, "a", b"2")
    bench.clock.advance(100)
    assert (await bench.sync(policy)).keys(ActionKind.COPY) == ["a"]


@pytest.mark.parametrize("followed", [False, True])
async def test_how_old_an_object_is_counts_by_the_clock_that_wrote_its_time(build, followed):
    """Ours is ten days ahead: an object of this morning is no month old for that."""
    bench = await build(clock=HurryingClock()) if followed else await build()
    policy = Policy(copy_after_seconds=5 * DAY_SECONDS, retain_source=False)
    await put(bench.source, "a", b"1")
    bench.clock.advance(10 * DAY_SECONDS)
    bench.source.clock_offset_ns = -10 * DAY_SECONDS * 10**9
    if followed:
        await bench.mark("a")
        job, *_ = bench.job(policy, ledger=Ledger(bench.state, bench.replication_id, followed=True))
        settler = KeySettler(job)
        settler.refresh()
        assert (await settler.settle("a", None)).young_seconds > 4 * DAY_SECONDS
    else:
        assert (await bench.sync(policy)).result.counts.archived == 0
    assert list(await held(bench.source)) == ["a"]


async def test_an_object_expires_by_the_clock_of_the_store_that_deletes_it(build):
    bench = await build(target=replace(MEMORY_CAPABILITIES, delete_at=True))
    bench.target.clock_offset_ns = 10 * DAY_SECONDS * 10**9
    await put(bench.source, "a", b"1")
    await bench.sync(Policy(expire_after_seconds=5 * DAY_SECONDS))
    told = (await bench.target.head("a")).attributes.delete_at_seconds
    assert told == bench.clock.now_ns() // 10**9 + 15 * DAY_SECONDS

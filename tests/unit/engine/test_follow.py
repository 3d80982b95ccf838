"""Following: each marked key is made right, nothing that the source holds is deleted, nobody holds up the others."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from itertools import pairwise

import pytest

from brigade.decide.decide import target_print
from brigade.engine.follow import FollowLimits
from brigade.engine.follow_verdict import Health, Patience, verdict_of_error
from brigade.engine.ledger import Ledger
from brigade.engine.report import ActionKind
from brigade.errors import (
    AccessDenied,
    BucketMissing,
    InvalidKey,
    Rejected,
    StateError,
    StoreError,
    Throttled,
    Unavailable,
)
from brigade.objects import Attributes, Proof
from brigade.replications import DeleteMode, FilterRule, Policy
from brigade.state.owner import Owner
from brigade.state.rows import InventoryRow, RunKind, RunState
from brigade.stores.layers.fault_script import Fault, FaultKind, FaultScript, reset
from brigade.stores.layers.forward import ForwardingStore
from brigade.stores.memory import MEMORY_CAPABILITIES, MemoryStore
from brigade.testing.clock import HurryingClock
from brigade.testing.workbench import Faults, content, contents, held, put, put_parts

MIRROR = Policy(delete=DeleteMode.MIRROR)
TRACKED = Policy(delete=DeleteMode.TRACKED)
QUICK = FollowLimits(
    lease_seconds=20_000, patience=Patience(attempts=3, attempts_refused=2, base_seconds=0.1, cap_seconds=0.4)
)
TAGGING = replace(MEMORY_CAPABILITIES, tags=True)


@pytest.fixture
def bench(follow_bench):
    return follow_bench


async def lag(bench):
    return await bench.state.backlog.lag(bench.replication_id)


async def parked(bench):
    return {row.key: row.error for row in await bench.state.backlog.parked(bench.replication_id)}


async def test_what_is_marked_is_copied_and_nothing_else(bench):
    for key in ("a", "b", "odd//key\n", "unmarked"):
        await put(bench.source, key, content(10, key))
    await put_parts(bench.source, "parts", [content(80, "1"), content(80, "2")])
    await put(bench.source, "large", content(250))
    await bench.mark("a", "b", "odd//key\n", "parts", "large", "absent")
    ran = await bench.follow()
    assert ran.result.counts.copied == 5
    expected = contents(await held(bench.source))
    del expected["unmarked"]
    assert contents(await held(bench.target)) == expected
    assert await lag(bench) == (0, None, 0)
    assert await bench.ledger().uploads() == []


async def test_what_was_overwritten_is_copied_again(bench):
    for data in (b"one", b"two"):
        await put(bench.source, "a", data)
        await bench.mark("a")
        await bench.follow()
        assert contents(await held(bench.target)) == {"a": data}
        bench.clock.advance(1)


async def test_attributes_that_changed_alone_are_brought(build):
    bench = await build(source=TAGGING, target=TAGGING, clock=HurryingClock())
    await put(bench.source, "a", b"1", Attributes(metadata={"v": "1"}, tags={"t": "1"}))
    await bench.mark("a")
    await bench.follow()
    bench.clock.advance(10_000)
    await bench.source.write_tags("a", {"t": "2"})
    await bench.mark("a")
    ran = await bench.follow()
    assert ran.keys(ActionKind.COPY_METADATA) == ["a"]
    assert await bench.target.read_tags("a") == {"t": "2"}
    await bench.source.copy("a", "a", attributes=Attributes(content_type="text/plain", metadata={"v": "2"}))
    await bench.mark("a")
    ran = await bench.follow()
    assert ran.requests("", "get", "put") == 0
    assert await held(bench.target) == await held(bench.source)


async def test_an_event_that_came_twice_costs_one_look_at_the_source(bench):
    await put(bench.source, "a", b"1")
    bench.clock.advance(10)
    await bench.mark("a")
    await bench.follow()
    bench.clock.advance(10)
    await bench.mark("a")
    ran = await bench.follow()
    assert ran.keys(ActionKind.SKIP) == ["a"]
    assert (ran.requests("source"), ran.requests("target")) == (1, 0)


async def test_a_small_new_object_costs_one_request_on_each_side(bench):
    for key in "abc":
        await put(bench.source, key, b"1", Attributes(metadata={"v": key}))
    await bench.mark("a", "b", "c")
    ran = await bench.follow()
    assert ran.keys(ActionKind.COPY) == ["a", "b", "c"]
    assert (ran.requests("source"), ran.requests("target")) == (3, 3)
    assert {outcome.proof for outcome in ran.observer.outcomes} == {Proof.ETAG}
    assert await held(bench.target) == await held(bench.source)


async def test_what_the_target_has_already_is_not_written_over_unseen(bench):
    for number in range(20):
        await put(bench.source, f"{number:02}", b"1")
        await put(bench.target, f"{number:02}", b"1" if number % 2 else b"other")
    before = await held(bench.target)
    await bench.mark(*before)
    ran = await bench.follow(replace(MIRROR, update=False))
    assert ran.requests("target", "put") == 0
    assert await held(bench.target) == before
    await bench.mark(*before)
    ran = await bench.follow(limits=replace(QUICK, at_once=1))
    assert contents(await held(bench.target)) == contents(await held(bench.source))
    assert len(ran.keys(ActionKind.COPY)) == 10
    # Of ten nothing was known, and only the first of them was tried as if it were new.
    assert ran.requests("target", "put") == 11


async def test_a_large_new_object_is_not_held_whole(bench):
    await put(bench.source, "large", content(250))
    await bench.mark("large")
    ran = await bench.follow()
    assert contents(await held(bench.target)) == contents(await held(bench.source))
    assert ran.requests("source", "get") == 2, "opened, found to be large, and copied as large ones are"


@pytest.mark.parametrize("kind", [FaultKind.FLIP_BIT, FaultKind.CUT_BODY, FaultKind.BREAK_BODY])
async def test_what_is_damaged_on_the_way_is_copied_again_at_once(bench, kind):
    await put(bench.source, "a", b"right")
    await bench.mark("a")
    script = FaultScript(Fault("get", kind, error=reset, after_bytes=2))
    ran = await bench.follow(faults=Faults(source=script))
    script.assert_all_fired()
    assert await parked(bench) == {}
    assert contents(await held(bench.target)) == {"a": b"right"}
    assert len(ran.observer.outcomes) == 1


async def test_a_new_object_whose_answer_was_lost_is_found_and_remembered(bench):
    await put(bench.source, "a", b"1")
    await bench.mark("a")
    script = FaultScript(Fault("put", FaultKind.LOSE_ANSWER, error=reset))
    await bench.follow(faults=Faults(target=script))
    script.assert_all_fired()
    assert await parked(bench) == {}
    assert await held(bench.target) == await held(bench.source)
    assert await lag(bench) == (0, None, 0)
    assert await bench.state.inventory.get_many(bench.replication_id, ["a"])


async def test_an_event_storm_on_one_key_is_one_copy(bench):
    await put(bench.source, "a", b"1")
    await asyncio.gather(*(bench.mark("a") for _ in range(500)))
    ran = await bench.follow()
    assert ran.requests("target", "put") == 1


async def test_a_key_marked_while_it_is_copied_is_looked_at_again(bench):
    await put(bench.source, "a", b"old")
    await bench.mark("a")

    class Slow(ForwardingStore):
        """While the first object is on its way to the target, the source gets another one."""

        async def put(self, key, body, **options):
            if contents(await held(bench.source)) == {"a": b"old"}:
                await put(bench.source, "a", b"new")
                await bench.mark("a")
            return await self.inner.put(key, body, **options)

    ran = await bench.follow(target=Slow(bench.target))
    assert len(ran.observer.outcomes) == 2
    assert contents(await held(bench.target)) == {"a": b"new"}


@pytest.mark.parametrize(("policy", "stays"), [(Policy(), True), (MIRROR, False), (TRACKED, False)])
async def test_a_confirmed_404_deletes_as_the_policy_says(bench, policy, stays):
    await put(bench.source, "a", b"1")
    await bench.mark("a")
    await bench.follow(policy)
    await bench.source.delete(["a"])
    await bench.mark("a")
    ran = await bench.follow(policy)
    assert ("a" in await held(bench.target)) is stays
    assert (ran.keys(ActionKind.DELETE) == ["a"]) is not stays
    assert (await lag(bench)).length == 0
    if not stays:
        assert await bench.state.inventory.is_empty(bench.replication_id)


async def test_tracked_leaves_what_somebody_else_wrote_and_parks_what_somebody_else_changed(bench):
    await put(bench.target, "theirs", b"1")
    await put(bench.source, "changed", b"1")
    await bench.mark("changed")
    await bench.follow(TRACKED)
    await put(bench.target, "changed", b"by somebody else")
    await bench.source.delete(["changed"])
    await bench.mark("changed", "theirs")
    await bench.follow(TRACKED)
    assert set(await held(bench.target)) == {"theirs", "changed"}
    assert "changed at the target" in (await parked(bench))["changed"]


@pytest.mark.parametrize(
    "error",
    [
        lambda: AccessDenied("403", status=403),
        lambda: Unavailable("500", status=500),
        lambda: Unavailable("timed out"),
        lambda: BucketMissing("no such bucket", status=404),
        lambda: Rejected("400", status=400),
    ],
)
@pytest.mark.parametrize("operation", ["head", "list_page"])
async def test_an_error_of_the_source_deletes_nothing(bench, error, operation):
    await put(bench.target, "a", b"1")
    script = FaultScript(Fault(operation, times=1000, error=error))
    await bench.mark("a")
    ran = await bench.follow(MIRROR, faults=Faults(source=script), limits=QUICK)
    script.assert_all_fired()
    assert contents(await held(bench.target)) == {"a": b"1"}
    assert ran.requests("target", "delete") == 0
    assert list(await parked(bench)) == ["a"]


@pytest.mark.parametrize("policy", [MIRROR, Policy()])
@pytest.mark.parametrize("there", [{"a": b"1"}, {}])
async def test_a_missing_bucket_is_no_word_on_its_objects_even_if_the_look_says_not_found(bench, policy, there):
    """S3 answers a HEAD without a body: a missing bucket looks like a missing object."""
    for key, data in there.items():
        await put(bench.target, key, data)
    gone = MemoryStore("source", "gone", clock=bench.clock, exists=False)

    class Bodiless(ForwardingStore):
        async def head(self, key, *, version_id=None):
            return await bench.source.head("absent")

    await bench.mark("a")
    await bench.follow(policy, source=Bodiless(gone), limits=QUICK)
    assert contents(await held(bench.target)) == there
    assert "bucket" in (await parked(bench))["a"]


async def test_filters_hold_for_changes_too(bench):
    for key in ("in", "tmp/out"):
        await put(bench.source, key, b"1")
    await put(bench.target, "tmp/gone", b"1")
    await bench.mark("in", "tmp/out", "tmp/gone")
    await bench.follow(replace(MIRROR, filters=(FilterRule(False, "tmp/**"),)))
    assert set(await held(bench.target)) == {"in", "tmp/gone"}


async def test_an_object_too_young_is_copied_when_it_is_old_enough(bench):
    await put(bench.source, "a", b"1")
    await bench.mark("a")
    before = bench.clock.monotonic_seconds()
    await bench.follow(Policy(min_age_seconds=3))
    assert bench.clock.monotonic_seconds() - before >= 3
    assert set(await held(bench.target)) == {"a"}


async def test_one_poisoned_object_is_parked_with_its_reason_while_the_rest_proceeds(bench):
    for number in range(50):
        await put(bench.source, f"{number:02}", b"1")
    script = FaultScript(Fault("put", key="07", times=1000, error=lambda: Unavailable("500 for this one", status=500)))
    await bench.mark(*(f"{number:02}" for number in range(50)))
    ran = await bench.follow(faults=Faults(target=script), limits=QUICK)
    assert len(await held(bench.target)) == 49
    assert list(await parked(bench)) == ["07"]
    assert "500 for this one" in (await parked(bench))["07"]
    assert ran.outcomes["07"].error
    assert ran.result.counts.failed == 1
    assert await bench.state.backlog.unpark(bench.replication_id) == 1
    await bench.follow()
    assert len(await held(bench.target)) == 50


@pytest.mark.parametrize(
    ("error", "attempts"),
    [
        (lambda: InvalidKey("cannot hold this key"), 1),
        (lambda: Rejected("refused"), QUICK.patience.attempts_refused),
        (lambda: AccessDenied("not here"), QUICK.patience.attempts),
    ],
)
async def test_how_often_a_key_is_tried_depends_on_the_error(bench, error, attempts):
    await put(bench.source, "a", b"1")
    await bench.mark("a")
    script = FaultScript(Fault("put", times=1000, error=error))
    ran = await bench.follow(faults=Faults(target=script), limits=QUICK)
    assert ran.requests("target", "put") == attempts
    assert list(await parked(bench)) == ["a"]


async def test_a_key_that_is_denied_while_others_go_well_is_soon_given_up(bench):
    for number in range(10):
        await put(bench.source, f"k{number}", b"1")
    await bench.mark(*(f"k{number}" for number in range(10)))
    script = FaultScript(Fault("put", key="k5", times=1000, error=lambda: AccessDenied("not this one", status=403)))
    patience = Patience(attempts=100, attempts_denied=4, base_seconds=0.1, cap_seconds=0.4)
    limits = FollowLimits(lease_seconds=20_000, patience=patience)
    ran = await bench.follow(faults=Faults(target=script), limits=limits)
    assert ran.requests("target", "put") == 9 + 4
    assert list(await parked(bench)) == ["k5"]


def test_what_is_remembered_of_failing_keys_is_bounded():
    health = Health()
    for number in range(3000):
        health.failed(f"k{number}", AccessDenied("no"))
    health.well()
    assert health.others_go_well("k2999")
    # Of the first ones nothing is known any more, so they are tried for longer.
    assert not health.others_go_well("k0")


async def test_the_pauses_between_attempts_grow(bench):
    await put(bench.source, "a", b"1")
    await bench.mark("a")
    times = []

    def error() -> StoreError:
        times.append(bench.clock.monotonic_seconds())
        return Rejected("no")

    limits = FollowLimits(lease_seconds=20_000, patience=Patience(attempts_refused=4, base_seconds=1, cap_seconds=100))
    await bench.follow(faults=Faults(target=FaultScript(Fault("put", times=1000, error=error))), limits=limits)
    pauses = [later - earlier for earlier, later in pairwise(times)]
    assert len(pauses) == 3
    assert all(pause >= least for pause, least in zip(pauses, (0.5, 1, 2), strict=True))


def test_each_pause_is_twice_the_last_and_an_outage_uses_up_no_attempt():
    patience = Patience(attempts=5, base_seconds=1, cap_seconds=100)

    def after(attempts, *, outage=False):
        error = Unavailable("down", status=503)
        return verdict_of_error(error, attempts=attempts, outage=outage, patience=patience, random=0.5)

    assert [after(attempts).again_seconds for attempts in range(5)] == [0.75, 1.5, 3, 6, None]
    assert after(4, outage=True).again_seconds == 12
    assert not after(4, outage=True).counts
    slow_down = Throttled("less", status=503, retry_after_seconds=40)
    verdict = verdict_of_error(slow_down, attempts=0, outage=False, patience=patience, random=0.5)
    assert verdict.again_seconds is not None
    assert verdict.again_seconds >= 40


async def test_an_outage_of_a_store_parks_nothing(bench):
    for number in range(40):
        await put(bench.source, f"{number:02}", b"1")
    await bench.mark(*(f"{number:02}" for number in range(40)))
    script = FaultScript(Fault("put", times=60, error=lambda: Unavailable("down", status=503)))
    ran = await bench.follow(faults=Faults(target=script, retry=False), limits=QUICK)
    script.assert_all_fired()
    assert await parked(bench) == {}
    assert len(await held(bench.target)) == 40
    assert ran.result.counts.failed == 0


async def test_a_mistake_at_one_key_is_parked_and_stops_nobody(bench):
    class Broken(ForwardingStore):
        def get(self, key, **options):
            if key == "bad":
                raise KeyError("a bug")
            return self.inner.get(key, **options)

    for key in ("bad", "good"):
        await put(bench.source, key, b"1")
    await bench.mark("bad", "good")
    await bench.follow(source=Broken(bench.source))
    assert set(await held(bench.target)) == {"good"}
    assert "KeyError" in (await parked(bench))["bad"]


async def test_one_source_reaches_two_targets_each_by_its_own_rows(bench):
    await put(bench.source, "a", b"1")
    second = MemoryStore("second", "bucket", clock=bench.clock)
    other_id = await bench.state.replications.ensure("second", "memory → second")
    jobs = {}
    for replication_id, target in ((bench.replication_id, bench.target), (other_id, second)):
        ledger = Ledger(bench.state, replication_id, followed=True)
        jobs[replication_id], _, _ = bench.job(target=target, ledger=ledger)
        await bench.state.backlog.mark(replication_id, ["a"], live=True)
    await bench.follower(jobs).run(once=True)
    assert contents(await held(bench.target)) == contents(await held(second)) == {"a": b"1"}


async def test_a_target_that_hangs_holds_up_no_other_replication(bench):
    """A flood for a target that never answers, and a few keys for one that does."""

    class Hanging(ForwardingStore):
        async def put(self, key, body, **options):
            await asyncio.Event().wait()

    other_id = await bench.state.replications.ensure("other", "memory → other")
    slow, _, _ = bench.job(
        target=Hanging(bench.target), ledger=Ledger(bench.state, bench.replication_id, followed=True)
    )
    quick, observer, _ = bench.job(ledger=Ledger(bench.state, other_id, followed=True))
    keys = [f"{number:04}" for number in range(400)]
    for key in keys:
        await put(bench.source, key, b"1")
    await bench.mark(*keys)
    await bench.state.backlog.mark(other_id, keys[:50], live=False)
    limits = FollowLimits(lease_seconds=20_000, at_once=8, waiting=8, claims=16)
    follower = bench.follower({bench.replication_id: slow, other_id: quick}, limits=limits)
    running = asyncio.ensure_future(follower.run())
    while len(observer.outcomes) < 50:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    assert len(follower.lines[bench.replication_id].held) <= 16, "the slow one's claims are bounded"
    follower.stop(0)
    await running
    assert (await bench.state.backlog.lag(bench.replication_id)).length == 400
    assert (await bench.state.backlog.lag(other_id)).length == 0
    assert len(await bench.state.backlog.claim([bench.replication_id], "next", 500, 60)) == 400, "all was given back"


async def test_deletions_wait_for_a_reconcile_that_may_still_copy_what_it_read(bench):
    state = bench.state
    run = await state.runs.begin(bench.replication_id, RunKind.SYNC, {}, Owner.current(), 1000)
    await bench.mark("a")
    job, observer, _ = bench.job(MIRROR, ledger=Ledger(state, bench.replication_id, followed=True))
    follower = bench.follower({bench.replication_id: job})
    running = asyncio.ensure_future(follower.run(once=True))
    while not observer.outcomes:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    # The follower has looked at the key; now the reconcile's copy of what is gone arrives.
    await put(bench.target, "a", b"stale")
    await asyncio.sleep(0.05)
    assert not running.done()
    await state.runs.finish(run, RunState.DONE, {})
    await running
    assert await held(bench.target) == {}


async def test_what_a_reconcile_copied_last_of_all_is_deleted_when_it_is_gone(bench):
    """The reconcile puts its copy on record and ends while the follower, who asked before that, looks at the key."""
    state = bench.state
    run = await state.runs.begin(bench.replication_id, RunKind.SYNC, {}, Owner.current(), 1000)
    await put(bench.target, "a", b"1")
    copied = await bench.target.head("a")
    row = InventoryRow("a", "print", target_print(copied), Proof.ETAG, True, False, 0)

    class Ending(ForwardingStore):
        async def head(self, key, *, version_id=None):
            if (await state.runs.last(bench.replication_id)).state is RunState.RUNNING:
                await state.inventory.put_if(bench.replication_id, [row])
                await state.runs.finish(run, RunState.DONE, {})
            return await super().head(key, version_id=version_id)

    await bench.mark("a")
    await bench.follow(TRACKED, source=Ending(bench.source))
    assert await held(bench.target) == {}
    assert (await lag(bench)).length == 0


async def test_the_state_may_be_away_for_a_while(bench, monkeypatch):
    await put(bench.source, "a", b"1")
    await bench.mark("a")
    backlog = bench.state.backlog
    away = {"claim": 3, "done": 2}

    def failing(name):
        real = getattr(backlog, name)

        async def call(*args, **options):
            if away[name]:
                away[name] -= 1
                raise StateError("the state is away")
            return await real(*args, **options)

        return call

    for name in away:
        monkeypatch.setattr(backlog, name, failing(name))
    await bench.follow(limits=FollowLimits(lease_seconds=20))
    assert away == {"claim": 0, "done": 0}
    assert contents(await held(bench.target)) == {"a": b"1"}
    assert (await lag(bench)).length == 0


async def test_errors_that_pass_leave_no_trace(bench):
    for number in range(10):
        await put(bench.source, f"{number}", b"1")
    await bench.mark(*(f"{number}" for number in range(10)))
    script = FaultScript(Fault("get", call=3, times=2, error=reset), Fault("put", call=5, error=reset))
    ran = await bench.follow(faults=Faults(source=script, target=script))
    assert ran.result.counts.copied == 10
    assert await lag(bench) == (0, None, 0)

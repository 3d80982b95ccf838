"""Which run a process takes part in, when it begins one, and when there is nothing to do."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from types import MappingProxyType

import pytest

from brigade.clock import SystemClock
from brigade.control.history import Lines, report, run_of, runs
from brigade.control.sharing import SharedRuns
from brigade.control.sync import policy_as_json, sync
from brigade.control.verifying import verify_if_asked
from brigade.control.work import Work
from brigade.engine.lease import begin_run
from brigade.engine.report import RunResult
from brigade.errors import Missing, Refused, Unavailable, UsageError
from brigade.replications import CompareMode, DeleteMode, FilterRule, Policy
from brigade.state.owner import Owner
from brigade.state.rows import RunKind, RunState
from brigade.state.state import State
from brigade.stores.layers.forward import ForwardingStore
from brigade.stores.memory import MemoryStore
from brigade.testing.observer import RecordingObserver
from brigade.testing.workbench import held, put

POLICY = Policy(delete=DeleteMode.TRACKED, filters=(FilterRule(False, "*.tmp"),))
ELSEWHERE = Owner("elsewhere", "other-boot/1", 1, 1)
DEAD = Owner.current()._replace(started=Owner.current().started - 1)


class QuickClock(SystemClock):
    """Real time, some hours later if the test says so; nobody sleeps for long."""

    def __init__(self) -> None:
        super().__init__()
        self.ahead_seconds = 0.0

    def now_ns(self):
        return super().now_ns() + round(self.ahead_seconds * 1e9)

    def monotonic_seconds(self):
        return super().monotonic_seconds() + self.ahead_seconds

    async def sleep(self, seconds):
        await asyncio.sleep(seconds / 50)


class Broken(ForwardingStore):
    async def list_page(self, *args, **options):
        raise Unavailable("broken", store="source", operation="list")


class Refusing(ForwardingStore):
    async def put(self, key, *args, **options):
        raise Unavailable("no", store="target", operation="put")


class Bench:
    def __init__(self, state, clock):
        self.state = state
        self.clock = clock
        earlier = QuickClock()
        earlier.ahead_seconds = -3600.0
        self.source = MemoryStore("source", "b", clock=earlier)
        self.target = MemoryStore("target", "b", clock=earlier)
        self.runs = SharedRuns(state, clock)
        self.began_ns = clock.now_ns()

    def work(self, **changes):
        work = Work("test", self.source, self.target, self.source.identity, self.target.identity, policy=POLICY)
        return replace(work, **changes)

    async def number(self):
        return await self.state.replications.ensure("test", self.work().identity)

    async def take_part(self, *, since_ns=0, runs=None, **changes):
        observer = RecordingObserver()
        work = self.work(**changes)
        return await (runs or self.runs).run(work, since_ns=since_ns, observer=observer, tell=lambda words: None)

    async def last(self):
        return await self.state.runs.last(await self.number())

    async def begin(self, owner, policy=POLICY, *, shared=True):
        values = policy_as_json(policy)
        return await begin_run(self.state, await self.number(), values, owner=owner, shared=shared)


@pytest.fixture
async def bench(tmp_path):
    clock = QuickClock()
    state = await State.open(f"sqlite:///{tmp_path}/state.db", clock=clock)
    yield Bench(state, clock)
    await state.close()


async def test_who_is_due_begins_and_who_comes_later_has_nothing_to_do(bench):
    await put(bench.source, "a", b"1")
    first = await bench.take_part()
    assert (first.result.counts.copied, first.result.in_step, first.result.here) == (1, True, None)
    later = await bench.take_part(runs=SharedRuns(bench.state, bench.clock))
    assert later == (first.began_ns, None, first.run_id)
    assert (await bench.take_part(since_ns=first.began_ns)).result.counts.skipped == 1


async def test_all_who_are_due_at_once_make_one_run(bench):
    for number in range(30):
        await put(bench.source, f"{number}", b"1")
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(
                bench.take_part(runs=SharedRuns(bench.state, bench.clock, ELSEWHERE._replace(host=f"h{number}")))
            )
            for number in range(4)
        ]
    assert len({task.result().began_ns for task in tasks}) == 1
    assert (await bench.last()).fence == 1
    assert await held(bench.source) == await held(bench.target)


async def test_a_run_that_is_not_shared_is_waited_for(bench):
    await bench.begin(ELSEWHERE, shared=False)
    assert not await bench.runs.is_any_on()
    with pytest.raises(Refused, match="is running since"):
        await bench.take_part()


async def test_a_run_of_another_policy_is_waited_for(bench):
    await bench.begin(ELSEWHERE, Policy())
    with pytest.raises(Refused):
        await bench.take_part()


async def test_a_sync_by_hand_does_not_take_part(bench):
    await bench.begin(ELSEWHERE)
    with pytest.raises(Refused) as caught:
        await sync(
            bench.work(),
            state=bench.state,
            clock=bench.clock,
            observer=RecordingObserver(),
            tell=lambda words: None,
        )
    assert caught.value.exit_code == 3


async def test_a_run_of_another_policy_does_not_count(bench):
    await bench.take_part()
    other = await bench.take_part(policy=Policy())
    assert other.result is not None


async def test_who_comes_while_a_run_goes_on_takes_part_whether_due_or_not(bench):
    await put(bench.source, "a", b"1")
    run = await bench.begin(ELSEWHERE)
    assert not await bench.runs.is_any_on(), "of what was never seen to nothing is known"
    joined = asyncio.create_task(bench.take_part(since_ns=run.started_ns + 1))
    await asyncio.sleep(0.2)
    assert await held(bench.target) == await held(bench.source)
    assert await bench.runs.is_any_on()
    assert not joined.done(), "the one who began it ends it"
    await bench.state.ranges.step_down(run, ELSEWHERE)
    took = await joined
    assert (took.began_ns, took.result.counts.copied) == (run.started_ns, 1)
    assert (await bench.last()).id == run.id


async def test_a_young_run_that_its_owner_left_dead_is_taken_over(bench):
    await put(bench.source, "a", b"1")
    run = await bench.begin(DEAD)
    took = await bench.take_part(since_ns=run.started_ns - 1)
    assert took.began_ns == run.started_ns
    assert took.result.in_step


async def test_a_dead_run_that_is_too_old_is_replaced(bench):
    run = await bench.begin(DEAD)
    took = await bench.take_part(since_ns=run.started_ns)
    assert took.began_ns > run.started_ns
    last, before = await bench.state.runs.history(await bench.number(), 2)
    assert (last.state, before.state) == (RunState.DONE, RunState.INTERRUPTED)


async def test_a_run_that_broke_off_does_not_count(bench):
    broken = await bench.take_part(source=Broken(bench.source))
    assert broken.result.incomplete
    assert (await bench.take_part()).result.in_step


async def test_a_run_in_which_single_objects_failed_counts(bench):
    await put(bench.source, "a", b"1")
    failed = await bench.take_part(target=Refusing(bench.target))
    assert failed.result.counts.failed == 1
    assert (await bench.take_part()).result is None


async def test_what_makes_no_sense_is_refused_before_anything_else(bench):
    with pytest.raises(UsageError, match="proves nothing"):
        await bench.take_part(policy=Policy(compare=CompareMode.SIZE, require_proof=True))


async def test_what_a_listing_left_out_is_counted_once(bench):
    class Left:
        total = 3
        reasons = MappingProxyType({"symbolic link": 3})

        def __iter__(self):
            return iter([("link", "symbolic link")])

    result: RunResult = (await bench.take_part(left_out=Left())).result
    assert (result.counts.skipped, result.counts.considered) == (3, 3)
    assert (await bench.last()).counts["skipped"] == 3


async def test_who_is_cancelled_leaves_the_run_to_others(bench):
    for number in range(50):
        await put(bench.source, f"{number}", b"1")
    began = asyncio.Event()

    class Slow(ForwardingStore):
        async def put(self, *args, **options):
            began.set()
            await asyncio.sleep(60)

    task = asyncio.create_task(bench.take_part(target=Slow(bench.target)))
    await began.wait()
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    run = await bench.last()
    assert run.lease_until_ns == 0
    took = await bench.take_part(since_ns=run.started_ns - 1)
    assert took.began_ns == run.started_ns
    assert took.result.in_step


class Slow(ForwardingStore):
    """Says when a copy has begun, and takes its time."""

    def __init__(self, inner):
        super().__init__(inner)
        self.begun = asyncio.Event()

    async def put(self, key, *args, **options):
        self.begun.set()
        await asyncio.sleep(30)


async def test_a_cancelled_run_ends_soon_and_is_not_begun_again_until_somebody_asks(bench):
    await put(bench.source, "a", b"1")
    target = Slow(bench.target)
    async with asyncio.timeout(80), asyncio.TaskGroup() as group:
        running = group.create_task(bench.take_part(target=target))
        await target.begun.wait()
        assert await bench.state.runs.cancel(await bench.last())
    took = running.result()
    last = await bench.last()
    assert (took.result, took.began_ns, last.state) == (None, last.started_ns, RunState.CANCELLED)
    assert (await bench.take_part()) == took
    again = await bench.take_part(since_ns=bench.clock.now_ns())
    assert again.result.counts.copied == 1


async def test_the_report_of_a_run_is_in_the_state_and_what_was_the_same_has_no_line(bench):
    for key in ("a", "b<script>", "c"):
        await put(bench.source, key, key.encode())
    await bench.take_part()
    await put(bench.source, "c", b"another")
    await put(bench.source, "d", b"new")
    await bench.take_part(since_ns=bench.clock.now_ns(), target=bench.target)
    newest = await bench.last()
    lines = [line async for line in report(bench.state, newest.id)]
    assert sorted((line["key"], line["action"]) for line in lines) == [("c", "copy"), ("d", "copy")]
    first = (await bench.state.runs.history(await bench.number(), 2))[1]
    keys = [line["key"] async for line in report(bench.state, first.id, Lines(action="copy", failed=False))]
    assert sorted(keys) == ["a", "b<script>", "c"]
    assert [line async for line in report(bench.state, first.id, Lines(proof="nothing"))] == []
    assert [name for name, _ in await runs(bench.state, "test", 5)] == ["test", "test"]
    assert (await run_of(bench.state, first.id)).id == first.id
    with pytest.raises(Missing):
        await run_of(bench.state, 999)
    with pytest.raises(Missing):
        await runs(bench.state, "nothing", 5)


async def test_a_verify_is_made_once_when_asked_and_its_differences_are_on_record(bench):
    await put(bench.source, "a", b"1")
    await bench.take_part()
    await put(bench.source, "b", b"2")
    asked_ns = bench.clock.now_ns()

    async def verify():
        return await verify_if_asked(bench.work(), asked_ns=asked_ns, state=bench.state, clock=bench.clock)

    result = await verify()
    assert (result.same, result.differences, result.in_step) == (1, 1, False)
    assert await verify() is None
    run = await bench.state.runs.last(await bench.number(), kind=RunKind.VERIFY)
    assert (run.state, run.counts["differences"]) == (RunState.FAILED, 1)
    lines = [line async for line in report(bench.state, run.id, Lines(status="missing"))]
    assert [(line["key"], line["status"]) for line in lines] == [("b", "missing")]
    # A verify is no reconcile: the schedule does not count it.
    assert (await bench.last()).kind is RunKind.SYNC
    await bench.begin(ELSEWHERE)
    asked_ns = bench.clock.now_ns()
    with pytest.raises(Refused):
        await verify()

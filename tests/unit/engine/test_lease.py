"""One run of a replication at a time, and what is left of one that ended."""

from __future__ import annotations

import asyncio

import pytest

from brigade.engine.lease import LEASE_SECONDS, Record, begin_run, interrupted_before, leased_run, restore
from brigade.engine.progress import Progress
from brigade.engine.report import RunResult
from brigade.errors import LeaseLost, Refused, StateError
from brigade.state.owner import Owner
from brigade.state.rows import RunKind, RunState
from brigade.testing.clock import ManualClock
from brigade.testing.workbench import Workbench

POLICY = {"delete": "no"}


@pytest.fixture
async def bench(tmp_path):
    async with Workbench(tmp_path, clock=ManualClock(auto=False)) as bench:
        yield bench


async def run_of(bench, work, *, result=None, progress=None, flush=None):
    run = await begin_run(bench.state, bench.replication_id, POLICY)
    result = result or RunResult()
    record = Record(progress or Progress(), result, flush or nothing_waits)
    return run, leased_run(bench.state, run, bench.clock, record, lambda: work(result))


async def nothing_waits():
    pass


async def last(bench):
    return await bench.state.runs.last(bench.replication_id)


async def beat(bench):
    """Let five seconds pass and wait for the checkpoint that is due then, however slow the disk is."""
    bench.clock.advance(5)
    due_ns = bench.clock.now_ns() + LEASE_SECONDS * 1e9
    for _ in range(300):
        if (await last(bench)).lease_until_ns >= due_ns:
            return
        await asyncio.sleep(0.001)


async def test_a_second_run_is_refused_while_the_first_lives(bench):
    await begin_run(bench.state, bench.replication_id, POLICY)
    with pytest.raises(Refused) as caught:
        await begin_run(bench.state, bench.replication_id, POLICY)
    assert caught.value.exit_code == 3


@pytest.mark.parametrize(
    ("change", "state"),
    [({}, RunState.DONE), ({"refusal": "no"}, RunState.REFUSED), ({"incomplete": "broken"}, RunState.FAILED)],
)
async def test_a_run_that_ends_is_on_record_with_its_counts_and_frees_the_lease(bench, change, state):
    async def work(result):
        result.counts.copied = 7
        for name, value in change.items():
            setattr(result, name, value)
        return result

    _, going = await run_of(bench, work)
    await going
    ended = await last(bench)
    assert (ended.state, ended.counts["copied"]) == (state, 7)
    await begin_run(bench.state, bench.replication_id, POLICY)


async def test_a_run_with_failures_is_failed_on_record(bench):
    async def work(result):
        result.counts.failed = 1
        return result

    _, going = await run_of(bench, work)
    await going
    assert (await last(bench)).state is RunState.FAILED


class Killed(BaseException):
    pass


@pytest.mark.parametrize(("error", "state"), [(StateError("gone"), RunState.FAILED), (Killed(), RunState.INTERRUPTED)])
async def test_a_run_that_raises_is_on_record_and_the_error_goes_on(bench, error, state):
    async def work(result):
        raise error

    _, going = await run_of(bench, work)
    with pytest.raises(type(error)):
        await going
    assert (await last(bench)).state is state


async def test_a_cancelled_run_is_interrupted_on_record(bench):
    started = asyncio.Event()

    async def work(result):
        started.set()
        await asyncio.Event().wait()

    _, going = await run_of(bench, work)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(going)
        await started.wait()
        task.cancel()
    assert (await last(bench)).state is RunState.INTERRUPTED


async def test_a_run_that_was_taken_over_stops_its_work(bench):
    cancelled = asyncio.Event()

    async def work(result):
        try:
            while True:
                bench.clock.advance(1)
                await asyncio.sleep(0.001)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    run, going = await run_of(bench, work)
    bench.clock.advance(LEASE_SECONDS + 1)
    elsewhere = Owner("elsewhere", "other", 1, 1)
    taken = await bench.state.runs.begin(bench.replication_id, RunKind.SYNC, POLICY, elsewhere, LEASE_SECONDS)
    with pytest.raises(LeaseLost):
        await going
    assert cancelled.is_set()
    assert (await last(bench)).id == taken.id != run.id
    assert (await last(bench)).state is RunState.RUNNING, "the newer run is left alone"


async def test_a_long_run_keeps_its_lease_and_leaves_checkpoints(bench):
    progress = Progress()

    async def work(result):
        result.counts.copied = 3
        progress.settled(progress.begin("key\udc80"))
        began = await last(bench)
        for _ in range(20):
            await beat(bench)
        running = await last(bench)
        assert running.state is RunState.RUNNING
        assert running.lease_until_ns > began.lease_until_ns + LEASE_SECONDS * 1e9
        assert running.counts["copied"] == 3
        assert running.cursor == b"key\x80"
        with pytest.raises(Refused):
            await begin_run(bench.state, bench.replication_id, POLICY)
        return result

    _, going = await run_of(bench, work, progress=progress)
    await going
    assert (await last(bench)).state is RunState.DONE


async def test_only_a_run_cut_off_with_the_same_policy_is_gone_on_with(bench):
    async def cut_off(result):
        result.counts.copied = 5
        raise Killed

    progress = Progress("m")
    _, going = await run_of(bench, cut_off, progress=progress)
    with pytest.raises(Killed):
        await going
    other = await begin_run(bench.state, bench.replication_id, {"delete": "mirror"})
    assert await interrupted_before(bench.state, other) is None
    await bench.state.runs.finish(other, RunState.DONE, {})
    run = await begin_run(bench.state, bench.replication_id, POLICY)
    assert await interrupted_before(bench.state, run) is None, "a finished run lies between"


async def test_a_run_goes_on_behind_its_checkpoint_with_its_counts(bench):
    async def cut_off(result):
        result.counts.copied = 5
        raise Killed

    _, going = await run_of(bench, cut_off, progress=Progress("ü/m"))
    with pytest.raises(Killed):
        await going
    run = await begin_run(bench.state, bench.replication_id, POLICY)
    cut = await interrupted_before(bench.state, run)
    result = RunResult()
    assert restore(cut, result).cursor == "ü/m"
    assert result.counts.copied == 5
    assert result.resumed_after == "ü/m"


async def test_what_a_checkpoint_covers_is_durable_before_it(bench):
    progress = Progress()
    written = []

    async def flush():
        written.append(progress.cursor)
        progress.begin("later")  # what is settled while the flush goes on must not count

    async def work(result):
        batch = progress.begin("a")
        progress.settled(batch)
        raise ValueError

    _, running = await run_of(bench, work, progress=progress, flush=flush)
    with pytest.raises(ValueError, match=r"^$"):
        await running
    assert written == ["a"]
    assert (await last(bench)).cursor == b"a"

"""One living run a replication; a lease that ended or an owner that died is taken over; the fence tells who is late."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from brigade.errors import LeaseLost, Refused
from brigade.state.owner import Owner
from brigade.state.rows import Run, RunKind, RunState
from brigade.state.state import State
from brigade.testing.clock import ManualClock

ELSEWHERE = Owner("other-host", "another-boot/1", 4711, 99)
LEASE_SECONDS = 30.0


@pytest.fixture
async def replication(state: State) -> int:
    return await state.replications.ensure("photos", "a → b")


async def begin(state: State, replication: int, owner: Owner = ELSEWHERE) -> Run:
    return await state.runs.begin(replication, RunKind.SYNC, {"delete": "mirror"}, owner, LEASE_SECONDS)


def started_ticks(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[19])


def dead_process() -> Owner:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    me = Owner.current()
    started = started_ticks(process.pid)
    process.communicate(b"\n")
    return me._replace(pid=process.pid, started=started)


async def test_a_run_is_remembered_from_begin_to_finish(state: State, replication: int, clock: ManualClock) -> None:
    run = await begin(state, replication)
    assert run == await state.runs.last(replication)
    assert (run.state, run.policy, run.counts, run.cursor, run.fence) == (
        RunState.RUNNING, {"delete": "mirror"}, {}, None, 1,
    )  # fmt: skip
    clock.advance(5)
    run = await state.runs.checkpoint(run, b"\0\xff", {"copied": 3})
    assert run == await state.runs.last(replication)
    clock.advance(5)
    run = await state.runs.finish(run, RunState.DONE, {"copied": 4})
    assert run == await state.runs.last(replication)
    assert run.cursor == b"\0\xff"
    assert run.finished_ns == run.started_ns + 10_000_000_000


async def test_a_second_run_is_refused_and_told_who_and_since_when(state: State, replication: int) -> None:
    await begin(state, replication)
    with pytest.raises(Refused, match=r"sync .* since 2023-11-14 22:13:20 UTC in process 4711 on host other-host"):
        await begin(state, replication)


async def test_a_verify_and_a_sync_exclude_each_other(state: State, replication: int) -> None:
    await begin(state, replication)
    with pytest.raises(Refused):
        await state.runs.begin(replication, RunKind.VERIFY, {}, ELSEWHERE, LEASE_SECONDS)


async def test_other_replications_run_beside(state: State, replication: int) -> None:
    await begin(state, replication)
    other = await state.replications.ensure("other", "a → c")
    assert (await begin(state, other)).fence == 1


async def test_of_many_that_begin_at_once_one_runs(state: State, replication: int) -> None:
    async def attempt() -> bool:
        try:
            await begin(state, replication)
        except Refused:
            return False
        return True

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(attempt()) for _ in range(10)]
    assert sum(task.result() for task in tasks) == 1


async def test_a_lease_that_ended_is_taken_over(state: State, replication: int, clock: ManualClock) -> None:
    late = await begin(state, replication)
    late = await state.runs.checkpoint(late, b"middle", {"copied": 1})
    clock.advance(LEASE_SECONDS)
    run = await begin(state, replication)
    assert run.fence == late.fence + 1
    before = await state.runs.last(replication, before=run)
    assert before is not None
    assert (before.id, before.state, before.cursor) == (late.id, RunState.INTERRUPTED, b"middle")


async def test_whoever_was_taken_over_can_change_nothing_any_more(
    state: State, replication: int, clock: ManualClock
) -> None:
    late = await begin(state, replication)
    clock.advance(LEASE_SECONDS)
    run = await begin(state, replication)
    for change in (
        state.runs.renew(late),
        state.runs.checkpoint(late, b"late", {}),
        state.runs.finish(late, RunState.DONE, {}),
    ):
        with pytest.raises(LeaseLost):
            await change
    assert await state.runs.last(replication) == run


async def test_renewing_and_checkpointing_keep_the_lease(state: State, replication: int, clock: ManualClock) -> None:
    run = await begin(state, replication)
    for _ in range(3):
        clock.advance(LEASE_SECONDS - 1)
        run = await state.runs.renew(run)
        clock.advance(LEASE_SECONDS - 1)
        run = await state.runs.checkpoint(run, None, {})
    with pytest.raises(Refused):
        await begin(state, replication)


async def test_a_late_renewal_is_fine_while_nobody_took_over(
    state: State, replication: int, clock: ManualClock
) -> None:
    run = await begin(state, replication)
    clock.advance(LEASE_SECONDS * 10)
    await state.runs.renew(run)
    with pytest.raises(Refused):
        await begin(state, replication)


async def test_a_finished_run_cannot_be_renewed_and_makes_room(state: State, replication: int) -> None:
    run = await begin(state, replication)
    await state.runs.finish(run, RunState.FAILED, {"failed": 1})
    with pytest.raises(LeaseLost):
        await state.runs.renew(run)
    assert (await begin(state, replication)).fence == 2


async def test_a_dead_owner_on_this_machine_is_taken_over_at_once(state: State, replication: int) -> None:
    await begin(state, replication, dead_process())
    assert (await begin(state, replication)).fence == 2


async def test_a_pid_that_belongs_to_another_process_now_counts_as_dead(state: State, replication: int) -> None:
    me = Owner.current()
    await begin(state, replication, me._replace(started=me.started - 1))
    assert (await begin(state, replication)).fence == 2


async def test_a_living_owner_on_this_machine_is_respected(state: State, replication: int) -> None:
    await begin(state, replication, Owner.current())
    with pytest.raises(Refused, match=f"process {os.getpid()}"):
        await begin(state, replication)


async def test_history_is_newest_first_and_limited(state: State, replication: int) -> None:
    for _ in range(3):
        await state.runs.finish(await begin(state, replication), RunState.DONE, {})
    assert [run.fence for run in await state.runs.history(replication, 2)] == [3, 2]
    assert await state.runs.last(await state.replications.ensure("new", "x → y")) is None


def test_an_owner_survives_being_written_down() -> None:
    assert Owner.parse(str(Owner.current())) == Owner.current()
    assert Owner.parse(str(ELSEWHERE)) == ELSEWHERE


def test_an_owner_of_another_boot_or_container_is_never_called_dead() -> None:
    assert not dead_process()._replace(space="another-boot/1").is_dead()
    assert not Owner("h", "", 1, 1).is_dead()


def test_a_dead_process_and_a_zombie_are_dead_and_a_living_one_is_not() -> None:
    assert dead_process().is_dead()
    assert not Owner.current().is_dead()
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    started = started_ticks(process.pid)
    owner = Owner.current()._replace(pid=process.pid, started=started)
    assert not owner.is_dead()
    assert process.stdin is not None
    process.stdin.close()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # Ended, but not yet collected.
    assert owner.is_dead()
    process.wait()

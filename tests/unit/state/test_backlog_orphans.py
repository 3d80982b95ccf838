"""Keys in work of a process that is certainly dead are free at once; all others wait for the lease."""

from __future__ import annotations

import pytest

from brigade.state.owner import Owner
from brigade.state.state import State
from brigade.testing.clock import ManualClock

ME = Owner.current()
DEAD = str(ME._replace(started=ME.started - 1))
ELSEWHERE = str(Owner("elsewhere", "other-boot/1", ME.pid, 1))


@pytest.fixture
async def number(state: State) -> int:
    return await state.replications.ensure("photos", "a → b")


async def claim(state: State, number: int, owner: str = "test") -> list[str]:
    return sorted(claim.key for claim in await state.backlog.claim([number], owner, 10, 60))


async def test_what_the_dead_had_in_work_is_claimed_at_once(state: State, number: int) -> None:
    await state.backlog.mark(number, ["a"], live=True)
    await state.backlog.mark(number, ["b"], live=False)
    (late, _) = await state.backlog.claim([number], DEAD, 10, 60)
    assert await claim(state, number) == []
    assert await state.backlog.free_orphans(number) == 2
    assert await state.backlog.done([late]) == 0, "whoever was taken for dead can end nothing any more"
    assert await claim(state, number) == ["a", "b"]


@pytest.mark.parametrize(
    "owner", [str(ME), ELSEWHERE, "a name without a process", "1:2:3"], ids=["me", "elsewhere", "name", "numbers"]
)
async def test_what_may_be_alive_is_waited_for(state: State, number: int, clock: ManualClock, owner: str) -> None:
    await state.backlog.mark(number, ["a"], live=True)
    await state.backlog.claim([number], owner, 10, 60)
    assert await state.backlog.free_orphans(number) == 0
    assert await claim(state, number) == []
    clock.advance(60)
    assert await claim(state, number) == ["a"]


async def test_only_this_replication_and_only_claims_are_freed(state: State, number: int, clock: ManualClock) -> None:
    other = await state.replications.ensure("other", "a → c")
    for each in (number, other):
        await state.backlog.mark(each, ["claimed", "failed"], live=True)
        for claimed in await state.backlog.claim([each], DEAD, 10, 60):
            if claimed.key == "failed":
                await state.backlog.retry(claimed, 30, "no")
    assert await state.backlog.free_orphans(number) == 1
    assert await claim(state, number) == ["claimed"]
    assert await claim(state, other) == []


async def test_a_hold_outlives_the_dead(state: State, number: int, clock: ManualClock) -> None:
    await state.backlog.mark(number, ["a"], live=True)
    await state.backlog.claim([number], DEAD, 10, 60)
    await state.backlog.mark(number, ["a"], live=True, hold_until_ns=clock.now_ns() + 5_000_000_000)
    assert await state.backlog.free_orphans(number) == 1
    assert await claim(state, number) == []
    clock.advance(5)
    assert await claim(state, number) == ["a"]

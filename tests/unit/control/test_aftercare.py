from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from brigade.control.aftercare import MOST_KEYS, Unsettled, hand_over
from brigade.engine.report import ActionKind, Outcome, RunResult
from brigade.objects import Proof
from brigade.state.state import State
from brigade.testing.clock import ManualClock


@pytest.fixture
async def state(tmp_path: Path) -> AsyncIterator[State]:
    state = await State.open(f"sqlite:///{tmp_path}/state.db", clock=ManualClock(auto=False))
    yield state
    await state.close()


def outcome(key: str, action: ActionKind = ActionKind.COPY, error: str | None = None) -> Outcome:
    return Outcome(key, action, "why", Proof.NONE, 0, error)


def test_what_failed_or_is_in_conflict_is_remembered_and_nothing_else():
    left = Unsettled()
    for each in (outcome("a"), outcome("b", error="no"), outcome("c", ActionKind.CONFLICT), outcome("d")):
        left.outcome(each)
    assert left.keys == ["b", "c"]
    for number in range(MOST_KEYS + 5):
        left.outcome(outcome(str(number), error="no"))
    assert len(left.keys) == MOST_KEYS


async def parked(state: State) -> None:
    await state.backlog.mark(1, ["parked"], live=True)
    (claim,) = await state.backlog.claim([1], "me", 10, 60)
    await state.backlog.park(claim, "no")


async def claimed(state: State) -> set[str]:
    return {claim.key for claim in await state.backlog.claim([1], "me", 10, 60)}


async def test_what_rests_until_the_run_is_over_is_looked_at_then(state: State):
    await state.backlog.mark(1, ["gone", "failed"], live=True)
    for claim in await state.backlog.claim([1], "me", 10, 60):
        if claim.key == "gone":
            await state.backlog.release([claim], 1800)
        else:
            await state.backlog.retry(claim, 1800, "no")
    await hand_over(state, 1, 7, RunResult(incomplete="broke off"), [])
    assert await claimed(state) == {"gone"}


async def test_after_a_whole_run_the_follower_looks_at_what_failed_and_what_is_parked(state: State):
    await parked(state)
    await hand_over(state, 1, 7, RunResult(), ["failed"])
    assert await claimed(state) == {"failed", "parked"}


async def test_after_a_run_that_could_not_see_everything_parked_keys_stay_parked(state: State):
    await parked(state)
    await hand_over(state, 1, 7, RunResult(incomplete="the listing broke"), ["failed"])
    assert await claimed(state) == {"failed"}

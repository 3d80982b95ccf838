"""What those who watch are shown: the latest outcomes, and sums over time."""

from __future__ import annotations

import asyncio

import pytest

from brigade.control.pulse import INTERVAL_SECONDS, LOOK_SECONDS, Pulse
from brigade.engine.report import ActionKind, Outcome
from brigade.objects import Proof
from brigade.state.control_rows import Sample
from brigade.state.state import State
from brigade.testing.clock import ManualClock


def outcome(key, action=ActionKind.COPY, size_bytes=10, error=None):
    return Outcome(key, action, "because", Proof.ETAG, size_bytes, error)


@pytest.fixture
def clock():
    return ManualClock(auto=False)


@pytest.fixture
async def state(tmp_path, clock):
    state = await State.open(f"sqlite:///{tmp_path}/state.db", clock=clock)
    yield state
    await state.close()


async def pass_seconds(clock, seconds):
    """Look by look: the clock goes on when the pulse sleeps again."""
    until = clock.seconds + seconds
    async with asyncio.timeout(80):
        while clock.seconds < until or not clock.slept_seconds:
            looks = len(clock.slept_seconds)
            clock.advance(LOOK_SECONDS if looks else 0)
            while len(clock.slept_seconds) == looks:  # noqa: ASYNC110
                await asyncio.sleep(0.001)


async def test_what_is_done_is_shown_and_summed_up_and_a_backlog_comes_down_again(state, clock):
    number = await state.replications.ensure("photos", "a → b")
    pulse = Pulse()
    watching = pulse.observer("photos")
    assert pulse.observer("photos") is watching
    pulse.observer("unknown to the state").outcome(outcome("x"))
    task = asyncio.create_task(pulse.run(state, clock))

    async def samples():
        return [
            (each.settled, each.settled_bytes, each.failed, each.backlog)
            for each in await state.control.activity.samples(number, 0)
        ]

    watching.outcome(outcome("a"))
    watching.outcome(outcome("b", ActionKind.SKIP))
    watching.outcome(outcome("c", error="refused"))
    watching.outcome(outcome("d", ActionKind.DELETE))
    await state.backlog.mark(number, ["e"], live=True)
    await pass_seconds(clock, INTERVAL_SECONDS + 3)
    shown = await state.control.activity.latest(10, replication_id=number)
    assert [row.outcome["key"] for row in shown] == ["a", "c", "d"]
    assert await samples() == [(2, 10, 1, 1)]
    await state.backlog.done(await state.backlog.claim([number], "me", 10, 60))
    await pass_seconds(clock, 2 * INTERVAL_SECONDS)
    # Behind for one interval, then empty; after that nothing happens and nothing is written.
    assert (await samples())[-1] == (0, 0, 0, 0)
    count = len(await samples())
    await pass_seconds(clock, 2 * INTERVAL_SECONDS)
    assert len(await samples()) == count
    task.cancel()


async def test_a_second_process_adds_its_sums_and_leaves_the_backlog_to_the_first(state, clock):
    number = await state.replications.ensure("photos", "a → b")
    await state.backlog.mark(number, ["e"], live=True)
    pulse = Pulse(samples_backlog=False)
    task = asyncio.create_task(pulse.run(state, clock))
    await pass_seconds(clock, 2 * INTERVAL_SECONDS)
    assert await state.control.activity.samples(number, 0) == []
    this_seconds = clock.now_ns() // 1_000_000_000 // INTERVAL_SECONDS * INTERVAL_SECONDS
    intervals = {this_seconds - INTERVAL_SECONDS, this_seconds}
    for at_seconds in intervals:
        await state.control.activity.sample(Sample(number, at_seconds, 1, 1, 0, 5, 7))
    pulse.observer("photos").outcome(outcome("a"))
    await pass_seconds(clock, INTERVAL_SECONDS + 3)
    samples = await state.control.activity.samples(number, 0)
    assert {each.at_seconds for each in samples} == intervals
    assert sorted(each.settled for each in samples) == [1, 2]
    assert {(each.backlog, each.lag_seconds) for each in samples} == {(5, 7)}
    task.cancel()

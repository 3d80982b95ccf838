"""Ranges of a shared run: each key in exactly one of them, each of them with one owner at most."""

from __future__ import annotations

import asyncio
from itertools import count, pairwise

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from brigade.errors import LeaseLost, Refused
from brigade.state.owner import Owner
from brigade.state.rows import KeyRange, RangeState, RangeTally, Run, RunKind, RunState
from brigade.state.state import State
from brigade.testing.clock import ManualClock

ONE, TWO = (Owner(name, "another-boot/1", 4711, 99) for name in ("one", "two"))
LEASE_SECONDS = 30.0
_replications = count(1)


async def begin(state: State, replication: int, owner: Owner = ONE) -> Run:
    return await state.runs.begin(replication, RunKind.SYNC, {}, owner, 2 * LEASE_SECONDS, shared=True)


@pytest.fixture
async def run(state: State) -> Run:
    return await begin(state, await state.replications.ensure("photos", "a → b"))


async def parts_of(state: State, run: Run) -> list[KeyRange]:
    return (await state.ranges.look(run)).ranges


async def claim_first(state: State, run: Run, owner: Owner = ONE) -> KeyRange:
    for part in await parts_of(state, run):
        if state.ranges.is_free(part):
            claimed = await state.ranges.claim(part, owner, LEASE_SECONDS)
            assert claimed is not None
            return claimed
    raise AssertionError("nothing is free")


async def test_a_shared_run_begins_as_one_range_of_all_keys(state: State, run: Run) -> None:
    shared = await state.ranges.look(run)
    assert shared.run == run
    assert [(part.after, part.upto, part.state) for part in shared.ranges] == [("", None, RangeState.WAITING)]
    assert await state.runs.is_shared(run)


async def test_a_run_that_is_not_shared_has_no_ranges(state: State) -> None:
    replication = await state.replications.ensure("alone", "a → c")
    alone = await state.runs.begin(replication, RunKind.SYNC, {}, ONE, LEASE_SECONDS)
    assert not await state.runs.is_shared(alone)
    assert await parts_of(state, alone) == []


async def test_what_was_claimed_is_as_it_is_on_record(state: State, run: Run) -> None:
    claimed = await claim_first(state, run)
    assert [claimed] == await parts_of(state, run)
    assert not state.ranges.is_free(claimed)


async def test_of_many_who_claim_what_they_saw_one_gets_it(state: State, run: Run) -> None:
    (seen,) = await parts_of(state, run)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(state.ranges.claim(seen, owner, LEASE_SECONDS)) for owner in (ONE, TWO, ONE, TWO)]
    assert sum(task.result() is not None for task in tasks) == 1


async def test_a_lease_that_was_renewed_meanwhile_is_not_taken(state: State, run: Run, clock: ManualClock) -> None:
    mine = await claim_first(state, run)
    (seen,) = await parts_of(state, run)
    clock.advance(LEASE_SECONDS)
    assert state.ranges.is_free(seen)
    await state.ranges.renew([mine], LEASE_SECONDS)
    assert await state.ranges.claim(seen, TWO, LEASE_SECONDS) is None
    (seen,) = await parts_of(state, run)
    assert not state.ranges.is_free(seen)


async def test_whoever_lost_a_range_can_change_nothing_of_it(state: State, run: Run, clock: ManualClock) -> None:
    late = await claim_first(state, run)
    clock.advance(LEASE_SECONDS)
    mine = await claim_first(state, run, TWO)
    for change in (
        state.ranges.renew([late], LEASE_SECONDS),
        state.ranges.split(late, "m"),
        state.ranges.hand_in(late, RangeState.DONE, RangeTally({})),
    ):
        with pytest.raises(LeaseLost):
            await change
    await state.ranges.give_back([late])
    assert await parts_of(state, run) == [mine]


async def test_a_range_is_cut_in_two_at_once(state: State, run: Run) -> None:
    mine = await claim_first(state, run)
    await state.ranges.want(run, TWO)
    assert (await parts_of(state, run))[0].wanted
    mine = await state.ranges.split(mine, "m\udc80")
    first, second = await parts_of(state, run)
    assert first == mine
    assert not first.wanted
    assert (second.after, second.upto, second.state) == ("m\udc80", None, RangeState.WAITING)
    await state.ranges.renew([mine], LEASE_SECONDS)


async def test_nobody_wants_a_part_of_his_own(state: State, run: Run) -> None:
    await claim_first(state, run)
    await state.ranges.want(run, ONE)
    assert not (await parts_of(state, run))[0].wanted


async def test_what_was_handed_in_is_remembered(state: State, run: Run) -> None:
    mine = await claim_first(state, run)
    tally = RangeTally({"copied": 3}, 30, 20, 2)
    mine = await state.ranges.hand_in(mine, RangeState.SCANNED, tally)
    assert await parts_of(state, run) == [mine]
    tally = tally._replace(counts={"copied": 3, "deleted": 2}, refusal="no")
    mine = await state.ranges.hand_in(mine, RangeState.DONE, tally)
    assert await parts_of(state, run) == [mine]
    assert not state.ranges.is_free(mine)


async def test_what_is_left_half_done_begins_anew(state: State, run: Run, clock: ManualClock) -> None:
    mine = await claim_first(state, run)
    await state.ranges.hand_in(mine, RangeState.SCANNED, RangeTally({"copied": 3}, 30, 20, 2))
    clock.advance(LEASE_SECONDS)
    again = await claim_first(state, run, TWO)
    assert (again.state, again.tally) == (RangeState.RUNNING, RangeTally({}))
    assert await parts_of(state, run) == [again]


async def test_what_is_given_back_can_be_had_at_once(state: State, run: Run) -> None:
    mine = await claim_first(state, run)
    await state.ranges.give_back([mine])
    assert (await claim_first(state, run, TWO)).owner == TWO


async def test_a_dead_owner_on_this_machine_is_not_waited_for(state: State, run: Run) -> None:
    me = Owner.current()
    await claim_first(state, run, me._replace(started=me.started - 1))
    assert (await claim_first(state, run, TWO)).owner == TWO


async def test_one_presides_and_ends_the_run(state: State, run: Run, clock: ManualClock) -> None:
    assert not await state.ranges.preside(run, TWO, {})
    assert not await state.ranges.finish(run, TWO, RunState.DONE, {})
    clock.advance(1)
    assert await state.ranges.preside(run, ONE, {"copied": 1})
    assert not await state.ranges.preside(run, ONE, {}), "what was seen is out of date"
    clock.advance(2 * LEASE_SECONDS)
    seen = (await state.ranges.look(run)).run
    assert seen.counts == {"copied": 1}
    assert await state.ranges.preside(seen, TWO, {})
    assert not await state.ranges.finish(run, ONE, RunState.DONE, {})
    assert await state.ranges.finish(run, TWO, RunState.DONE, {"copied": 2})
    ended = (await state.ranges.look(run)).run
    assert (ended.state, ended.counts) == (RunState.DONE, {"copied": 2})


async def test_who_leaves_hands_the_run_to_one_who_is_at_work(state: State, run: Run) -> None:
    mine = await claim_first(state, run)
    await state.ranges.split(mine, "m")
    theirs = await claim_first(state, run, TWO)
    await state.ranges.step_down(run, ONE)
    led = (await state.ranges.look(run)).run
    assert (led.owner, led.lease_until_ns) == (TWO, theirs.lease_until_ns)
    await state.ranges.step_down(run, ONE)
    await state.ranges.give_back([theirs, mine])
    await state.ranges.step_down(run, TWO)
    assert (await state.ranges.look(run)).run.lease_until_ns == 0


async def test_a_lease_that_nobody_renews_is_taken_before_it_ends(state: State, run: Run, clock: ManualClock) -> None:
    clock.advance(LEASE_SECONDS)
    assert not await state.ranges.preside(run, TWO, {})
    clock.advance(LEASE_SECONDS / 2)
    assert await state.ranges.preside(run, TWO, {})
    assert not await state.ranges.preside(run, ONE, {})


async def test_a_run_is_alive_while_anybody_is_at_work_on_it(state: State, run: Run, clock: ManualClock) -> None:
    clock.advance(1.5 * LEASE_SECONDS)
    await claim_first(state, run, TWO)
    clock.advance(0.9 * LEASE_SECONDS)
    with pytest.raises(Refused):
        await begin(state, run.replication_id, TWO)
    clock.advance(LEASE_SECONDS)
    newer = await begin(state, run.replication_id, TWO)
    assert (await state.ranges.look(run)).run.state is RunState.INTERRUPTED
    assert await parts_of(state, run) == []
    assert len(await parts_of(state, newer)) == 1


class RangesMachine(RuleBasedStateMachine):
    """Three workers that claim, cut, hand in, give back, fall asleep and go on as if nothing had been."""

    url = ""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.clock = ManualClock(auto=False)
        self.state: State = self.do(State.open(self.url, clock=self.clock))
        name = f"law {next(_replications)}"
        self.current = self.do(begin(self.state, self.do(self.state.replications.ensure(name, name))))
        self.parts: list[KeyRange] = []
        self.look()
        # All that was ever claimed, whoever may have taken it over since.
        self.claimed: list[KeyRange] = []

    def teardown(self) -> None:
        self.do(self.state.close())
        self.runner.close()

    def do(self, work):
        return self.runner.run(work)

    def look(self) -> None:
        self.parts = self.do(parts_of(self.state, self.current))

    def is_mine(self, part: KeyRange) -> bool:
        return any(part.id == each.id and part.fence == each.fence for each in self.parts)

    @rule(which=st.integers(0, 9), worker=st.integers(0, 2), looked=st.booleans())
    def claim(self, which: int, worker: int, looked: bool) -> None:
        if looked:
            self.look()
        seen = self.parts[which % len(self.parts)]
        owner = ONE._replace(host=f"host {worker}")
        if self.state.ranges.is_free(seen):
            claimed = self.do(self.state.ranges.claim(seen, owner, LEASE_SECONDS))
            if claimed is not None:
                self.claimed.append(claimed)

    @rule(
        which=st.integers(0, 9),
        how=st.sampled_from(["split", "split", "scanned", "done", "renew", "back"]),
        at=st.integers(0, 999),
    )
    def work(self, which: int, how: str, at: int) -> None:
        if not self.claimed:
            return
        place = which % len(self.claimed)
        mine, ranges = self.claimed[place], self.state.ranges
        cut = f"{at:03}"
        self.look()
        ours = self.is_mine(mine)
        try:
            if how == "split" and mine.state is RangeState.RUNNING and mine.after < cut < (mine.upto or "~"):
                self.claimed[place] = self.do(ranges.split(mine, cut))
            elif how == "scanned" and mine.state is RangeState.RUNNING:
                self.claimed[place] = self.do(ranges.hand_in(mine, RangeState.SCANNED, RangeTally({})))
            elif how == "done" and mine.state is not RangeState.DONE:
                self.claimed[place] = self.do(ranges.hand_in(mine, RangeState.DONE, RangeTally({})))
            elif how == "renew" and mine.state is not RangeState.DONE:
                self.do(ranges.renew([mine], LEASE_SECONDS))
            elif how == "back" and mine.state is not RangeState.DONE:
                self.do(ranges.give_back([mine]))
                return
            else:
                return
        except LeaseLost:
            assert not ours
        else:
            assert ours

    @rule(seconds=st.sampled_from([1, LEASE_SECONDS / 2, LEASE_SECONDS]))
    def sleep(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @invariant()
    def every_key_is_in_one_range(self) -> None:
        parts = self.do(parts_of(self.state, self.current))
        assert parts[0].after == ""
        assert parts[-1].upto is None
        assert all(one.upto == other.after for one, other in pairwise(parts))


@pytest.mark.parametrize("engine", ["sqlite", pytest.param("postgres", marks=pytest.mark.server)])
def test_no_key_is_ever_in_two_ranges_or_in_none(engine: str, request: pytest.FixtureRequest, tmp_path) -> None:
    url = f"sqlite:///{tmp_path}/law.db" if engine == "sqlite" else request.getfixturevalue("postgres_schema_url")
    machine = type("Machine", (RangesMachine,), {"url": url})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=15,
            stateful_step_count=25,
            deadline=None,
            phases=[Phase.explicit, Phase.generate],
            derandomize=True,
        ),
    )

"""How a replication stands: never in step where that is not proven, and failing for as long as something fails."""

from __future__ import annotations

import pytest

from brigade.control.aftercare import forget_others, hand_over, troubles_noted
from brigade.control.status import Known, Standing, status
from brigade.engine.report import RunResult
from brigade.errors import BucketMissing, LeaseLost, StateError
from brigade.state.owner import Owner
from brigade.state.rows import RunKind, RunState
from brigade.state.state import State
from brigade.testing.clock import ManualClock

WHOLE = RunResult()


class Bench:
    """A replication of a state, with what happens to it."""

    def __init__(self, state: State, clock: ManualClock) -> None:
        self.state = state
        self.clock = clock
        self.number = 0

    async def ran(self, ended: RunState, kind: RunKind = RunKind.SYNC, **counts: int) -> int:
        """A run from its beginning to its end."""
        run = await self.state.runs.begin(self.number, kind, {}, Owner.current(), 60.0)
        if ended is RunState.CANCELLED:
            await self.state.runs.cancel(run)
        elif ended is not RunState.RUNNING:
            await self.state.runs.finish(run, ended, counts)
        self.clock.advance(1)
        return run.id

    async def handed_over(self, run_id: int, *keys: str, result: RunResult = WHOLE) -> None:
        await hand_over(self.state, self.number, run_id, result, keys)
        self.clock.advance(1)

    async def mended(self) -> None:
        """The follower has made right all that waits."""
        await self.state.backlog.done(await self.claimed())

    async def claimed(self):
        return await self.state.backlog.claim([self.number], "me", 100, 60)

    async def standing(self) -> Standing:
        (found,) = await status(self.state, self.clock)
        return found.standing


@pytest.fixture
async def bench(tmp_path):
    clock = ManualClock(auto=False)
    state = await State.open(f"sqlite:///{tmp_path}/brigade.db", clock=clock)
    bench = Bench(state, clock)
    bench.number = await state.replications.ensure("photos", "s3://a/photos → s3://b/photos")
    yield bench
    await state.close()


async def test_a_failed_run_counts_until_its_failed_keys_are_made_right(bench):
    await bench.handed_over(await bench.ran(RunState.FAILED, failed=1, conflicts=1), "a", "b")
    assert await bench.standing() is Standing.FAILING
    await bench.mended()
    assert await bench.standing() is Standing.IN_STEP
    await bench.state.backlog.mark(bench.number, ["c"], live=True)
    assert await bench.standing() is Standing.BEHIND


async def test_what_waits_since_the_run_is_its_trouble_and_what_came_later_is_not(bench):
    await bench.handed_over(await bench.ran(RunState.FAILED, failed=2), "a", "b")
    await bench.state.backlog.mark(bench.number, ["later"], live=True)
    claims = {claim.key: claim for claim in await bench.claimed()}
    await bench.state.backlog.done([claims["a"]])
    await bench.state.backlog.retry(claims["b"], 30, "no")
    assert await bench.standing() is Standing.FAILING
    bench.clock.advance(60)
    (again,) = [claim for claim in await bench.claimed() if claim.key == "b"]
    await bench.state.backlog.done([again])
    assert await bench.standing() is Standing.BEHIND


async def test_what_was_parked_since_the_run_fails_until_somebody_decides(bench):
    await bench.handed_over(await bench.ran(RunState.FAILED, failed=1), "a")
    for claim in await bench.claimed():
        await bench.state.backlog.park(claim, "no")
    assert await bench.standing() is Standing.FAILING
    await bench.state.backlog.dismiss(bench.number, ["a"], "known")
    (found,) = await status(bench.state, bench.clock)
    assert (found.standing, found.dismissed) == (Standing.IN_STEP, 1)


@pytest.mark.parametrize(
    ("counts", "result"),
    [
        ({"failed": 1}, RunResult(incomplete="the listing broke")),
        ({"failed": 1}, RunResult(refusal="too many deletions")),
        # Of more than are remembered the rest is found by the next run, and of a worker that died, too.
        ({"failed": 2}, WHOLE),
    ],
    ids=["incomplete", "refused", "not all handed over"],
)
async def test_only_another_run_can_mend_what_the_backlog_does_not_have(bench, counts, result):
    await bench.handed_over(await bench.ran(RunState.FAILED, **counts), "a", result=result)
    await bench.mended()
    assert await bench.standing() is Standing.FAILING
    await bench.ran(RunState.DONE)
    assert await bench.standing() is Standing.IN_STEP


async def test_a_run_that_failed_as_a_whole_or_was_refused_fails_until_the_next(bench):
    for ended in (RunState.FAILED, RunState.REFUSED):
        await bench.ran(ended)
        assert await bench.standing() is Standing.FAILING
        await bench.ran(RunState.DONE)
        assert await bench.standing() is Standing.IN_STEP


async def test_what_one_run_handed_over_says_nothing_of_a_later_one(bench):
    await bench.handed_over(await bench.ran(RunState.FAILED, failed=1), "a")
    await bench.mended()
    await bench.ran(RunState.FAILED, failed=1)
    assert await bench.standing() is Standing.FAILING


async def test_all_who_took_part_hand_over_their_own(bench):
    run_id = await bench.ran(RunState.FAILED, failed=3)
    await bench.handed_over(run_id, "a", "b")
    await bench.mended()
    assert await bench.standing() is Standing.FAILING
    await bench.handed_over(run_id, "c")
    assert await bench.standing() is Standing.FAILING
    await bench.mended()
    assert await bench.standing() is Standing.IN_STEP


async def test_a_run_that_was_cancelled_proves_nothing(bench):
    await bench.ran(RunState.DONE)
    await bench.ran(RunState.CANCELLED)
    assert await bench.standing() is Standing.BEHIND


@pytest.mark.parametrize("ended", [RunState.CANCELLED, RunState.INTERRUPTED])
@pytest.mark.parametrize(
    ("before", "standing"), [(RunState.DONE, Standing.IN_STEP), (RunState.FAILED, Standing.FAILING)]
)
async def test_a_verify_that_was_cut_off_changes_nothing_of_what_is_known(bench, ended, before, standing):
    await bench.ran(before)
    await bench.ran(ended, RunKind.VERIFY)
    await bench.ran(ended, RunKind.VERIFY)
    (found,) = await status(bench.state, bench.clock)
    assert (found.standing, found.result) == (standing, ended)


async def test_a_verify_that_found_differences_fails_until_a_run_mends_them(bench):
    await bench.handed_over(await bench.ran(RunState.FAILED, failed=1), "a")
    await bench.ran(RunState.FAILED, RunKind.VERIFY, differences=1)
    await bench.mended()
    assert await bench.standing() is Standing.FAILING


async def test_a_verify_that_found_none_proves_it(bench):
    await bench.ran(RunState.FAILED, failed=1)
    await bench.ran(RunState.DONE, RunKind.VERIFY)
    assert await bench.standing() is Standing.IN_STEP


async def test_what_keeps_a_run_from_beginning_is_told_until_one_can(bench):
    await bench.ran(RunState.DONE)
    with pytest.raises(BucketMissing):
        async with troubles_noted(bench.state, "photos"):
            raise BucketMissing("there is no such bucket", store="a", operation="open")
    (found,) = await status(bench.state, bench.clock)
    assert found.standing is Standing.FAILING
    assert "there is no such bucket" in str(found.trouble)
    async with troubles_noted(bench.state, "photos"):
        pass
    (found,) = await status(bench.state, bench.clock)
    assert (found.standing, found.trouble) == (Standing.IN_STEP, None)


async def test_what_has_never_run_tells_why(bench):
    await bench.state.control.troubles.note("new", "the source is away")
    (found,) = await status(bench.state, bench.clock, configured=[Known("new", "s3://x → s3://y")])
    assert (found.standing, found.trouble, found.replication_id) == (Standing.FAILING, "the source is away", None)


async def test_a_run_of_somebody_else_ends_the_trouble(bench):
    await bench.state.control.troubles.note("photos", "the source is away")
    bench.clock.advance(1)
    assert await bench.standing() is Standing.FAILING
    run = await bench.state.runs.begin(bench.number, RunKind.SYNC, {}, Owner.current(), 60.0)
    assert await bench.standing() is Standing.RUNNING
    await bench.state.runs.finish(run, RunState.DONE, {})
    assert await bench.standing() is Standing.IN_STEP


@pytest.mark.parametrize("error", [StateError("the state is away"), LeaseLost("taken over")])
async def test_what_is_no_trouble_of_the_stores_is_not_noted(bench, error):
    with pytest.raises(type(error)):
        async with troubles_noted(bench.state, "photos"):
            raise error
    assert await bench.state.control.troubles.all() == {}


async def test_of_a_bucket_that_is_no_more_no_trouble_stays(bench):
    for name in ("all/gone", "all/there", "alle/other", "all"):
        await bench.state.control.troubles.note(name, "no")
    await forget_others(bench.state, "all", ["all/there"])
    assert set(await bench.state.control.troubles.all()) == {"all/there", "alle/other", "all"}


async def test_a_whole_store_whose_buckets_cannot_be_listed_has_a_line_that_says_so(bench):
    await bench.state.replications.ensure("all/photos", "s3://old:80/photos → s3://new:80/photos")
    await bench.state.control.troubles.note("all", "the source is away")
    found = await status(bench.state, bench.clock, configured=[Known("all", None)])
    assert [(each.name, each.standing) for each in found] == [("all", Standing.FAILING), ("all/photos", Standing.NEW)]

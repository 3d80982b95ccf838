"""The backlog: no mark is lost, a key is one row, and only the owner of the newest claim changes it."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from brigade.errors import StateError
from brigade.state import backlog_marks
from brigade.state.rows import Claim
from brigade.state.state import State
from brigade.testing.clock import ManualClock

ODD_KEYS = [
    "a//b", "/lead", "trail/", "sp ace", "plus+", "per%cent", "ü", "ü", "😀", "tab\t", "k" * 1024, "nul\0nul",
    "\udcff\udc80", "new\nline", "'; DROP TABLE runs", "\\x00", "%(keys)s", "",
]  # fmt: skip
ONE, TWO, THREE = 1, 2, 3
SECOND_NS = 1_000_000_000


async def keys_of(state: State, *, limit: int = 100, owner: str = "me", ids: tuple[int, ...] = (ONE,)) -> list[str]:
    return [claim.key for claim in await state.backlog.claim(ids, owner, limit, 60)]


async def claim_one(state: State, owner: str = "me") -> Claim:
    (claim,) = await state.backlog.claim([ONE], owner, 10, 60)
    return claim


async def test_every_key_comes_back_as_it_went_in(state: State) -> None:
    await state.backlog.mark(ONE, ODD_KEYS, live=True)
    claims = await state.backlog.claim([ONE], "me", 100, 60)
    assert sorted(claim.key for claim in claims) == sorted(set(ODD_KEYS))
    assert await state.backlog.done(claims) == len(set(ODD_KEYS))
    assert (await state.backlog.lag(ONE)).length == 0


@pytest.mark.parametrize("count", [1, 2, 255, 257, 600, 1300])
async def test_batches_of_any_size_are_whole(state: State, count: int) -> None:
    keys = [f"k{number:05d}" for number in range(count)]
    await state.backlog.mark(ONE, keys, live=False)
    claims = await state.backlog.claim([ONE], "me", 2000, 60)
    assert sorted(claim.key for claim in claims) == keys
    assert len(await state.backlog.renew(claims)) == count
    await state.backlog.release(claims[: count // 2])
    assert await state.backlog.done(claims) == count - count // 2


async def test_a_key_marked_often_is_one_row_with_the_oldest_time(state: State, clock: ManualClock) -> None:
    first_ns = clock.now_ns()
    for _ in range(3):
        await state.backlog.mark(ONE, ["k", "k"], live=True)
        clock.advance(1)
    assert await state.backlog.lag(ONE) == (1, first_ns, 0)


async def test_a_claimed_key_is_not_claimed_again(state: State) -> None:
    await state.backlog.mark(ONE, ["k"], live=True)
    assert await keys_of(state) == ["k"]
    assert await keys_of(state, owner="other") == []
    await state.backlog.mark(ONE, ["k"], live=True)
    assert await keys_of(state, owner="other") == []


async def test_a_key_marked_during_its_claim_stays_and_is_claimable_at_once(state: State, clock: ManualClock) -> None:
    await state.backlog.mark(ONE, ["k"], live=True)
    clock.advance(10)
    claim = await claim_one(state)
    await state.backlog.mark(ONE, ["k"], live=True)
    assert await state.backlog.done([claim]) == 0
    lag = await state.backlog.lag(ONE)
    assert lag.length == 1
    assert lag.oldest_marked_ns is not None
    assert lag.oldest_marked_ns >= clock.now_ns(), "what was marked before the claim has been seen to"
    again = await claim_one(state)
    assert await state.backlog.done([again]) == 1


async def test_a_lease_that_ends_returns_the_work_and_the_late_owner_changes_nothing(
    state: State, clock: ManualClock
) -> None:
    await state.backlog.mark(ONE, ["k"], live=True)
    late = await claim_one(state)
    clock.advance(61)
    now = await claim_one(state, owner="other")
    assert now.fence > late.fence
    assert await state.backlog.renew([late]) == []
    await state.backlog.done([late])
    await state.backlog.retry(late, 1, "late")
    await state.backlog.park(late, "late")
    await state.backlog.release([late])
    assert await keys_of(state) == [], "the other's lease stands"
    assert await state.backlog.renew([now]) == [now]
    assert await state.backlog.done([now]) == 1


async def test_a_late_owner_cannot_touch_a_row_that_was_removed_and_came_back(state: State, clock: ManualClock) -> None:
    await state.backlog.mark(ONE, ["k"], live=True)
    late = await claim_one(state)
    clock.advance(61)
    await state.backlog.done([await claim_one(state, owner="other")])
    await state.backlog.mark(ONE, ["k"], live=True)
    assert await state.backlog.done([late]) == 0
    mine = await claim_one(state)
    assert await state.backlog.done([late]) == 0
    assert await state.backlog.done([mine]) == 1


async def test_a_renewed_lease_goes_on(state: State, clock: ManualClock) -> None:
    await state.backlog.mark(ONE, ["k"], live=True)
    claim = await claim_one(state)
    clock.advance(50)
    assert await state.backlog.renew([claim]) == [claim]
    clock.advance(50)
    assert await keys_of(state, owner="other") == []


async def test_a_claim_that_ended_is_used_up(state: State) -> None:
    await state.backlog.mark(ONE, ["k"], live=True)
    claim = await claim_one(state)
    await state.backlog.release([claim])
    assert await state.backlog.done([claim]) == 0
    assert (await state.backlog.lag(ONE)).length == 1


async def test_live_keys_come_before_backfill_and_a_live_mark_upgrades(state: State, clock: ManualClock) -> None:
    await state.backlog.mark(ONE, ["old backfill", "upgraded"], live=False)
    clock.advance(1)
    await state.backlog.mark(ONE, ["live"], live=True)
    clock.advance(1)
    await state.backlog.mark(ONE, ["upgraded"], live=True)
    await state.backlog.mark(ONE, ["live"], live=False)
    claims = await state.backlog.claim([ONE], "me", 2, 60)
    assert {claim.key: claim.live for claim in claims} == {"live": True, "upgraded": True}
    assert await keys_of(state) == ["old backfill"]


async def test_the_longest_ready_come_first(state: State, clock: ManualClock) -> None:
    for key in ("c", "a", "b"):
        await state.backlog.mark(ONE, [key], live=True)
        clock.advance(1)
    assert await keys_of(state) == ["c", "a", "b"]


async def test_a_flood_of_one_replication_leaves_the_others_their_share(state: State, clock: ManualClock) -> None:
    await state.backlog.mark(ONE, [f"{number}" for number in range(500)], live=True)
    clock.advance(1)
    await state.backlog.mark(TWO, [f"{number}" for number in range(40)], live=False)
    await state.backlog.mark(THREE, ["a", "b"], live=True)
    claims = await state.backlog.claim([ONE, TWO, THREE], "me", 60, 60)
    shares = Counter(claim.replication_id for claim in claims)
    assert sum(shares.values()) == 60, "what one leaves over goes to the others"
    assert shares[THREE] == 2
    assert shares[TWO] >= 20
    assert shares[ONE] >= 20


async def test_even_one_key_at_a_time_everybody_gets_a_turn(state: State) -> None:
    for replication in (ONE, TWO, THREE):
        await state.backlog.mark(replication, [f"{number}" for number in range(10)], live=True)
    turns = Counter([(await state.backlog.claim([ONE, TWO, THREE], "me", 1, 60))[0].replication_id for _ in range(9)])
    assert turns == {ONE: 3, TWO: 3, THREE: 3}


async def test_a_replication_gets_no_more_than_asked_for(state: State) -> None:
    for replication in (ONE, TWO):
        await state.backlog.mark(replication, [f"{number}" for number in range(50)], live=True)
    claims = await state.backlog.claim([ONE, TWO], "me", 60, 60, most={ONE: 3, TWO: 0})
    assert Counter(claim.replication_id for claim in claims) == {ONE: 3}


async def test_a_failed_key_waits_and_counts_its_attempts(state: State, clock: ManualClock) -> None:
    await state.backlog.mark(ONE, ["k"], live=True)
    await state.backlog.retry(await claim_one(state), 10, "boom")
    assert await keys_of(state) == []
    clock.advance(10)
    claim = await claim_one(state)
    assert claim.attempts == 1
    await state.backlog.retry(claim, 0, "store is down", counts=False)
    assert (await claim_one(state)).attempts == 1


async def test_a_new_mark_ends_the_pause_and_starts_the_attempts_anew(state: State) -> None:
    await state.backlog.mark(ONE, ["k"], live=True)
    await state.backlog.retry(await claim_one(state), 1000, "boom")
    await state.backlog.mark(ONE, ["k"], live=False)
    claim = await claim_one(state)
    assert (claim.attempts, claim.live) == (0, True)
    await state.backlog.mark(ONE, ["k"], live=True)
    await state.backlog.retry(claim, 1000, "of the older version")
    assert (await claim_one(state)).attempts == 0


async def test_a_parked_key_is_kept_with_its_reason_until_somebody_decides(state: State, clock: ManualClock) -> None:
    marked_ns = clock.now_ns()
    await state.backlog.mark(ONE, ["a", "b", "c", "d"], live=False)
    claims = await state.backlog.claim([ONE], "me", 10, 60)
    clock.advance(5)
    for claim in claims:
        await state.backlog.park(claim, f"refused: {claim.key}\0\udc80")
    assert await keys_of(state) == []
    assert await state.backlog.lag(ONE) == (0, None, 4)
    first, second = await state.backlog.parked(ONE, limit=2)
    assert (first.key, first.marked_ns, first.parked_ns, first.attempts) == ("a", marked_ns, clock.now_ns(), 1)
    assert first.error.startswith("refused: a")
    assert [row.key for row in await state.backlog.parked(ONE, start_after=second.key)] == ["c", "d"]
    assert await state.backlog.unpark(ONE, ["a", "absent"]) == 1
    assert await state.backlog.dismiss(ONE, ["b"]) == 1
    await state.backlog.mark(ONE, ["c"], live=True)
    assert sorted(await keys_of(state)) == ["a", "c"]
    assert await state.backlog.unpark(ONE) == 1
    assert (await state.backlog.lag(ONE)).parked == 0


async def fail(state: State, *keys: str, park: bool, pause_seconds: float = 100) -> None:
    await state.backlog.mark(ONE, keys, live=False)
    for claim in await state.backlog.claim([ONE], "me", 1000, 60):
        if park:
            await state.backlog.park(claim, f"no: {claim.key}")
        else:
            await state.backlog.retry(claim, pause_seconds, f"later: {claim.key}")


async def test_what_fails_is_told_parked_or_not_page_by_page(state: State, clock: ManualClock) -> None:
    marked_ns = clock.now_ns()
    await fail(state, "b", "d", park=True)
    await fail(state, "a", "c", park=False)
    await state.backlog.mark(ONE, ["waits"], live=True)
    first = await state.backlog.failing(ONE, limit=3)
    assert [(row.key, row.parked, row.attempts) for row in first] == [("a", False, 1), ("b", True, 1), ("c", False, 1)]
    assert first[0][2:4] == (marked_ns, marked_ns + 100 * SECOND_NS)
    assert [row.key for row in await state.backlog.failing(ONE, start_after="c")] == ["d"]
    assert [row.key for row in await state.backlog.failing(ONE, among=["d", "a", "waits", "absent"])] == ["a", "d"]
    assert await state.backlog.failing(TWO) == []


async def test_among_many_keys_those_that_fail_are_found_in_order(state: State) -> None:
    keys = [f"k{number:04}" for number in range(1200)]
    await fail(state, *keys[::300], park=True)
    assert [row.key for row in await state.backlog.failing(ONE, among=reversed(keys))] == keys[::300]


async def test_odd_keys_that_fail_come_back_as_they_went_in(state: State) -> None:
    await fail(state, *ODD_KEYS, park=True)
    assert {row.key for row in await state.backlog.failing(ONE)} == set(ODD_KEYS)
    assert await state.backlog.try_again(ONE, ODD_KEYS) == len(set(ODD_KEYS))


async def test_what_failed_is_tried_again_at_once_parked_or_not(state: State) -> None:
    await fail(state, "b", "d", park=True)
    await fail(state, "a", "c", park=False)
    assert await state.backlog.try_again(ONE, ["a", "b", "absent"]) == 2
    claims = {claim.key: claim for claim in await state.backlog.claim([ONE], "me", 10, 60)}
    assert {key: claim.attempts for key, claim in claims.items()} == {"a": 0, "b": 0}
    # What is in work is left to whoever has it.
    assert await state.backlog.try_again(ONE) == 2
    assert sorted(await keys_of(state, owner="another")) == ["c", "d"]
    await state.backlog.done(list(claims.values()))
    assert [row.key for row in await state.backlog.failing(ONE)] == ["c", "d"]


async def test_trying_again_ends_no_hold(state: State, clock: ManualClock) -> None:
    await fail(state, "k", park=False)
    await state.backlog.mark(ONE, ["k"], live=True, hold_until_ns=clock.now_ns() + 50 * SECOND_NS)
    assert await state.backlog.try_again(ONE) == 1
    assert await keys_of(state) == []
    clock.advance(50)
    assert await keys_of(state) == ["k"]


async def test_a_key_marked_while_it_is_parked_is_not_parked(state: State) -> None:
    await state.backlog.mark(ONE, ["k"], live=True)
    claim = await claim_one(state)
    await state.backlog.mark(ONE, ["k"], live=True)
    await state.backlog.park(claim, "the older version was refused")
    assert (await claim_one(state)).attempts == 0


async def test_what_is_dismissed_is_on_record_with_its_reason_and_the_note(state: State, clock: ManualClock) -> None:
    await fail(state, *ODD_KEYS, park=True)
    assert await state.backlog.dismiss(ONE, ODD_KEYS[:2], "never mind\u2026") == 2
    clock.advance(1)
    assert await state.backlog.dismiss(ONE) == len(set(ODD_KEYS)) - 2
    assert await state.backlog.failing(ONE) == []
    found = await state.backlog.dismissed(ONE)
    assert {row.key for row in found} == set(ODD_KEYS)
    assert {row.key: row.note for row in found[-2:]} == dict.fromkeys(ODD_KEYS[:2], "never mind\u2026")
    assert found[0].dismissed_ns == clock.now_ns()
    assert found[0].error.startswith("no: ")
    assert len(await state.backlog.dismissed(ONE, limit=3)) == 3
    assert await state.backlog.dismissed(TWO) == []


async def test_dismissing_leaves_alone_what_is_not_parked(state: State) -> None:
    await state.backlog.mark(ONE, ["k"], live=True)
    assert await state.backlog.dismiss(ONE) == 0
    assert await keys_of(state) == ["k"]


async def test_a_held_key_waits_for_its_settling(state: State, clock: ManualClock) -> None:
    await state.backlog.mark(ONE, ["k"], live=True, hold_until_ns=clock.now_ns() + 30 * SECOND_NS)
    assert await keys_of(state) == []
    await state.backlog.settle(ONE, ["k"])
    assert await state.backlog.done([await claim_one(state)]) == 1


async def test_a_hold_that_nobody_settles_ends_by_itself(state: State, clock: ManualClock) -> None:
    await state.backlog.mark(ONE, ["k"], live=True, hold_until_ns=clock.now_ns() + 30 * SECOND_NS)
    clock.advance(30)
    assert await state.backlog.done([await claim_one(state)]) == 1


async def test_a_key_looked_at_during_a_hold_is_never_removed(state: State, clock: ManualClock) -> None:
    """Else a process that dies between the change and its settling would leave no trace of the change."""
    await state.backlog.mark(ONE, ["k"], live=True)
    early = await claim_one(state)
    await state.backlog.done([early])
    await state.backlog.mark(ONE, ["k"], live=True, hold_until_ns=clock.now_ns() + 30 * SECOND_NS)
    await state.backlog.mark(ONE, ["k"], live=True)
    assert await state.backlog.done([await claim_one(state)]) == 0
    assert await keys_of(state) == []
    clock.advance(30)
    assert await state.backlog.done([await claim_one(state)]) == 1


async def test_each_of_two_holds_must_end(state: State, clock: ManualClock) -> None:
    for _ in range(2):
        await state.backlog.mark(ONE, ["k"], live=True, hold_until_ns=clock.now_ns() + 30 * SECOND_NS)
    await state.backlog.settle(ONE, ["k"])
    assert await state.backlog.done([await claim_one(state)]) == 0, "the other change is still under way"
    await state.backlog.settle(ONE, ["k"])
    assert await state.backlog.done([await claim_one(state)]) == 1


async def test_settling_during_a_claim_keeps_the_row(state: State, clock: ManualClock) -> None:
    await state.backlog.mark(ONE, ["k"], live=True, hold_until_ns=clock.now_ns() + 30 * SECOND_NS)
    clock.advance(30)
    claim = await claim_one(state)
    await state.backlog.settle(ONE, ["k"])
    assert await state.backlog.done([claim]) == 0
    assert await state.backlog.done([await claim_one(state)]) == 1


async def test_settling_a_key_that_is_gone_marks_it(state: State) -> None:
    await state.backlog.settle(ONE, ["k"])
    assert await state.backlog.done([await claim_one(state)]) == 1


async def test_marks_that_come_together_share_commits(state: State) -> None:
    before = state.commits
    await asyncio.gather(*(state.backlog.mark(ONE, [f"{number % 100}"], live=True) for number in range(2000)))
    assert state.commits - before <= 4
    assert (await state.backlog.lag(ONE)).length == 100


async def test_while_many_come_each_waits_for_more_to_share_a_commit_with(
    state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backlog_marks, "_GATHER_SECONDS", 3600)

    def marking(count: int) -> list[asyncio.Future[None]]:
        return [asyncio.ensure_future(state.backlog.mark(ONE, [f"{number}"], live=True)) for number in range(count)]

    for few in (1, 2, 1, 3):
        await asyncio.gather(*marking(few))
    before = state.commits
    tasks = marking(200)
    await asyncio.sleep(0.01)
    await asyncio.gather(*tasks, *marking(56))
    assert state.commits - before == 1


async def test_a_mark_whose_caller_is_cancelled_harms_nobody(state: State) -> None:
    tasks = [asyncio.ensure_future(state.backlog.mark(ONE, [f"{number}"], live=True)) for number in range(3)]
    await asyncio.sleep(0)
    tasks[0].cancel()
    await asyncio.gather(*tasks[1:])
    assert (await state.backlog.lag(ONE)).length == 3


async def test_a_mark_that_cannot_be_written_is_an_error_for_its_caller(state: State) -> None:
    with pytest.raises(StateError, match="surrogate"):
        await state.backlog.mark(ONE, ["\ud800"], live=True)
    await state.close()
    with pytest.raises(StateError):
        await state.backlog.mark(ONE, ["k"], live=True)


async def test_claims_of_keys_in_work_are_told(state: State, clock: ManualClock) -> None:
    await state.backlog.mark(ONE, ["a", "b"], live=True)
    claims = await state.backlog.claim([ONE], "me", 1, 60)
    busy = {claims[0].key}
    assert await state.backlog.claimed(ONE, ["a", "b", "c"]) == busy
    clock.advance(61)
    assert await state.backlog.claimed(ONE, ["a", "b", "c"]) == set()


async def test_waiting_ends_with_a_mark(state: State) -> None:
    async def wait() -> None:
        while not (claims := await keys_of(state)):
            await state.backlog.wait(1000)
        assert claims == ["k"]

    async with asyncio.timeout(80):
        waiting = asyncio.ensure_future(wait())
        await asyncio.sleep(0.05)
        assert not waiting.done()
        await state.backlog.mark(ONE, ["k"], live=True)
        await waiting


async def test_a_mark_between_the_look_and_the_waiting_is_not_slept_through(state: State) -> None:
    assert await keys_of(state) == []
    await state.backlog.mark(ONE, ["k"], live=True)
    async with asyncio.timeout(80):
        await state.backlog.wait(1000)


async def test_the_lags_of_all_replications_come_in_one_answer(state, clock):
    await state.backlog.mark(1, ["a", "b"], live=True)
    first_ns = clock.now_ns()
    clock.advance(5)
    await state.backlog.mark(2, ["a"], live=True)
    (claim,) = await state.backlog.claim([2], "me", 10, 60)
    await state.backlog.park(claim, "no")
    assert await state.backlog.lags() == {1: (2, first_ns, 0), 2: (0, None, 1)}
    assert await state.backlog.lag(1) == (2, first_ns, 0)


async def test_the_state_answers_when_it_is_asked(state):
    await state.ping()


async def test_what_was_seen_to_and_rests_is_counted_and_not_late(state: State, clock: ManualClock) -> None:
    await state.backlog.mark(ONE, ["gone", "failed", "waits"], live=True)
    marked_ns = clock.now_ns()
    by_key = {claim.key: claim for claim in await state.backlog.claim([ONE], "me", 9, 60)}
    assert await state.backlog.lag(ONE) == (3, marked_ns, 0), "what is in work is late"
    await state.backlog.release([by_key["gone"]], 30)
    await state.backlog.done([by_key["waits"]])
    assert (await state.backlog.lag(ONE)).oldest_marked_ns == marked_ns
    await state.backlog.retry(by_key["failed"], 30, "no")
    assert await state.backlog.lag(ONE) == (2, marked_ns, 0), "what failed is late"
    (again,) = [claim for claim in await _all_after(state, clock, 31) if claim.key == "failed"]
    await state.backlog.done([again])
    assert (await state.backlog.lag(ONE)).length == 1


async def _all_after(state: State, clock: ManualClock, seconds: float) -> list[Claim]:
    clock.advance(seconds)
    claims = await state.backlog.claim([ONE], "me", 9, 60)
    await state.backlog.release([claim for claim in claims if claim.key == "gone"], 30)
    assert (await state.backlog.lag(ONE)).oldest_marked_ns is not None
    return claims

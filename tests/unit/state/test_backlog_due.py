"""Which of many replications have work: asked in pages, by one statement that passes over the idle ones."""

from __future__ import annotations

from sqlalchemy import text

from brigade.state.backlog_due import _WALK
from brigade.state.engine import Place, open_database
from brigade.state.state import State
from brigade.testing.clock import ManualClock

SECOND_NS = 1_000_000_000


async def test_those_with_claimable_rows_are_found_whichever_they_are(state: State, clock: ManualClock) -> None:
    await state.backlog.mark(7, ["live"], live=True)
    await state.backlog.mark(9, ["backfill", "more"], live=False)
    await state.backlog.mark(11, ["held"], live=True, hold_until_ns=clock.now_ns() + SECOND_NS)
    await state.backlog.mark(13, ["taken"], live=True)
    await state.backlog.claim([13], "somebody", 10, 60)
    assert await state.backlog.due_replications() == ([7, 9], None)
    clock.advance(2)
    assert await state.backlog.due_replications() == ([7, 9, 11], None)
    clock.advance(60)
    assert await state.backlog.due_replications() == ([7, 9, 11, 13], None)


async def test_parked_rows_are_no_work(state: State) -> None:
    await state.backlog.mark(7, ["k"], live=True)
    for claim in await state.backlog.claim([7], "me", 10, 60):
        await state.backlog.park(claim, "no")
    assert await state.backlog.due_replications() == ([], None)


async def test_a_page_goes_on_behind_the_last_one(state: State) -> None:
    for number in (2, 3, 5, 8):
        await state.backlog.mark(number, ["k"], live=True)
    await state.backlog.claim([3], "somebody", 10, 60)
    assert await state.backlog.due_replications(most=2) == ([2], 3)
    assert await state.backlog.due_replications(3, most=2) == ([5, 8], 8)
    assert await state.backlog.due_replications(8, most=2) == ([], None)


async def test_the_walk_reads_the_index_of_due_rows_and_nothing_else(url: str, state: State) -> None:
    assert await state.backlog.due_replications() == ([], None)
    database = open_database(Place.parse(url))
    try:
        if not database.place.is_sqlite:
            return  # with so few rows PostgreSQL reads the table, which is right
        query = text(f"EXPLAIN QUERY PLAN {_WALK.text}")
        values = {"now": 1, "after": 0, "most": 9}
        rows = await database.read.run(lambda connection: connection.execute(query, values).all())
        steps = [row[3] for row in rows if "backlog" in row[3]]
        assert len(steps) == 4
        assert all("SEARCH backlog USING" in step and "backlog_due" in step for step in steps), steps
    finally:
        await database.close()


async def test_a_replication_is_found_by_what_it_is(state: State) -> None:
    assert await state.replications.find("a → b") is None
    number = await state.replications.ensure("one", "a → b")
    assert await state.replications.find("a → b") == number
    assert await state.replications.identities([number, 999]) == {number: "a → b"}

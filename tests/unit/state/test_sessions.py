"""Sessions of browsers: kept until they end, and not longer than the token they stand for."""

from __future__ import annotations

from sqlalchemy import func, select

from brigade.state import schema
from brigade.state.control_rows import TokenRow
from brigade.state.sessions import SessionRow
from brigade.state.state import State
from brigade.testing.clock import ManualClock

SECOND_NS = 1_000_000_000


def session(name: str, until_ns: int, token_id: str = "t") -> SessionRow:
    return SessionRow(name.encode(), token_id, until_ns)


async def count(state: State) -> int:
    query = select(func.count()).select_from(schema.sessions)
    return int(await state._database.read.run(lambda connection: connection.execute(query).scalar_one()))


async def test_a_session_is_found_by_its_digest(state: State, clock: ManualClock) -> None:
    row = session("a", clock.now_ns() + 10 * SECOND_NS)
    await state.control.sessions.begin(row, most=10)
    assert await state.control.sessions.find(b"a") == row
    assert await state.control.sessions.find(b"b") is None


async def test_another_process_finds_it(state: State, url: str, clock: ManualClock) -> None:
    row = session("a", clock.now_ns() + SECOND_NS)
    await state.control.sessions.begin(row, most=10)
    other = await State.open(url, clock=clock)
    assert await other.control.sessions.find(b"a") == row
    await other.control.sessions.end(b"a")
    await other.close()
    assert await state.control.sessions.find(b"a") is None


async def test_beginning_one_sweeps_out_those_that_are_over(state: State, clock: ManualClock) -> None:
    for number in range(5):
        await state.control.sessions.begin(session(f"{number}", clock.now_ns() + SECOND_NS), most=10)
    clock.advance(2)
    await state.control.sessions.begin(session("new", clock.now_ns() + SECOND_NS), most=10)
    assert await count(state) == 1


async def test_there_are_only_so_many_and_the_first_to_end_goes(state: State, clock: ManualClock) -> None:
    for number in range(5):
        await state.control.sessions.begin(session(f"{number}", clock.now_ns() + (number + 1) * SECOND_NS), most=3)
    found = [await state.control.sessions.find(f"{number}".encode()) is not None for number in range(5)]
    assert found == [False, False, True, True, True]


async def test_revoking_a_token_ends_its_sessions_and_no_other(state: State, clock: ManualClock) -> None:
    await state.control.tokens.add(TokenRow("t", "ann", "read", b"", 1, None, None))
    await state.control.sessions.begin(session("a", clock.now_ns() + SECOND_NS), most=10)
    await state.control.sessions.begin(session("b", clock.now_ns() + SECOND_NS, "other"), most=10)
    assert await state.control.tokens.revoke("t")
    assert await state.control.sessions.find(b"a") is None
    assert await state.control.sessions.find(b"b") is not None

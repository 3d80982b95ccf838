"""Group commit: writes share commits, errors do not; nothing that was submitted is lost."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from functools import partial

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError

from brigade.clock import SystemClock
from brigade.errors import StateError
from brigade.objects import Proof
from brigade.state.engine import Database, Place, open_database
from brigade.state.lanes import ATTEMPTS, GROUP_LIMIT, QUEUE_LIMIT
from brigade.state.rows import InventoryRow
from brigade.state.shield import shielded
from brigade.state.state import State


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    database = open_database(Place.parse(url))
    await database.write.run(lambda connection: connection.execute(text("CREATE TABLE t (n integer primary key)")))
    yield database
    await database.close()


def insert(connection: Connection, number: int) -> int:
    connection.execute(text("INSERT INTO t VALUES (:n)"), {"n": number})
    return number


async def numbers(database: Database) -> list[int]:
    query = text("SELECT n FROM t ORDER BY n")
    return list(await database.read.run(lambda connection: connection.execute(query).scalars().all()))


async def occupied(database: Database) -> tuple[threading.Event, list[asyncio.Task[None]]]:
    """All writers are held up, so that what comes now waits together. Set the event to let them go."""
    release = threading.Event()
    started = asyncio.Queue[None]()
    loop = asyncio.get_running_loop()

    def hold(_connection: Connection) -> None:
        loop.call_soon_threadsafe(started.put_nowait, None)
        release.wait(30)

    tasks = []
    for _ in range(1 if database.place.is_sqlite else 2):
        tasks.append(asyncio.ensure_future(database.write.run(hold)))
        await started.get()
    return release, tasks


async def test_writes_that_arrive_during_a_commit_share_the_next(database: Database) -> None:
    release, holders = await occupied(database)
    before = database.write.transactions
    tasks = [asyncio.ensure_future(database.write.run(partial(insert, number=n))) for n in range(GROUP_LIMIT)]
    await asyncio.sleep(0)
    release.set()
    assert await asyncio.gather(*tasks, *holders) == [*range(GROUP_LIMIT), *[None] * len(holders)]
    assert database.write.transactions - before <= len(holders) + 2
    assert await numbers(database) == list(range(GROUP_LIMIT))


async def test_one_bad_statement_spoils_only_its_own_caller(database: Database) -> None:
    release, holders = await occupied(database)
    tasks = [asyncio.ensure_future(database.write.run(partial(insert, number=n))) for n in (1, 2, 2, 3)]
    await asyncio.sleep(0)
    release.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.gather(*holders)
    assert sorted(result for result in results if isinstance(result, int)) == [1, 2, 3]
    assert [type(result) for result in results if not isinstance(result, int)] == [StateError]
    assert await numbers(database) == [1, 2, 3]


async def test_a_job_that_fails_halfway_leaves_nothing(database: Database) -> None:
    def half(connection: Connection) -> None:
        insert(connection, 1)
        raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        await database.write.run(half)
    assert await numbers(database) == []
    await database.write.run(lambda connection: insert(connection, 1))


async def test_a_submitted_write_happens_though_its_caller_was_cancelled(database: Database) -> None:
    release, holders = await occupied(database)
    task = asyncio.ensure_future(database.write.run(lambda connection: insert(connection, 1)))
    await asyncio.sleep(0)
    task.cancel()
    release.set()
    await asyncio.gather(*holders)
    await database.write.run(lambda connection: insert(connection, 2))
    assert await numbers(database) == [1, 2]


async def test_shielded_work_ends_before_the_cancellation_goes_on(database: Database) -> None:
    release, holders = await occupied(database)
    task = asyncio.ensure_future(shielded(database.write.run(lambda connection: insert(connection, 1))))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.sleep(0.05)
    task.cancel()
    assert not task.done()
    release.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await numbers(database) == [1]
    await asyncio.gather(*holders)


async def test_shielded_gives_the_value_and_the_error_of_its_work(database: Database) -> None:
    assert await shielded(database.write.run(lambda connection: insert(connection, 1))) == 1
    with pytest.raises(StateError):
        await shielded(database.write.run(lambda connection: insert(connection, 1)))


async def test_the_queue_is_bounded_and_everybody_gets_a_turn(database: Database) -> None:
    release, holders = await occupied(database)
    tasks = [asyncio.ensure_future(database.write.run(partial(insert, number=n))) for n in range(QUEUE_LIMIT + 500)]
    await asyncio.sleep(0.05)
    assert database.write._tasks.qsize() <= QUEUE_LIMIT
    release.set()
    await asyncio.gather(*tasks, *holders)
    assert len(await numbers(database)) == QUEUE_LIMIT + 500


async def test_cancelled_waiters_give_their_place_back(database: Database) -> None:
    for _ in range(3):
        release, holders = await occupied(database)
        tasks = [asyncio.ensure_future(database.read.run(lambda c: None)) for _ in range(QUEUE_LIMIT + 50)]
        await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        release.set()
        await asyncio.gather(*holders)
    assert await numbers(database) == []


async def test_closing_finishes_what_was_submitted_and_refuses_the_rest(database: Database, url: str) -> None:
    release, holders = await occupied(database)
    tasks = [asyncio.ensure_future(database.write.run(partial(insert, number=n))) for n in range(50)]
    await asyncio.sleep(0)
    release.set()
    await database.close()
    assert await asyncio.gather(*tasks, *holders) == [*range(50), *[None] * len(holders)]
    with pytest.raises(StateError, match="closed"):
        await database.write.run(lambda connection: insert(connection, 99))
    await database.close()
    again = open_database(Place.parse(url))
    assert await numbers(again) == list(range(50))
    await again.close()


async def test_a_connection_that_was_cut_is_made_again(database: Database) -> None:
    assert await numbers(database) == []
    if not database.place.is_sqlite:  # A file cannot hang up.
        others = "FROM pg_stat_activity WHERE application_name = 'brigade' AND pid <> pg_backend_pid()"
        kill = text(f"SELECT pg_terminate_backend(pid) {others}")
        await database.read.run(lambda connection: connection.execute(kill).all())
    tasks = [asyncio.ensure_future(database.write.run(partial(insert, number=n))) for n in range(20)]
    assert await asyncio.gather(*tasks) == list(range(20))
    assert await numbers(database) == list(range(20))


async def test_deadlocked_writers_both_get_through(database: Database) -> None:
    """Two jobs that take two rows in opposite order; on SQLite one writer at a time makes it impossible."""
    for number in (1, 2):
        await database.write.run(partial(insert, number=number))
    both = threading.Barrier(1 if database.place.is_sqlite else 2, timeout=10)
    touch = text("UPDATE t SET n = n WHERE n = :n")
    met: list[int] = []

    def cross(connection: Connection, first: int, second: int) -> int:
        connection.execute(touch, {"n": first})
        if first not in met:
            met.append(first)
            both.wait()
        connection.execute(touch, {"n": second})
        return first

    one = asyncio.ensure_future(database.write.run(lambda connection: cross(connection, 1, 2)))
    await asyncio.sleep(0.1)
    two = asyncio.ensure_future(database.write.run(lambda connection: cross(connection, 2, 1)))
    assert list(await asyncio.gather(one, two)) == [1, 2]


@pytest.mark.parametrize("failures", [1, ATTEMPTS, ATTEMPTS + 1])
async def test_a_transient_error_is_tried_again_but_not_for_ever(database: Database, failures: int) -> None:
    calls: list[int] = []

    def flaky(connection: Connection) -> int:
        insert(connection, len(calls))
        calls.append(1)
        if len(calls) <= failures:
            raise OperationalError("", None, sqlite3.OperationalError("gone"), connection_invalidated=True)
        return len(calls)

    if failures <= ATTEMPTS:
        assert await database.write.run(flaky) == failures + 1
        assert await numbers(database) == [failures], "what a failed attempt wrote is gone"
    else:
        with pytest.raises(StateError, match="gone"):
            await database.write.run(flaky)
        assert len(calls) == ATTEMPTS + 1


async def test_the_state_in_memory_works_like_the_others() -> None:
    state = await State.open("sqlite://", clock=SystemClock())
    number = await state.replications.ensure("n", "a → b")
    await state.inventory.put(number, [InventoryRow("k", "s", "t", Proof.MD5, True, True, 0)])
    assert [row.key for row in await state.inventory.rows(number)] == ["k"]
    await state.close()

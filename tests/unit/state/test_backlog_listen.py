"""Marks of another process are heard of at once on PostgreSQL, and a broken connection is made again."""

from __future__ import annotations

import asyncio

import psycopg
import pytest

from brigade.clock import SystemClock
from brigade.state.state import State


@pytest.fixture
async def two(postgres_schema_url: str):
    one = await State.open(postgres_schema_url, clock=SystemClock())
    other = await State.open(postgres_schema_url, clock=SystemClock())
    yield one, other
    await one.close()
    await other.close()


async def seconds_until_heard(one: State, other: State, key: str) -> float:
    loop = asyncio.get_running_loop()
    waiting = asyncio.ensure_future(one.backlog.wait(30))
    await asyncio.sleep(0.2)
    began = loop.time()
    await other.backlog.mark(1, [key], live=True)
    await waiting
    return loop.time() - began


async def test_a_mark_of_another_process_wakes_at_once(two: tuple[State, State]) -> None:
    one, other = two
    await one.backlog.wait(0.1)
    assert await seconds_until_heard(one, other, "k") < 20
    assert await seconds_until_heard(one, other, "k") < 20


async def test_after_the_connection_broke_it_listens_again(two: tuple[State, State], postgres_url: str) -> None:
    one, other = two
    await one.backlog.wait(0.1)
    with psycopg.connect(postgres_url, autocommit=True) as admin:
        admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'brigade' AND query LIKE 'LISTEN%'"
        )
    await asyncio.sleep(0.2)
    await one.backlog.wait(0.1)
    assert await seconds_until_heard(one, other, "k") < 20

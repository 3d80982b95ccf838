"""Opening: which URLs, whose files, and words instead of tracebacks when a database is not well."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
import subprocess
import sys
import threading
from pathlib import Path
from typing import cast

import pytest
from sqlalchemy import Connection, create_engine, update
from sqlalchemy.exc import DBAPIError

from brigade.clock import SystemClock
from brigade.errors import BrigadeError, ConfigError, StateError
from brigade.objects import Proof
from brigade.state import engine as engine_module
from brigade.state.engine import Place
from brigade.state.rows import InventoryRow
from brigade.state.schema import backlog
from brigade.state.state import State
from brigade.state.trouble import translate


async def opened(url: str) -> State:
    return await State.open(url, clock=SystemClock())


def rows(count: int) -> list[InventoryRow]:
    return [InventoryRow(f"{n:05d}" * 20, "s" * 40, "t" * 40, Proof.ETAG, True, False, 0) for n in range(count)]


async def refusal(url: str) -> BrigadeError:
    with pytest.raises(BrigadeError) as caught:
        await opened(url)
    assert caught.value.__cause__ is None
    assert caught.value.hint
    return caught.value


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_what_was_written_is_there_when_opened_again(url: str) -> None:
    state = await opened(url)
    number = await state.replications.ensure("n", "a → b")
    await state.inventory.put(number, rows(3))
    await state.close()
    state = await opened(url)
    assert await state.replications.ensure("n", "a → b") == number
    assert await state.inventory.count(number) == 3
    await state.close()


async def test_directory_and_files_are_for_this_user_alone(tmp_path: Path) -> None:
    state = await opened(f"sqlite:///{tmp_path}/new/brigade.db")
    await state.replications.ensure("n", "a → b")
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "new").iterdir()}
    assert modes == {"brigade.db": 0o600, "brigade.db-wal": 0o600, "brigade.db-shm": 0o600}
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700
    await state.close()


async def test_commits_are_durable_and_the_log_is_written_ahead(tmp_path: Path) -> None:
    state = await opened(f"sqlite:///{tmp_path}/brigade.db")
    names = ("journal_mode", "synchronous", "foreign_keys")
    pragmas = await state._database.write.run(
        lambda connection: [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in names]
    )
    assert pragmas == ["wal", 2, 1]
    await state.close()


class BusyOnce:
    """Answers the first switch to the log as SQLite does while another process switches."""

    def __init__(self, file: Path) -> None:
        self.connection = sqlite3.connect(file, isolation_level=None)
        self.said: list[str] = []

    def execute(self, statement: str) -> sqlite3.Cursor:
        self.said.append(statement)
        if len(self.said) == 1:
            error = sqlite3.OperationalError("database is locked")
            error.sqlite_errorname = "SQLITE_BUSY"
            raise error
        return self.connection.execute(statement)


def test_switching_to_the_log_waits_for_a_process_that_does_the_same(tmp_path: Path) -> None:
    busy = BusyOnce(tmp_path / "f.db")
    engine_module._write_ahead(cast("sqlite3.Connection", busy))
    assert busy.connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert busy.said[1] == "BEGIN IMMEDIATE"
    busy.connection.close()


async def test_a_relative_url_means_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    await (await opened("sqlite:///some/brigade.db")).close()
    assert (tmp_path / "some" / "brigade.db").exists()


async def test_closing_leaves_no_thread_and_no_descriptor(url: str) -> None:
    await (await opened(url)).close()  # Imports and caches of the first time.
    descriptors = open_descriptors()
    state = await opened(url)
    await asyncio.gather(*(state.replications.ensure("n", f"i{n}") for n in range(20)))
    await state.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("state-")]
    assert open_descriptors() <= descriptors


@pytest.mark.parametrize("bad", ["", "nonsense", "mysql://u:secret@h/db", "postgresql+asyncpg://u:secret@h/db"])
async def test_a_url_that_means_nothing_is_a_configuration_error_without_its_password(bad: str) -> None:
    error = await refusal(bad)
    assert isinstance(error, ConfigError)
    assert "secret" not in str(error)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:s3cr3t@127.0.0.1:1/db?application_name=x",
        "postgresql://me@127.0.0.1:1/db?password=s3cr3t",
        "postgres://me:s3cr3t@127.0.0.1:1/db",
    ],
)
async def test_an_unreachable_postgres_is_named_without_its_password(url: str) -> None:
    error = await refusal(url)
    assert isinstance(error, StateError)
    assert "postgresql://me@127.0.0.1:1/db cannot be reached" in str(error)
    assert "s3cr3t" not in repr(error) + str(error)
    assert "s3cr3t" not in repr(Place.parse(url))


async def test_a_postgres_database_that_is_not_there_is_named(postgres_url: str) -> None:
    error = await refusal(postgres_url.replace("/postgres?", "/absent?"))
    assert "does not exist" in error.message


async def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_bytes(b"these are my notes, not a database\n" * 100)
    error = await refusal(f"sqlite:///{file}")
    assert "is not a database" in error.message
    assert file.read_bytes().startswith(b"these are my notes")


async def test_a_damaged_database_is_called_damaged(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/brigade.db"
    state = await opened(url)
    number = await state.replications.ensure("n", "a → b")
    await state.inventory.put(number, rows(2000))
    await state.close()
    whole = (tmp_path / "brigade.db").read_bytes()
    # The first pages of all tables come first, and the rows after them.
    half = len(whole) // 2
    (tmp_path / "brigade.db").write_bytes(whole[:half] + b"\xa5" * (len(whole) - half))
    state = await opened(url)
    with pytest.raises(StateError, match="is damaged"):
        await state.inventory.count(number)
    await state.close()


async def test_a_path_that_cannot_be_is_refused_with_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "cannot be opened" in (await refusal(f"sqlite:///{tmp_path}/file/brigade.db")).message
    assert "cannot be opened" in (await refusal(f"sqlite:///{tmp_path}")).message


async def test_a_full_disk_fails_the_write_and_not_the_state(tmp_path: Path) -> None:
    state = await opened(f"sqlite:///{tmp_path}/brigade.db")
    number = await state.replications.ensure("n", "a → b")

    async def limit_pages(count: int) -> None:
        await state._database.write.run(lambda c: c.exec_driver_sql(f"PRAGMA max_page_count = {count}").scalar())

    await limit_pages(60)
    with pytest.raises(StateError, match="no room left") as caught:
        await state.inventory.put(number, rows(2000))
    assert "free some disk space" in caught.value.hint
    await limit_pages(100_000)
    await state.inventory.put(number, rows(2000))
    assert await state.inventory.count(number) == 2000
    await state.close()


async def test_a_database_that_another_process_holds_is_called_locked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "_PRAGMAS", ("busy_timeout = 50", *engine_module._PRAGMAS[1:]))
    state = await opened(f"sqlite:///{tmp_path}/brigade.db")
    holder = sqlite3.connect(tmp_path / "brigade.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(StateError, match="is locked by another process"):
        await state.replications.ensure("n", "a → b")
    holder.execute("ROLLBACK")
    holder.close()
    await state.replications.ensure("n", "a → b")
    await state.close()


def test_a_read_only_file_is_called_so(tmp_path: Path) -> None:
    sqlite3.connect(tmp_path / "f.db").close()
    engine = create_engine(f"sqlite:///file:{tmp_path}/f.db?mode=ro&uri=true")
    with engine.connect() as connection, pytest.raises(DBAPIError) as caught:
        connection.exec_driver_sql("CREATE TABLE t (n)")
    engine.dispose()
    error = translate(caught.value, "sqlite:///f.db")
    assert isinstance(error, StateError)
    assert "sqlite:///f.db cannot be written" in str(error)


async def test_a_postgres_without_rights_is_named(postgres_schema_url: str) -> None:
    state = await opened(postgres_schema_url)

    async def write(statement: str) -> None:
        await state._database.write.run(lambda connection: connection.exec_driver_sql(statement))

    with pytest.raises(StateError, match="cannot be written"):
        await state._database.write.run(
            lambda connection: (
                connection.exec_driver_sql("SET TRANSACTION READ ONLY"),
                connection.exec_driver_sql("CREATE TABLE t (n int)"),
            )
        )
    await write("CREATE ROLE nobody_here")
    with pytest.raises(StateError, match="does not let this user"):
        await state._database.write.run(
            lambda connection: (
                connection.exec_driver_sql("SET LOCAL ROLE nobody_here"),
                connection.exec_driver_sql("SELECT * FROM pg_authid"),
            )
        )
    await write("DROP ROLE nobody_here")
    await state.close()


def test_opening_an_existing_file_needs_no_alembic(tmp_path: Path) -> None:
    """Alembic alone would cost a command more than all the rest of opening the state."""
    program = f"""
import asyncio, sys
from brigade.clock import SystemClock
from brigade.state.state import State
async def main():
    state = await State.open("sqlite:///{tmp_path}/brigade.db", clock=SystemClock())
    await state.close()
asyncio.run(main())
print({{"alembic", "psycopg"}} & set(sys.modules))
"""
    command = [sys.executable, "-c", program]
    assert [subprocess.run(command, check=True, capture_output=True).stdout for _ in range(2)] == [b"set()\n"] * 2


def test_the_values_at_the_border_cost_no_sqlalchemy() -> None:
    program = (
        "import brigade.state.rows, brigade.state.owner, brigade.state.shield, sys; print('sqlalchemy' in sys.modules)"
    )
    answer = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert answer.stdout == "False\n"


async def test_a_machine_that_is_suspended_in_a_transaction_holds_nobody_up_for_long(
    postgres_schema_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "IDLE_TRANSACTION_SECONDS", 1)
    suspended, other = await opened(postgres_schema_url), await opened(postgres_schema_url)
    await other.backlog.mark(1, ["key"], live=True)
    locked, wakes = threading.Event(), threading.Event()

    def rest(connection: Connection) -> None:
        connection.execute(update(backlog).values(attempts=7))
        locked.set()
        assert wakes.wait(30)

    resting = asyncio.create_task(suspended._database.write.run(rest))
    assert await asyncio.to_thread(locked.wait, 30)
    await other.backlog.mark(1, ["key"], live=True)
    assert not resting.done()
    wakes.set()
    # On waking it finds its connection gone and does its work again.
    await resting
    await suspended.close()
    await other.close()

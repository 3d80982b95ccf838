"""Which database a URL means, how connections to it are made, and the two lanes that use them."""

from __future__ import annotations

import os
import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import Engine, NullPool, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from brigade.errors import ConfigError, StateError
from brigade.state.lanes import Lane

BUSY_TIMEOUT_SECONDS = 10
"""How long a writer waits for another process before it gives up: many group commits long."""

CONNECT_TIMEOUT_SECONDS = 5

IDLE_TRANSACTION_SECONDS = 5
"""A transaction of ours never rests. One that does is of a machine that is suspended or cut off, and its locks would
stop everybody else for as long; those who wait for them give up after `BUSY_TIMEOUT_SECONDS`.
"""

_PRAGMAS = (
    f"busy_timeout = {BUSY_TIMEOUT_SECONDS * 1000}",
    "synchronous = FULL",
    "foreign_keys = ON",
    "cache_size = -4000",
    "wal_autocheckpoint = 4000",  # Pages: 16 MiB of log between checkpoints, a quarter as many as by default.
)

_SWITCH_ATTEMPTS = 10
"""More than one is needed only if as many processes open a new file within the same millisecond."""

_FORMS = "use sqlite:///file.db, sqlite:////absolute/file.db or postgresql://user:password@host/database"


class Place(NamedTuple):
    """A parsed state URL. `label` is for messages: it never holds a password or an option."""

    url: URL
    label: str

    def __repr__(self) -> str:
        return f"Place({self.label!r})"

    @property
    def is_sqlite(self) -> bool:
        return self.url.drivername == "sqlite"

    @property
    def is_memory(self) -> bool:
        return self.is_sqlite and self.url.database is None

    @classmethod
    def parse(cls, text: str) -> Place:
        """Raises `ConfigError` for a URL that means no database we know."""
        try:
            url = make_url(text)
        except (ArgumentError, ValueError):
            raise ConfigError("state: this is not a database URL", hint=_FORMS) from None
        if url.drivername == "sqlite":
            database = None if url.database in (None, "", ":memory:") else url.database
            return cls(url.set(database=database), f"sqlite:///{database}" if database else "sqlite://")
        if url.drivername in ("postgresql", "postgres", "postgresql+psycopg"):
            label = URL.create("postgresql", url.username, None, url.host, url.port, url.database)
            return cls(url.set(drivername="postgresql+psycopg"), label.render_as_string())
        raise ConfigError(f"state: {url.drivername} is no database that Brigade works with", hint=_FORMS)


class Database(NamedTuple):
    """An open database: `write` makes transactions, `read` does not. In memory both are the same lane."""

    place: Place
    engine: Engine
    read: Lane
    write: Lane

    async def close(self) -> None:
        """Finish what was submitted and let go of every connection."""
        await self.read.close()
        await self.write.close()
        self.engine.dispose()


def open_database(place: Place) -> Database:
    """Threads and engine; nothing is connected before the first job."""
    engine = _sqlite(place) if place.is_sqlite else _postgres(place)
    # All writes to a SQLite file of one process pass through one thread: waiting in our queue is fair,
    # waiting for SQLite's lock is not. PostgreSQL's second writer goes on while the first waits for a row.
    write = Lane(engine, place=place.label, threads=1 if place.is_sqlite else 2, writes=True)
    read = write if place.is_memory else Lane(engine, place=place.label, threads=2, writes=False)
    return Database(place, engine, read, write)


def _sqlite(place: Place) -> Engine:
    if place.url.database is not None:
        _make_private(Path(place.url.database), place.label)
    engine = create_engine(place.url, poolclass=NullPool, hide_parameters=True, connect_args={"isolation_level": None})
    event.listen(engine, "connect", _set_pragmas)
    return engine


def _set_pragmas(connection: sqlite3.Connection, _record: object) -> None:
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}").close()
    _write_ahead(connection)


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Switch to the write-ahead log, once in the life of a file.

    While another process does just that, SQLite does not wait but says `locked` at once. Taking the write lock
    does wait; behind it the switch is done.
    """
    for _ in range(_SWITCH_ATTEMPTS):
        try:
            connection.execute("PRAGMA journal_mode = WAL").close()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorname != "SQLITE_BUSY":
                raise
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("ROLLBACK")
        else:
            return


def _make_private(file: Path, label: str) -> None:
    """Directory and file for this user alone: keys are nobody else's business. SQLite gives its log the same mode.

    A file that exists is not even opened: closing it would drop the locks that this process has on it.
    """
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with suppress(FileExistsError):
            os.close(os.open(file, os.O_RDONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise StateError(
            f"the state {label} cannot be opened: {error.strerror}",
            hint="check the path in `state:` and the permissions of its directory",
        ) from None


def _postgres(place: Place) -> Engine:
    arguments: dict[str, object] = {"application_name": "brigade"}
    if "connect_timeout" not in place.url.query:
        arguments["connect_timeout"] = CONNECT_TIMEOUT_SECONDS
    engine = create_engine(place.url, poolclass=NullPool, hide_parameters=True, connect_args=arguments)
    event.listen(engine, "connect", _set_timeouts)
    return engine


def _set_timeouts(connection: Any, _record: object) -> None:
    connection.execute(f"SET lock_timeout = '{BUSY_TIMEOUT_SECONDS}s'")
    connection.execute(f"SET idle_in_transaction_session_timeout = '{IDLE_TRANSACTION_SECONDS}s'")
    connection.commit()

"""`brigade run` as several processes over one state, started, killed and stopped by tests that are not asynchronous."""

from __future__ import annotations

import json
import sys
import threading
from typing import Any, NamedTuple
from urllib.parse import quote_plus

from sqlalchemy import NullPool, create_engine, select, update
from sqlalchemy.exc import OperationalError

from brigade.changes.base import Intake, Routes, Subscription
from brigade.changes.events import parse_events
from brigade.clock import SystemClock
from brigade.state.backlog_sql import Lane
from brigade.state.engine import Place
from brigade.state.keys import decode_key
from brigade.state.schema import backlog, replications
from brigade.state.state import State
from brigade.testing.command import Command
from brigade.testing.processes import Helper

_LISTENS = "gateway: listens on"
_READY_SECONDS = 90.0
_SECOND_NS = 1_000_000_000


class Fleet:
    """The processes of one configuration by name. Each writes what it says to a file of its own name."""

    def __init__(self, command: Command) -> None:
        self._command = command
        self._helpers: dict[str, Helper] = {}
        self._silent_bytes: dict[str, int] = {}
        self._frozen: set[str] = set()
        self._lock = threading.Lock()

    def start(self, name: str, role: str) -> None:
        """Start a process that is down; of a gateway, wait until it listens."""
        if self.is_up(name):
            return
        log = self._command.directory / f"{name}.log"
        said = log.read_text().count(_LISTENS) if log.exists() else 0
        self._silent_bytes[name] = log.stat().st_size if log.exists() else 0
        helper = Helper(
            [sys.executable, "-m", "brigade", "run", role],
            directory=self._command.directory,
            log=log,
            env=self._command.environment(),
        )
        self._helpers[name] = helper
        if role == "gateway":
            helper.wait_ready(lambda: log.read_text().count(_LISTENS) > said, seconds=_READY_SECONDS)

    def is_up(self, name: str) -> bool:
        """Whether it runs."""
        helper = self._helpers.get(name)
        return helper is not None and helper.is_running

    def kill(self, name: str) -> None:
        """`kill -9`; nothing happens to one that is down."""
        with self._lock:
            if self.is_up(name):
                self._helpers.pop(name).kill()

    def freeze(self, name: str) -> None:
        """Let it do nothing until `thaw`; nothing happens to one that is down."""
        if self.is_up(name):
            self._helpers[name].freeze()
            self._frozen.add(name)

    def thaw(self) -> list[str]:
        """Let all go on that were frozen; their names."""
        frozen, self._frozen = [name for name in self._frozen if self.is_up(name)], set()
        for name in frozen:
            self._helpers[name].thaw()
        return frozen

    def stop(self, name: str, *, seconds: float = 40.0) -> int:
        """Ask it to end, once it has begun to work, and return its exit code."""
        helper = self._helpers[name]
        helper.wait_ready(lambda: helper.log.stat().st_size > self._silent_bytes[name], seconds=_READY_SECONDS)
        code = helper.ask(seconds=seconds)
        del self._helpers[name]
        return code

    def up(self) -> list[str]:
        """The names of those that run."""
        return [name for name in list(self._helpers) if self.is_up(name)]

    def words(self) -> str:
        """All that all of them have said."""
        logs = sorted(self._command.directory.glob("*.log"))
        return "".join(f"--- {log.stem}\n{log.read_text(errors='replace')}" for log in logs)

    def close(self) -> None:
        """End what is left."""
        for helper in self._helpers.values():
            helper.kill()
        self._helpers.clear()


class BacklogRow(NamedTuple):
    """What tests want to know of a row."""

    key: str
    lane: int
    holds: int
    ready_ns: int
    attempts: int
    owner: str | None
    error: str | None

    @property
    def is_parked(self) -> bool:
        """Given up, with its reason."""
        return self.lane == Lane.PARKED


class StateWindow:
    """The state of a fleet seen from outside, and the one thing that tests change in it: how late it is."""

    def __init__(self, url: str) -> None:
        place = Place.parse(url)
        self._is_sqlite = place.is_sqlite
        self._engine = create_engine(place.url, poolclass=NullPool)
        self._clock = SystemClock()

    def number(self) -> int:
        """The number of the only replication."""
        with self._engine.connect() as connection:
            return int(connection.execute(select(replications.c.id)).scalar_one())

    def rows(self) -> list[BacklogRow]:
        """Every row of the backlog."""
        c = backlog.c
        query = select(c.key, c.lane, c.holds, c.ready_ns, c.attempts, c.owner, c.error).order_by(c.key)
        with self._engine.connect() as connection:
            return [BacklogRow(decode_key(row[0]), *row[1:]) for row in connection.execute(query)]

    def is_idle(self, *, leases: bool = False) -> bool:
        """Whether all that is left only waits: for a hold or a pause to end, with `leases` also for a lease."""
        soon_ns = self._clock.now_ns() + _SECOND_NS
        return all(row.is_parked or ((leases or row.owner is None) and row.ready_ns > soon_ns) for row in self.rows())

    def pass_time(self, seconds: float) -> bool:
        """Let pauses, holds and leases end as if so much time had passed; False if somebody has locked the rows."""
        past_ns = round(seconds * _SECOND_NS)
        c = backlog.c
        changes = {"ready_ns": c.ready_ns - past_ns, "held_until_ns": c.held_until_ns - past_ns}
        try:
            with self._engine.begin() as connection:
                if not self._is_sqlite:
                    connection.exec_driver_sql("SET LOCAL lock_timeout = '2s'")
                connection.execute(update(backlog).values(changes))
        except OperationalError:
            return False
        return True

    def close(self) -> None:
        """Let go of it."""
        self._engine.dispose()


class EventFeed:
    """Takes events as a bucket's notifications would bring them, and marks their keys in the state."""

    def __init__(self, state: State, number: int, bucket: str, prefix: str = "") -> None:
        self._state = state
        self._number = number
        self._bucket = bucket
        self._prefix = prefix
        self._intake = Intake(Routes([Subscription(number, bucket, prefix)]), self)

    async def mark(self, replication_id: int, keys: Any) -> None:
        """See `brigade.changes.base.Marks`."""
        await self._state.backlog.mark(replication_id, keys, live=True)

    async def deliver(self, keys: list[str]) -> None:
        """One event for each key, in one message."""
        records = [
            {
                "eventSource": "aws:s3",
                "eventName": "ObjectCreated:Put",
                "s3": {"bucket": {"name": self._bucket}, "object": {"key": quote_plus(self._prefix + key)}},
            }
            for key in keys
        ]
        parsed = parse_events(json.dumps({"Records": records}))
        assert len(parsed.changes) == len(keys), parsed
        await self._intake.take(parsed.changes)

"""`brigade run`: the replications that are followed, their feeds, their schedules and the gateway, in one process."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Protocol

from brigade.changes.base import Intake, Routes, Subscription
from brigade.changes.rescan import ListedRescans
from brigade.config.replications import LiveMode, ReplicationSection
from brigade.control.following import Tell, follow, pause, until
from brigade.control.run_all import Ended
from brigade.control.schedule import Jobs, Schedule
from brigade.control.sync import sync
from brigade.control.watching import Failures
from brigade.control.work import Opened, Work, opened
from brigade.engine.groups import first_error
from brigade.engine.report import RunResult
from brigade.errors import ConfigError, StateError, StoreError, UsageError
from brigade.wiring.routes import Failed, check_routes, ready_works, sections, work_of
from brigade.wiring.wiring import Wiring

if TYPE_CHECKING:
    from brigade.state.state import State

DRAIN_SECONDS = 20.0
_FIRST_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 60.0
# A store may be silent for its idle timeout and still carry a write out.
_BEYOND_IDLE_SECONDS = 30.0


class Role(StrEnum):
    """What a process does: copies, serves clients, or watches directories."""

    WORKER = "worker"
    GATEWAY = "gateway"
    AGENT = "agent"


class Voice(Protocol):
    """Hears what a person is told."""

    def started(self, words: str) -> None: ...
    def trouble(self, name: str, words: str) -> None: ...
    def ended(self, ended: Ended, failures: Failures) -> None: ...


class Marks:
    """The backlog as feeds see it. What is rescanned waits behind what has just changed."""

    def __init__(self, state: State, *, live: bool) -> None:
        self._backlog = state.backlog
        self._live = live

    async def mark(self, replication_id: int, keys: Sequence[str]) -> None:
        await self._backlog.mark(replication_id, keys, live=self._live)


def roles_of(wiring: Wiring, named: Sequence[Role]) -> set[Role]:
    """The roles that were named, else all that the configuration has work for. Raises `UsageError` for idle ones."""
    assert wiring.loaded is not None
    config = wiring.loaded.config
    live = {mode for section in config.replications.values() for mode in section.live}
    useful = {
        Role.WORKER: bool(config.replications),
        Role.GATEWAY: config.gateway is not None,
        Role.AGENT: LiveMode.WATCH in live,
    }
    for role in named:
        if not useful[role]:
            raise UsageError(f"the configuration has nothing to do for a process that is {role} only")
    goes_on = live or config.gateway or any(each.every_seconds for each in config.replications.values())
    if not goes_on:
        raise UsageError(
            "nothing here goes on: no replication has live or a schedule, and there is no gateway",
            hint="`brigade run --once` runs each replication once",
        )
    return set(named) or {role for role, is_useful in useful.items() if is_useful}


class Live:
    """Everything of one process. `stop` ends it in good order; cancelling ends it at once, and nothing is lost."""

    def __init__(self, wiring: Wiring, roles: set[Role], voice: Voice) -> None:
        self._wiring = wiring
        self._roles = roles
        self._voice = voice
        self._numbers: dict[str, int] = {}

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop`. Raises `ConfigError` where the configuration cannot work, `StateError` without a state."""
        if problems := check_routes(self._wiring):
            raise ConfigError(problems[0], hint=f"and {len(problems) - 1} more" if len(problems) > 1 else "")
        async with self._wiring.opened_state() as state:
            known = sections(self._wiring)
            followed = [(name, section) for name, section in known if section.live]
            for name, section in followed:
                work = work_of(self._wiring, name, section)
                self._numbers[name] = await state.replications.ensure(work.name, work.identity)
            with first_error():
                async with asyncio.TaskGroup() as group:
                    if Role.GATEWAY in self._roles:
                        group.create_task(self._serve(state, stop))
                    for name, section in followed:
                        if Role.WORKER in self._roles or self._is_watched_here(section):
                            group.create_task(self._stand_by(name, section, state, stop))
                    if Role.WORKER in self._roles:
                        for name, section in known:
                            group.create_task(until(stop, self._schedule(name, section, state).run()))
                            self._voice.started(_told(name, section))

    def _is_watched_here(self, section: ReplicationSection) -> bool:
        return Role.AGENT in self._roles and LiveMode.WATCH in section.live

    async def _stand_by(self, name: str, section: ReplicationSection, state: State, stop: asyncio.Event) -> None:
        """Follow a replication, also through times when its stores cannot be reached."""
        pause_seconds, told = _FIRST_PAUSE_SECONDS, ""
        while not stop.is_set():
            work = work_of(self._wiring, name, section)
            try:
                async with opened(work, read_only=False) as stores:
                    pause_seconds, told = _FIRST_PAUSE_SECONDS, ""
                    await self._attend(work, stores, section, state, stop)
            except (StoreError, StateError) as error:
                if str(error) != told:
                    told = str(error)
                    self._voice.trouble(name, f"{told}; it is tried again")
                await pause(stop, self._wiring.clock, pause_seconds)
                pause_seconds = min(_LONGEST_PAUSE_SECONDS, pause_seconds * 2)

    async def _attend(
        self, work: Work, stores: Opened, section: ReplicationSection, state: State, stop: asyncio.Event
    ) -> None:
        number = self._numbers[work.name]
        tell: Tell = self._voice.trouble
        with first_error():
            async with asyncio.TaskGroup() as group:
                if Role.WORKER in self._roles:
                    clock = self._wiring.clock
                    following = follow(work, stores, number, state=state, clock=clock, tell=tell, stop=stop)
                    group.create_task(following)
                if self._is_watched_here(section):
                    group.create_task(self._watch(work, stores, section, state, stop))

    async def _watch(
        self, work: Work, stores: Opened, section: ReplicationSection, state: State, stop: asyncio.Event
    ) -> None:
        from brigade.changes.tree import Links
        from brigade.changes.watch import WatchFeed, WatchSettings

        watched = self._wiring.watched(section.source)
        routes = Routes([Subscription(self._numbers[work.name], "", watched.prefix)])
        rescans = ListedRescans(lambda _: (stores.source, stores.target), Marks(state, live=False))
        intake = Intake(routes, Marks(state, live=True), rescans)
        feed = WatchFeed(WatchSettings(watched.root, links=Links(watched.links)), intake, self._wiring.clock)
        self._voice.started(f"{work.name}: watches {watched.root}")
        with first_error():
            async with asyncio.TaskGroup() as group:
                telling = group.create_task(self._tell_of(work.name, intake))
                await until(stop, feed.run())
                telling.cancel()

    async def _tell_of(self, name: str, intake: Intake) -> None:
        told = ""
        while True:
            if intake.counts.last_error != told:
                told = intake.counts.last_error
                self._voice.trouble(name, told)
            await self._wiring.clock.sleep(1.0)

    def _schedule(self, name: str, section: ReplicationSection, state: State) -> Schedule:
        failures: dict[str, Failures] = {}

        async def jobs() -> Jobs:
            failures.clear()
            works = await ready_works(self._wiring, [name])
            return [(work.name, partial(self._reconcile, work, state, failures)) for work in works]

        return Schedule(
            jobs,
            section.every_seconds,
            clock=self._wiring.clock,
            tell=lambda ended: self._voice.ended(ended, failures.get(ended.name) or Failures()),
        )

    async def _reconcile(self, work: Work | Failed, state: State, failures: dict[str, Failures]) -> RunResult:
        if isinstance(work, Failed):
            raise work.error
        seen = failures[work.name] = Failures()
        return await sync(
            work,
            state=state,
            clock=self._wiring.clock,
            observer=seen,
            tell=lambda words: self._voice.trouble(work.name, words),
        )

    async def _serve(self, state: State, stop: asyncio.Event) -> None:
        from brigade.gateway.app import serve
        from brigade.gateway.noting import BacklogCapture
        from brigade.wiring.gateway import gateway_settings

        assert self._wiring.loaded is not None
        section = self._wiring.loaded.config.gateway
        assert section is not None
        settings = await gateway_settings(self._wiring, section)
        hold_seconds = max(store.idle_timeout_seconds for store in settings.stores) + _BEYOND_IDLE_SECONDS
        capture = BacklogCapture(state.backlog, self._heard(), self._wiring.clock, hold_seconds=hold_seconds)
        serving = serve(settings, clock=self._wiring.clock, capture=capture, drain_seconds=DRAIN_SECONDS)
        async with AsyncExitStack() as stack:
            try:
                gateway = await stack.enter_async_context(serving)
            except OSError as error:
                where = f"{settings.host}:{settings.port}"
                raise ConfigError(f"gateway.listen: cannot listen on {where}: {error.strerror or error}") from None
            host = f"[{settings.host}]" if ":" in settings.host else settings.host
            self._voice.started(f"gateway: listens on http://{host}:{gateway.address[1]}")
            await until(stop, capture.run())

    def _heard(self) -> Routes:
        """Which replications hear of a bucket's requests."""
        found = []
        for name, section in sections(self._wiring):
            if LiveMode.GATEWAY in section.live:
                place = self._wiring.place(section.source).in_bucket()
                found.append(Subscription(self._numbers[name], place.bucket, place.prefix))
        return Routes(found)


def _told(name: str, section: ReplicationSection) -> str:
    heard = f"follows {' and '.join(section.live)}, " if section.live else ""
    again = "" if section.every_seconds is None else f" and every {section.every_seconds:g} s"
    return f"{name}: {section.source} → {section.target}: {heard}compares both sides now{again}"

"""The units of one replication: following its changes, watching its directory, and its schedule."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING

from brigade.changes.base import Intake, Routes, Subscription
from brigade.changes.rescan import ListedRescans
from brigade.config.replications import LiveMode, ReplicationSection
from brigade.control.aftercare import Unsettled, forget_others, hand_over, troubles_noted
from brigade.control.following import follow, pause, until
from brigade.control.hearing import counted, hear
from brigade.control.meters import MeteredRun
from brigade.control.schedule import Jobs, Schedule
from brigade.control.sharing import SharedRuns, Took
from brigade.control.units import Unit
from brigade.control.verifying import verify_if_asked
from brigade.control.watching import Failures, Fanout
from brigade.control.work import Opened, Work, opened
from brigade.engine.groups import first_error
from brigade.errors import BrigadeError, LeaseLost, Refused, StateError, StoreError
from brigade.state.control_rows import Ask
from brigade.wiring.routes import Failed, ready_works, work_of
from brigade.wiring.scene import Role, Scene

if TYPE_CHECKING:
    from brigade.state.state import State

_FIRST_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 60.0
_VERIFY_LOOK_SECONDS = 5.0


class Marks:
    """The backlog as feeds see it. What is rescanned waits behind what has just changed."""

    def __init__(self, state: State, *, live: bool) -> None:
        self._backlog = state.backlog
        self._live = live

    async def mark(self, replication_id: int, keys: Sequence[str]) -> None:
        await self._backlog.mark(replication_id, keys, live=self._live)


class FollowUnit(Unit):
    """Drains the backlog of a replication, and watches its directory, also through times when its stores are away."""

    def __init__(self, scene: Scene, name: str, section: ReplicationSection, number: int) -> None:
        super().__init__(f"follow {name}", scene.spec_of(section))
        self._scene = scene
        self._name = name
        self._section = section
        self._number = number
        self._watches = Role.AGENT in scene.roles and LiveMode.WATCH in section.live

    async def run(self, stop: asyncio.Event) -> None:
        scene = self._scene
        pause_seconds, told = _FIRST_PAUSE_SECONDS, ""
        while not stop.is_set():
            work = work_of(scene.wiring, self._name, self._section)
            try:
                async with opened(work, read_only=False) as stores:
                    pause_seconds, told = _FIRST_PAUSE_SECONDS, ""
                    await self._attend(work, stores, stop)
            except (StoreError, StateError) as error:
                if str(error) != told:
                    told = str(error)
                    scene.voice.trouble(self._name, f"{told}; it is tried again")
                await pause(stop, scene.clock, pause_seconds)
                pause_seconds = min(_LONGEST_PAUSE_SECONDS, pause_seconds * 2)

    async def _attend(self, work: Work, stores: Opened, stop: asyncio.Event) -> None:
        scene = self._scene
        with first_error():
            async with asyncio.TaskGroup() as group:
                if Role.WORKER in scene.roles:
                    tell, clock = scene.voice.trouble, scene.clock
                    following = follow(
                        work,
                        stores,
                        self._number,
                        state=scene.state,
                        clock=clock,
                        meters=scene.meters,
                        observers=scene.followed_by(self._name, self._number),
                        tell=tell,
                        stop=stop,
                    )
                    group.create_task(following)
                if self._watches:
                    group.create_task(self._watch(stores, stop))

    async def _watch(self, stores: Opened, stop: asyncio.Event) -> None:
        from brigade.changes.tree import Links
        from brigade.changes.watch import WatchFeed, WatchSettings

        scene = self._scene
        watched = scene.wiring.watched(self._section.source)
        routes = Routes([Subscription(self._number, "", watched.prefix)])
        rescans = ListedRescans(lambda _: (stores.source, stores.target), Marks(scene.state, live=False))
        intake = Intake(routes, Marks(scene.state, live=True), rescans)
        intake.counts = scene.meters.feed("watch", self._name)
        feed = WatchFeed(WatchSettings(watched.root, links=Links(watched.links)), intake, scene.clock)
        scene.voice.started(f"{self._name}: watches {watched.root}")
        await hear(feed.run(), {self._name: intake}, clock=scene.clock, tell=scene.voice.trouble, stop=stop)
        scene.voice.started(f"{self._name}: {counted(intake.counts)}")


class ScheduleUnit(Unit):
    """Compares both sides of a replication at the start, and then every so often, together with all that do the same.

    Changes of what is followed may have been missed while nobody listened: then a run of earlier does not do as the first.
    """

    def __init__(self, scene: Scene, name: str, section: ReplicationSection) -> None:
        super().__init__(f"schedule {name}", scene.spec_of(section))
        self._scene = scene
        self._name = name
        self._section = section
        self._runs = SharedRuns(scene.state, scene.clock)
        self._failures: dict[str, Failures] = {}

    async def run(self, stop: asyncio.Event) -> None:
        voice = self._scene.voice
        schedule = Schedule(
            self._jobs,
            self._section.every_seconds,
            clock=self._scene.clock,
            tell=lambda ended: voice.ended(ended, self._failures.get(ended.name) or Failures()),
            is_any_on=self._runs.is_any_on,
            asked_ns=lambda: self._scene.book.of(self._name).reconcile_ns,
            wait=partial(self._scene.book.wait, self._scene.clock),
            answer=partial(self._scene.state.control.orders.answer, self._name, Ask.RECONCILE),
            fresh=bool(self._section.live),
        )
        voice.started(_told(self._name, self._section))
        with first_error():
            async with asyncio.TaskGroup() as group:
                verifying = group.create_task(self._verify_when_asked())
                await until(stop, schedule.run())
                verifying.cancel()

    async def _verify_when_asked(self) -> None:
        scene, done_ns = self._scene, 0
        while True:
            asked_ns = scene.book.of(self._name).verify_ns
            if asked_ns > done_ns and await self._verify(asked_ns):
                done_ns = asked_ns
            await scene.book.wait(scene.clock, _VERIFY_LOOK_SECONDS)

    async def _verify(self, asked_ns: int) -> bool:
        """True if everything was verified; what goes on now, or cannot be reached, is tried again."""
        scene = self._scene
        try:
            with self._until_ended():
                await self._verify_each(asked_ns)
            await scene.state.control.orders.answer(self._name, Ask.VERIFY, asked_ns)
        except Refused:
            return False
        except BrigadeError as error:
            scene.voice.trouble(self._name, f"it could not be verified: {error}; it is tried again")
            return False
        return True

    async def _verify_each(self, asked_ns: int) -> None:
        scene = self._scene
        for work in await ready_works(scene.wiring, [self._name]):
            if isinstance(work, Failed):
                raise work.error
            result = await verify_if_asked(work, asked_ns=asked_ns, state=scene.state, clock=scene.clock)
            if result is not None:
                words = "in step" if result.in_step else f"{result.differences} differ, {result.failed} failed"
                scene.voice.started(f"{work.name}: verified: {words}")

    @contextmanager
    def _until_ended(self) -> Iterator[None]:
        """Whoever ends a verification wants no further one."""
        try:
            yield
        except LeaseLost as error:
            self._scene.voice.trouble(self._name, f"the verification was ended: {error}")

    async def _jobs(self) -> Jobs:
        self._failures.clear()
        self._runs.forget()
        works = await ready_works(self._scene.wiring, [self._name])
        with suppress(StateError):
            await forget_others(self._scene.state, self._name, [work.name for work in works])
        return [(work.name, partial(self._take_turn, work)) for work in works]

    async def _take_turn(self, work: Work | Failed, since_ns: int) -> Took:
        async with troubles_noted(self._scene.state, work.name):
            if isinstance(work, Failed):
                raise work.error
            return await self._reconcile(work, since_ns)

    async def _reconcile(self, work: Work, since_ns: int) -> Took:
        scene = self._scene
        seen, left = Failures(), Unsettled()
        self._failures[work.name] = seen
        with MeteredRun(scene.meters.telemetry.replication(work.name), scene.clock) as metered:
            took = await self._runs.run(
                work,
                since_ns=since_ns,
                observer=Fanout([seen, left, metered.observer, *scene.observers(work.name, following=False)]),
                tell=lambda words: scene.voice.trouble(work.name, words),
            )
            metered.result = took.result
        if work.followed and took.result is not None:
            number = await scene.state.replications.ensure(work.name, work.identity)
            await hand_over(scene.state, number, took.run_id, took.result, left.keys)
        return took


def _told(name: str, section: ReplicationSection) -> str:
    heard = f"follows {' and '.join(section.live)}, " if section.live else ""
    again = "" if section.every_seconds is None else f" and every {section.every_seconds:g} s"
    return f"{name}: {section.source} → {section.target}: {heard}compares both sides now{again}"

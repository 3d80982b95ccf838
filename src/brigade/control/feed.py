"""What changes, told to whoever watches: one look at the state a second serves all of them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from typing import NamedTuple

from brigade.clock import Clock
from brigade.control.desk import Plans
from brigade.control.status import Known, Status, status
from brigade.state.control_rows import ActivityRow
from brigade.state.state import State

LOOK_SECONDS = 1.0
_KEPT_EVENTS = 5000
_MOST_ACTIVITY = 200
# The age of what waits grows all the time: it is told anew when it has grown by so much.
_LAG_STEP_SECONDS = 5


class Done(NamedTuple):
    """What was done to one object of a replication."""

    replication: str
    row: ActivityRow


class Gone(NamedTuple):
    """A replication that is no more."""

    name: str


class Event(NamedTuple):
    """One change; numbers rise without gaps."""

    number: int
    what: Status | Done | Gone


class Feed:
    """Compares what it sees with what it saw, while anybody asks. Keeps the latest events only."""

    def __init__(self, state: State, clock: Clock, plans: Callable[[], Plans]) -> None:
        self._state = state
        self._clock = clock
        self._plans = plans
        self._known: tuple[Plans, int, Sequence[Known]] | None = None
        self._seen: dict[str, Status] = {}
        self._last_activity: int | None = None
        self._events: deque[Event] = deque(maxlen=_KEPT_EVENTS)
        self._numbers = count(1)
        self.newest = 0
        self._looked_seconds = float("-inf")
        self._looking = asyncio.Lock()

    def statuses(self) -> list[Status]:
        """How everything stood at the latest look."""
        return list(self._seen.values())

    def since(self, number: int) -> list[Event] | None:
        """The events behind this number; None if it is too old to tell them all, or never was."""
        oldest = self._events[0].number if self._events else self.newest + 1
        if not oldest - 1 <= number <= self.newest:
            return None
        return [event for event in self._events if event.number > number]

    async def look(self) -> None:
        """Look at the state, if nobody has just done so. Raises `StateError`."""
        async with self._looking:
            if self._clock.monotonic_seconds() - self._looked_seconds < LOOK_SECONDS:
                return
            now = {each.name: each for each in await status(self._state, self._clock, configured=await self._names())}
            done = await self._activity()
            for each in (*self._changed(now), *done):
                self.newest = next(self._numbers)
                self._events.append(Event(self.newest, each))
            self._seen = now
            self._looked_seconds = self._clock.monotonic_seconds()

    def _changed(self, now: dict[str, Status]) -> Iterator[Status | Gone]:
        for name, found in now.items():
            before = self._seen.get(name)
            if before is None or _print(before) != _print(found):
                yield found
        yield from (Gone(name) for name in self._seen.keys() - now.keys())

    async def _activity(self) -> list[Done]:
        activity = self._state.control.activity
        first = self._last_activity is None
        rows = await activity.latest(1 if first else _MOST_ACTIVITY, after=self._last_activity)
        if rows:
            self._last_activity = rows[-1].id
        elif first:
            self._last_activity = 0
        if first or not rows:
            return []
        names = {row.id: row.name for row in await self._state.replications.all()}
        return [Done(names.get(row.replication_id, ""), row) for row in rows]

    async def _names(self) -> Sequence[Known]:
        """What is configured; read anew when the file or what was set up at run time has changed."""
        plans, revision = self._plans(), await self._state.control.documents.revision()
        if self._known is None or self._known[0] is not plans or self._known[1] != revision:
            self._known = plans, revision, plans.known(await self._state.control.documents.all())
        return self._known[2]


def _print(found: Status) -> tuple[object, ...]:
    """What of a status is worth telling when it changes."""
    run = found.last_run
    lag_steps = int(found.lag_seconds // _LAG_STEP_SECONDS)
    return (
        *(found.standing, found.backlog, lag_steps, found.parked, found.dismissed, found.result, found.trouble),
        *((run.id, run.state, tuple(run.counts.items())) if run is not None else ()),
    )

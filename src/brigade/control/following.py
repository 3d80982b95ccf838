"""Use case: one replication is followed for as long as the process lives, and its troubles are told in lines."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any

from brigade.clock import Clock
from brigade.control.meters import Metered, Meters
from brigade.control.watching import Fanout
from brigade.control.work import Opened, Work
from brigade.engine.follow import Follower, FollowLimits
from brigade.engine.groups import first_error
from brigade.engine.job import Job
from brigade.engine.ledger import Ledger
from brigade.engine.report import Observer, Outcome
from brigade.state.owner import Owner
from brigade.state.state import State
from brigade.stores.base import Store
from brigade.telemetry import ReplicationCounts

Tell = Callable[[str, str], None]
"""Hears the name of a replication and what troubles it, in one line."""

Observe = Callable[[str, int], Sequence[Observer]]
"""Gives whoever watches what is settled of the replication of that name and number."""

GRACE_SECONDS = 20.0
# What a killed process had in work is taken up again after so long.
_LEASE_SECONDS = 20.0
_LOOK_SECONDS = 1.0
_OUTAGE = "nothing can be copied at the moment; it goes on when the stores do"


class GivenUp:
    """An observer that tells of keys that will not be tried again."""

    def __init__(self, name: str, tell: Tell) -> None:
        self._name = name
        self._tell = tell

    def outcome(self, outcome: Outcome) -> None:
        if outcome.error is not None:
            self._tell(self._name, f"{outcome.key!r} is given up until it changes: {outcome.error}")

    def planned(self, objects: int, size_bytes: int) -> None:
        """Of no interest here."""

    def moved(self, size_bytes: int) -> None:
        """Of no interest here."""


async def follow(
    work: Work,
    stores: Opened,
    replication_id: int,
    *,
    state: State,
    clock: Clock,
    meters: Meters,
    observers: Sequence[Observer],
    tell: Tell,
    stop: asyncio.Event,
) -> None:
    """Drain the backlog of a replication until `stop`; then what is in work may end within the grace."""
    # Whoever was killed here before need not be waited for.
    await state.backlog.free_orphans(replication_id)
    ledger = Ledger(state, replication_id, followed=True)
    counts = meters.telemetry.replication(work.name)
    job = followed_job(work, stores.source, stores.target, ledger, clock=clock, counts=counts, observers=observers)
    follower = follower_of({replication_id: job}, work.limits.transfers, state=state, clock=clock)
    with meters.health.renewing(work.name, follower), first_error():
        async with asyncio.TaskGroup() as group:
            watcher = group.create_task(tell_troubles(follower, work.name, tell, clock))
            working = group.create_task(follower.run())
            await stop.wait()
            follower.stop()
            await working
            watcher.cancel()


def followed_job(
    work: Work,
    source: Store,
    target: Store,
    ledger: Ledger,
    *,
    clock: Clock,
    counts: ReplicationCounts,
    observers: Sequence[Observer],
) -> Job:
    """What a follower needs to know of one replication."""
    return Job(
        source=source,
        target=target,
        policy=work.policy,
        clock=clock,
        observer=Fanout([*observers, Metered(counts)]),
        ledger=ledger,
        limits=work.limits,
        counts=counts,
    )


def follower_of(jobs: Mapping[int, Job], at_once: int, *, state: State, clock: Clock) -> Follower:
    """A follower with the limits of a process that goes on for ever."""
    limits = FollowLimits(at_once=at_once, waiting=at_once, lease_seconds=_LEASE_SECONDS, grace_seconds=GRACE_SECONDS)
    return Follower(state, jobs, clock=clock, owner=str(Owner.current()), limits=limits)


async def until(stop: asyncio.Event, work: Coroutine[Any, Any, None]) -> None:
    """Do something that never ends until `stop` is set."""
    with first_error():
        async with asyncio.TaskGroup() as group:
            task = group.create_task(work)
            await stop.wait()
            task.cancel()


async def pause(stop: asyncio.Event, clock: Clock, seconds: float) -> None:
    """Wait, but no longer than until `stop` is set."""
    async with asyncio.TaskGroup() as group:
        stopped = group.create_task(stop.wait())
        slept = group.create_task(clock.sleep(seconds))
        await asyncio.wait((stopped, slept), return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        slept.cancel()


async def tell_troubles(
    follower: Follower, name: str, tell: Tell, clock: Clock, names: Mapping[int, str] | None = None
) -> None:
    """Each trouble once, when it begins and when it is over. `names` are those of single lines."""
    told: dict[str, str] = {}
    lost = 0
    while True:
        before, lost = lost, sum(line.counts.lost for line in follower.lines.values())
        if lost > before:
            tell(name, f"{lost - before} keys whose leases were not renewed in time are another process's now")
        known = {number: (names or {}).get(number, name) for number in follower.lines}
        now = {known[number]: _OUTAGE for number, line in follower.lines.items() if line.health.is_outage}
        if follower.trouble:
            now[name] = follower.trouble
        # Of a line that has ended meanwhile nobody knows.
        for each in (told.keys() - now.keys()) & {name, *known.values()}:
            tell(each, "it goes on")
        for each, words in now.items():
            if told.get(each) != words:
                tell(each, words)
        told = now
        await clock.sleep(_LOOK_SECONDS)

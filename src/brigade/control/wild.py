"""Use case: a whole store is followed. Buckets at rest cost nothing: the follow of one lasts while it has work."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

from brigade.clock import Clock
from brigade.control.following import Observe, Tell, followed_job, follower_of, tell_troubles
from brigade.control.meters import Meters
from brigade.control.wild_buckets import BucketSettler, GoneSettler
from brigade.control.wildcards import OpenedBucket, Wildcard, name_of, opened_bucket
from brigade.control.work import Work
from brigade.engine.groups import first_error
from brigade.engine.ledger import Ledger
from brigade.errors import BrigadeError, StateError, StoreError, Throttled, Unavailable, UsageError
from brigade.state.state import State

_WAIT_SECONDS = 5.0
_STATE_PAUSE_SECONDS = 1.0
_FIRST_REST_SECONDS = 1.0
_LONGEST_REST_SECONDS = 300.0
_LONGEST_OUTAGE_SECONDS = 30.0
_OUTAGES = (Unavailable, Throttled, StateError)


@dataclass(frozen=True, slots=True)
class WildLimits:
    """`open_buckets` are followed at once, each with connections of its own.

    One without work is closed after `idle_seconds`; while others wait for its place, at once, and one that always has
    work after `turn_seconds`. Between two looks at the backlog lie `look_seconds` at least.
    """

    open_buckets: int = 32
    idle_seconds: float = 10.0
    turn_seconds: float = 10.0
    look_seconds: float = 0.05
    tick_seconds: float = 0.5


@dataclass(slots=True)
class _Rest:
    """A bucket that could not be opened, and until when it is let alone."""

    until_seconds: float
    pause_seconds: float
    told: str
    is_outage: bool


class WildFollower:
    """Follows a wildcard: one follower, with a line for each bucket that has work now, and one for notes of buckets."""

    def __init__(
        self,
        wildcard: Wildcard,
        number: int,
        *,
        state: State,
        clock: Clock,
        meters: Meters,
        observe: Observe,
        tell: Tell,
        limits: WildLimits | None = None,
    ) -> None:
        self._wildcard = wildcard
        self._number = number
        self._state = state
        self._clock = clock
        self._tell = tell
        self._observe = observe
        self._meters = meters
        # All buckets count as one: thousands of names would be thousands of series.
        self._counts = meters.telemetry.replication(wildcard.own.name)
        self._limits = limits or WildLimits()
        self._follower = follower_of({}, wildcard.own.limits.transfers, state=state, clock=clock)
        # The wildcard itself has the form of one of its buckets, and is none.
        self._buckets: dict[int, str | None] = {number: None}
        self._names: dict[int, str] = {number: wildcard.own.name}
        self._open: dict[int, asyncio.Task[None]] = {}
        self._rests: dict[int, _Rest] = {}
        self._others_wait = False
        self._is_out = False

    @property
    def open_buckets(self) -> list[str]:
        """The buckets that are followed at the moment."""
        return [bucket for number in self._open if (bucket := self._buckets[number]) is not None]

    async def run(self, stop: asyncio.Event) -> None:
        """Follow until `stop`; then what is in work may end within the grace."""
        own = self._wildcard.own
        with self._meters.health.renewing(own.name, self._follower), first_error():
            async with asyncio.TaskGroup() as group:
                telling = group.create_task(
                    tell_troubles(self._follower, own.name, self._tell, self._clock, self._names)
                )
                working = group.create_task(self._follower.run())
                looking = group.create_task(self._look(group))
                await stop.wait()
                looking.cancel()
                self._follower.stop()
                await working
                telling.cancel()
                for task in self._open.values():
                    task.cancel()

    async def _look(self, group: asyncio.TaskGroup) -> None:
        """Ask who has work, again and again, and open those buckets, each in its turn."""
        cursor = 0
        while True:
            try:
                if self._number not in self._follower.lines:
                    await self._follow_notes()
                page = await self._state.backlog.due_replications(cursor)
                left_behind = self._take_up(await self._ours(page.replication_ids), group)
            except StateError as error:
                self._tell(self._wildcard.own.name, f"{error}; it is tried again")
                await self._clock.sleep(_STATE_PAUSE_SECONDS)
                continue
            # Whoever found no place comes first the next time.
            self._others_wait = left_behind is not None or (self._others_wait and page.cursor is not None)
            cursor = left_behind - 1 if left_behind is not None else page.cursor or 0
            await self._clock.sleep(self._limits.look_seconds)
            if not cursor:
                await self._state.backlog.wait(_WAIT_SECONDS)

    async def _follow_notes(self) -> None:
        own = self._wildcard.own
        job = followed_job(
            own,
            own.source,
            own.target,
            Ledger(self._state, self._number, followed=True),
            clock=self._clock,
            counts=self._counts,
            observers=self._observe(own.name, self._number),
        )
        await self._follower.add(self._number, job, BucketSettler(self._wildcard, self._state))

    async def _ours(self, numbers: Iterable[int]) -> list[int]:
        """Those that are buckets of this wildcard."""
        numbers = list(numbers)
        if unknown := [number for number in numbers if number not in self._buckets]:
            identities = await self._state.replications.identities(unknown)
            for number in unknown:
                identity = identities.get(number)
                self._buckets[number] = bucket = self._wildcard.bucket_of(identity) if identity is not None else None
                if bucket is not None:
                    self._names[number] = name_of(self._wildcard, bucket)
        return [number for number in numbers if self._buckets[number] is not None]

    def _take_up(self, numbers: Iterable[int], group: asyncio.TaskGroup) -> int | None:
        """Begin to follow those that are not followed yet. Returns the first for which there is no place."""
        now_seconds = self._clock.monotonic_seconds()
        for number in numbers:
            rest = self._rests.get(number)
            if number in self._open or (rest is not None and rest.until_seconds > now_seconds):
                continue
            if len(self._open) >= self._limits.open_buckets:
                return number
            bucket = self._buckets[number]
            assert bucket is not None
            self._open[number] = group.create_task(self._attend(number, bucket), name=self._names[number])
        return None

    async def _attend(self, number: int, bucket: str) -> None:
        """Follow one bucket while it has work."""
        try:
            work = self._wildcard.work(bucket)
            async with opened_bucket(work) as sides:
                self._note_opened(number)
                await self._follow_bucket(number, work, sides)
        except (StoreError, StateError, UsageError) as error:
            self._let_rest(number, error)
        finally:
            del self._open[number]
            if self._others_wait:
                self._state.backlog.wake()

    async def _follow_bucket(self, number: int, work: Work, sides: OpenedBucket) -> None:
        ledger = Ledger(self._state, number, followed=True)
        observers = self._observe(work.name, number)
        job = followed_job(
            work, sides.source, sides.target, ledger, clock=self._clock, counts=self._counts, observers=observers
        )
        gone = GoneSettler(sides.source, sides.target, work.policy.delete) if sides.gone else None
        await self._follower.add(number, job, gone)
        line = self._follower.lines[number]
        began_seconds = self._clock.monotonic_seconds()
        limits = self._limits
        while True:
            await self._clock.sleep(limits.tick_seconds)
            now_seconds = self._clock.monotonic_seconds()
            is_idle = not line.held and now_seconds - line.fed_seconds >= (
                limits.tick_seconds if self._others_wait else limits.idle_seconds
            )
            had_its_turn = self._others_wait and now_seconds - began_seconds >= limits.turn_seconds
            if is_idle or had_its_turn or (gone is not None and gone.is_over):
                break
        await self._follower.remove(number)

    def _let_rest(self, number: int, error: BrigadeError) -> None:
        """Leave a bucket alone for a while. A store that is out is told of once, not by each of its buckets."""
        rest = self._rests.get(number)
        is_outage = isinstance(error, _OUTAGES)
        most_seconds = _LONGEST_OUTAGE_SECONDS if is_outage else _LONGEST_REST_SECONDS
        pause_seconds = min(most_seconds, rest.pause_seconds * 2) if rest else _FIRST_REST_SECONDS
        words = f"{error}; it is tried again"
        if is_outage and not self._is_out:
            self._tell(self._wildcard.own.name, words)
            self._is_out = True
        elif not is_outage and (rest is None or rest.told != words):
            self._tell(self._names[number], words)
        until_seconds = self._clock.monotonic_seconds() + pause_seconds * (0.5 + 0.5 * self._clock.random())
        self._rests[number] = _Rest(until_seconds, pause_seconds, words, is_outage)

    def _note_opened(self, number: int) -> None:
        """A bucket could be opened: whoever waits for its store needs to wait no longer."""
        self._rests.pop(number, None)
        if self._is_out:
            self._is_out = False
            self._tell(self._wildcard.own.name, "it goes on")
            self._rests = {each: rest for each, rest in self._rests.items() if not rest.is_outage}

"""Follow: drain the backlog. Claim keys, look at both sides of each, make the target right, report.

Every replication has a line of its own with its own bound, and claims are shared fairly, so neither a flood nor a slow
target holds up the others. What went well is removed from the backlog only if its key was not marked again meanwhile.
Whatever is in work when the process dies returns with the end of its lease.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from brigade.clock import Clock
from brigade.engine.follow_line import Line, Settles
from brigade.engine.follow_record import Recorder
from brigade.engine.follow_verdict import Patience
from brigade.engine.groups import first_error
from brigade.engine.job import Job
from brigade.errors import StateError
from brigade.state.rows import Claim
from brigade.state.shield import shielded
from brigade.state.state import State

_IDLE_SECONDS = 5.0
"""The longest wait between two looks: pauses of failed keys and leases of dead workers end without a word."""

_STATE_PAUSE_SECONDS = 1.0
_LOOK_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class FollowLimits:
    """The bounds of a follower. Of each replication `at_once` keys are in work and `waiting` more are claimed."""

    at_once: int = 64
    waiting: int = 64
    claims: int = 512
    lease_seconds: float = 60.0
    grace_seconds: float = 30.0
    patience: Patience = field(default_factory=Patience)


class Follower:
    """Follows replications, by number, until stopped; runs once. The jobs' ledgers must be made with `followed=True`.

    `trouble` holds the state's words while it cannot be reached.
    """

    def __init__(
        self, state: State, jobs: Mapping[int, Job], *, clock: Clock, owner: str, limits: FollowLimits | None = None
    ) -> None:
        self._state = state
        self._clock = clock
        self._owner = owner
        self._limits = limits or FollowLimits()
        self._recorder = Recorder(state, clock, self._note_trouble)
        self._lines = {replication_id: self._line(job, None) for replication_id, job in jobs.items()}
        self._group = asyncio.TaskGroup()
        self._stopping = False
        self._deadline_seconds = 0.0
        self.trouble: str | None = None
        self._renewed_seconds = clock.monotonic_seconds()

    def _line(self, job: Job, settler: Settles | None) -> Line:
        assert job.ledger.followed
        limits = self._limits
        return Line(
            job,
            at_once=limits.at_once,
            waiting=limits.waiting,
            patience=limits.patience,
            finish=self._recorder.add,
            settler=settler,
        )

    async def add(self, replication_id: int, job: Job, settler: Settles | None = None) -> None:
        """Follow one more replication from now on. Its keys are made right by `settler`, by default as objects."""
        await job.ledger.load()
        self._lines[replication_id] = self._line(job, settler)
        self._state.backlog.wake()

    async def remove(self, replication_id: int) -> None:
        """Follow this one no more. Returns when what is in work is done and on record; the rest is given back."""
        line = self._lines[replication_id]
        line.closing = True
        await self._release(line.let_go())
        while line.held:
            await self._clock.sleep(_LOOK_SECONDS)
        del self._lines[replication_id]

    @property
    def lines(self) -> Mapping[int, Line]:
        """Counts and health of each replication."""
        return self._lines

    @property
    def lease_seconds(self) -> float:
        """How long a claim is ours without a renewal."""
        return self._limits.lease_seconds

    @property
    def unrenewed_seconds(self) -> float:
        """How long ago all claims were renewed, or there were none to renew."""
        return self._clock.monotonic_seconds() - self._renewed_seconds

    async def run(self, *, once: bool = False) -> None:
        """Work until `stop`, or with `once` until nothing but parked keys is left.

        A state that cannot be reached is waited for. When this is cancelled, what was done is put on record and the
        rest is given back first.
        """
        try:
            with first_error():
                async with self._group:
                    recorder = self._group.create_task(self._recorder.run())
                    heart = self._group.create_task(self._renew())
                    await self._load()
                    await self._dispatch(once=once)
                    await self._wind_down()
                    heart.cancel()
                    self._recorder.stop()
                    await recorder
        except asyncio.CancelledError:
            await shielded(self._give_back())
            raise

    def stop(self, grace_seconds: float | None = None) -> None:
        """Claim nothing more; `run` returns when what is in work is done, or given back after the grace.

        May be called again with a shorter grace.
        """
        grace = self._limits.grace_seconds if grace_seconds is None else grace_seconds
        self._deadline_seconds = asyncio.get_running_loop().time() + grace
        self._stopping = True
        self._state.backlog.wake()

    def _note_trouble(self, error: StateError) -> None:
        self.trouble = str(error)

    async def _load(self) -> None:
        for line in list(self._lines.values()):
            await line.job.ledger.load()

    async def _dispatch(self, *, once: bool) -> None:
        while not self._stopping:
            rooms = {each: room for each, line in self._lines.items() if (room := line.room()) > 0}
            try:
                if rooms and await self._claim(rooms):
                    continue
                if once and await self._is_drained():
                    return
            except StateError as error:
                self._note_trouble(error)
                await self._clock.sleep(_STATE_PAUSE_SECONDS)
                continue
            self.trouble = None
            await self._state.backlog.wait(_IDLE_SECONDS)

    async def _claim(self, rooms: Mapping[int, int]) -> bool:
        """Claim and begin; True if there may be more."""
        limits = self._limits
        limit = min(limits.claims, sum(rooms.values()))
        claims = await self._state.backlog.claim(rooms, self._owner, limit, limits.lease_seconds, most=rooms)
        by_line: dict[int, list[Claim]] = {}
        for claim in claims:
            by_line.setdefault(claim.replication_id, []).append(claim)
        for replication_id, batch in by_line.items():
            line = self._lines.get(replication_id)
            # Read after the claim and before the first look: a row written since then shows in its generation.
            asked_ns = self._clock.now_ns()
            known = await line.job.ledger.known([claim.key for claim in batch]) if line is not None else {}
            if line is None or line.closing:
                await self._release(batch)
                continue
            line.feed(self._group, batch, known, asked_ns)
        return len(claims) >= limit

    async def _is_drained(self) -> bool:
        if any(line.held for line in self._lines.values()):
            return False
        lags = [await self._state.backlog.lag(each) for each in list(self._lines)]
        return not any(lag.length for lag in lags)

    async def _renew(self) -> None:
        while True:
            await self._clock.sleep(self._limits.lease_seconds / 3)
            mine = [claim for line in self._lines.values() for claim in line.in_hand()]
            try:
                still = set(await self._state.backlog.renew(mine))
            except StateError as error:
                # The lease outlives two missed renewals; after that others may have the keys, and the fence keeps order.
                self._note_trouble(error)
                continue
            self._renewed_seconds = self._clock.monotonic_seconds()
            for line in self._lines.values():
                if lost := {claim for claim in line.in_hand() if claim not in still} & set(mine):
                    line.lose(lost)

    async def _wind_down(self) -> None:
        """Give back what nobody has begun with, let the rest finish within the grace, then give that back too."""
        await self._release(claim for line in self._lines.values() for claim in line.let_go())
        loop = asyncio.get_running_loop()
        while workers := self._workers():
            left_seconds = self._deadline_seconds - loop.time()
            if left_seconds <= 0:
                break
            await asyncio.wait(workers, timeout=min(left_seconds, _LOOK_SECONDS))
        if workers := self._workers():
            unfinished = [claim for line in self._lines.values() for claim in line.in_hand()]
            for worker in workers:
                worker.cancel()
            await asyncio.wait(workers)
            await self._release(unfinished)

    def _workers(self) -> set[asyncio.Task[None]]:
        return {task for line in self._lines.values() for task in line.workers if not task.done()}

    async def _give_back(self) -> None:
        await self._recorder.write()
        await self._release(claim for line in self._lines.values() for claim in line.held)

    async def _release(self, claims: Iterable[Claim]) -> None:
        released = list(claims)
        try:
            await self._state.backlog.release(released)
        except StateError as error:
            self._note_trouble(error)  # the leases end by themselves
        for claim in released:
            if (line := self._lines.get(claim.replication_id)) is not None:
                line.held.pop(claim, None)

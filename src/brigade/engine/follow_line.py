"""One replication's line at the follower: its claimed keys, and a bounded number of workers that settle them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from brigade.decide.actions import Known
from brigade.engine.follow_key import KeySettler, Settled
from brigade.engine.follow_verdict import (
    DONE,
    LOST,
    Health,
    Patience,
    Verdict,
    verdict_of_error,
    verdict_of_outcome,
)
from brigade.engine.job import Job
from brigade.engine.report import ActionKind, Counts, Outcome
from brigade.engine.stretch import Tally
from brigade.errors import StateError, StoreError
from brigade.objects import Proof
from brigade.state.rows import Claim

_STATE_PAUSE_SECONDS = 1.0


@dataclass(slots=True)
class FollowCounts:
    """The sums of one replication. `settled` holds what was done; `again` are keys marked anew while in work."""

    settled: Counts = field(default_factory=Counts)
    retried: int = 0
    parked: int = 0
    again: int = 0
    lost: int = 0
    longest_lag_seconds: float = 0.0


class Finished(NamedTuple):
    """An attempt that has ended and is not on record yet."""

    line: Line
    claim: Claim
    verdict: Verdict
    gone: bool = False


class Settles(Protocol):
    """Makes one claimed key right."""

    def refresh(self) -> None:
        """More keys come: what depends on the time is of now."""

    async def settle(self, key: str, known: Known | None) -> Settled:
        """Do what the key needs. Raises the errors of the stores."""


class Line:
    """The keys of one replication that this process has claimed. `finish` hears of each attempt's end.

    A line that is `closing` takes no more keys.
    """

    def __init__(
        self,
        job: Job,
        *,
        at_once: int,
        waiting: int,
        patience: Patience,
        finish: Callable[[Finished], None],
        settler: Settles | None = None,
    ) -> None:
        self.job = job
        self.closing = False
        self.fed_seconds = job.clock.monotonic_seconds()
        self.counts = FollowCounts()
        self.health = Health()
        self.held: dict[Claim, int] = {}
        self._tally = Tally(self.counts.settled, job.observer.outcome)
        self._settler = settler or KeySettler(job)
        self._at_once = at_once
        self._most = at_once + waiting
        self._patience = patience
        self._finish = finish
        self._queue: deque[tuple[Claim, Known | None]] = deque()
        self._current: dict[Claim, asyncio.Task[None]] = {}
        self._workers: set[asyncio.Task[None]] = set()
        self._lost: set[Claim] = set()
        self._resume_seconds = 0.0

    @property
    def workers(self) -> set[asyncio.Task[None]]:
        """Those at work now."""
        return self._workers

    def room(self) -> int:
        """How many more keys to claim: none until it is worth a claim, one at a time while the stores are out."""
        if self.closing:
            return 0
        if self.health.is_outage:
            return int(not self.held and self.job.clock.monotonic_seconds() >= self._resume_seconds)
        room = self._most - len(self.held)
        return room if room >= self._most // 4 or not self._queue else 0

    def feed(
        self, group: asyncio.TaskGroup, claims: Sequence[Claim], known: Mapping[str, Known], asked_ns: int
    ) -> None:
        """Put claimed keys in line. `known` was read after they were claimed, at `asked_ns` or later."""
        self.fed_seconds = self.job.clock.monotonic_seconds()
        self._settler.refresh()
        # A lease of ours that ended unnoticed is no other than one that somebody else took over.
        returned = {claim.key for claim in claims}
        self.lose({claim for claim in self.in_hand() if claim.key in returned})
        for claim in claims:
            self.held[claim] = asked_ns
            self._queue.append((claim, known.get(claim.key)))
        # What is remembered of an object counts from the oldest look that is still under way.
        self.job.started_ns = next(iter(self.held.values()), asked_ns)
        for _ in range(min(len(self._queue), self._at_once - len(self._workers))):
            task = group.create_task(self._work())
            self._workers.add(task)
            task.add_done_callback(self._workers.discard)

    def let_go(self) -> list[Claim]:
        """Take the keys that nobody has begun with out of the line."""
        waiting = [claim for claim, _ in self._queue]
        self._queue.clear()
        return waiting

    def in_hand(self) -> list[Claim]:
        """What waits or is in work: the leases to renew."""
        return [*(claim for claim, _ in self._queue), *self._current]

    def lose(self, claims: set[Claim]) -> None:
        """These leases are somebody else's now: stop at once, and write nothing more.

        What a store was sent already may still arrive, later than what the new owner sends: see `LOST`.
        """
        self._queue = deque(item for item in self._queue if item[0] not in claims)
        for claim in claims:
            self.held.pop(claim, None)
            self.counts.lost += 1
            self.job.counts.leases_lost += 1
            if (task := self._current.get(claim)) is not None:
                self._lost.add(claim)
                task.cancel()

    async def _work(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        while self._queue:
            claim, known = self._queue.popleft()
            self._current[claim] = task
            try:
                self._finish(await self._attempt(claim, known))
            except asyncio.CancelledError:
                if claim not in self._lost:
                    raise
                self._lost.discard(claim)
                task.uncancel()
                self._finish(Finished(self, claim, LOST))
            finally:
                del self._current[claim]

    async def _attempt(self, claim: Claim, known: Known | None) -> Finished:
        began_seconds = self.job.clock.monotonic_seconds()
        try:
            settled = await self._settler.settle(claim.key, known)
        except StoreError as error:
            return Finished(self, claim, self._failed(claim, error))
        except StateError as error:
            return Finished(self, claim, Verdict(str(error), _STATE_PAUSE_SECONDS))
        except Exception as error:  # noqa: BLE001  a mistake of ours at one key must not stop all others
            return Finished(self, claim, Verdict(f"unexpected: {type(error).__name__}: {error}"))
        self.health.well()
        duration_seconds = self.job.clock.monotonic_seconds() - began_seconds
        return Finished(self, claim, self._settled(settled, duration_seconds), settled.gone)

    def _settled(self, settled: Settled, duration_seconds: float) -> Verdict:
        if settled.young_seconds > 0:
            return Verdict(None, settled.young_seconds)
        verdict = verdict_of_outcome(settled)
        if verdict is DONE or settled.outcome.action is ActionKind.CONFLICT:
            self._tally(settled.outcome._replace(duration_seconds=duration_seconds))
        return verdict

    def _failed(self, claim: Claim, error: StoreError) -> Verdict:
        clock = self.job.clock
        was_outage = self.health.is_outage
        self.health.failed(claim.key, error)
        outage = self.health.is_outage
        if outage and (not was_outage or not self._queue):
            pause_seconds = self.health.pause_seconds(clock.random())
            self._resume_seconds = clock.monotonic_seconds() + pause_seconds
            for waiting in self.let_go():
                self._finish(Finished(self, waiting, Verdict(None, pause_seconds)))
        return verdict_of_error(
            error,
            attempts=claim.attempts,
            outage=outage,
            patience=self._patience,
            random=clock.random(),
            alone=self.health.others_go_well(claim.key),
        )

    def parked(self, claim: Claim, error: str) -> None:
        """A key was given up: its line in the report."""
        self.counts.parked += 1
        self.job.counts.parked += 1
        self._tally(Outcome(claim.key, ActionKind.COPY, "given up", Proof.NONE, 0, error))

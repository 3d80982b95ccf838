"""Taking part in a run that several workers share: list and copy one range after the other, and ask for a part of
another one when none waits.

Deletions wait until every range of the run is listed: then each worker lets the guard judge the sums of all ranges,
which are the same for all, and carries out what it has planned itself. A range whose owner dies goes back and is
listed anew: what was planned for it is gone, and nothing is ever deleted on the word of half a listing.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import NamedTuple

from brigade.clock import Clock
from brigade.engine.crew import Crew
from brigade.engine.deletions import Sums
from brigade.engine.groups import first_error
from brigade.engine.job import Job
from brigade.engine.lease import verdict_of
from brigade.engine.report import Counts, RunResult, add_counts
from brigade.engine.spans import Span, find_cut
from brigade.engine.stretch import Stretch
from brigade.engine.uploads import abort_leftovers
from brigade.errors import Cancelled, LeaseLost, Refused, StateError, StoreError
from brigade.state.owner import Owner
from brigade.state.ranges import SharedRun
from brigade.state.rows import KeyRange, RangeState, RangeTally, Run, RunState
from brigade.state.shield import shielded
from brigade.state.state import State
from brigade.stores.base import ListingOrder

# Long enough that a loaded machine renews in time, short enough that a dead one's part does not rest for long.
_LEASE_SECONDS = 30.0
_RENEW_SECONDS = 5.0
# How soon an owner sees that somebody is idle, and an idle worker that there is something to do: one small query.
_LOOK_SECONDS = 0.5
_IDLE_SECONDS = 0.5
_TROUBLE_SECONDS = 30.0
_SECOND_NS = 1_000_000_000


class Colleague(NamedTuple):
    """Whoever takes part. `left_out` adds to the counts what the listing of a source leaves out.

    A source that leaves something out is listed by one worker at a time, or several would count it.
    """

    owner: Owner
    left_out: Callable[[Counts], None] | None = None


async def take_part(state: State, run: Run, job: Job, colleague: Colleague) -> RunResult:
    """Work on a shared run until it has ended, and tell how it ended for all.

    Raises `LeaseLost`, and writes nothing more, if a part of it was lost to others or a newer run has taken over.
    Whatever else it raises, what it had in work waits for others then.
    """
    return await _Participant(state, run, job, colleague).run()


@dataclass(slots=True, eq=False)
class _Held:
    """A range that is ours, with the work on it. Not to be cut before `cut_after_seconds`."""

    part: KeyRange
    stretch: Stretch
    cut_after_seconds: float = 0.0

    @property
    def noted(self) -> KeyRange:
        """With the counts of this moment."""
        return self.part._replace(tally=self.part.tally._replace(counts=asdict(self.stretch.counts)))


class _Participant:
    def __init__(self, state: State, run: Run, job: Job, colleague: Colleague) -> None:
        self._state = state
        self._run = run
        self._job = job
        self._clock: Clock = job.clock
        self._owner = colleague.owner
        self._left_out = colleague.left_out
        self._crew = Crew(job, job.spawn, job.limits.processes)
        self._held: list[_Held] = []
        # What is written of our ranges is written in one order: a cut is on record before the range is handed in.
        self._writing = asyncio.Lock()
        self._divisible = _can_split(job) and colleague.left_out is None
        self._here = Counts()
        self._leftovers: list[str] = []

    async def run(self) -> RunResult:
        job = self._job
        try:
            await job.ledger.load()
            with first_error():
                async with asyncio.TaskGroup() as group:
                    heart = group.create_task(self._beat(group))
                    async with self._crew:
                        ended = await self._work()
                    heart.cancel()
        finally:
            for held in self._held:
                held.stretch.close()
            await shielded(self._leave())
        return self._told(ended)

    async def _leave(self) -> None:
        # What cannot be written now costs a second look; leases end by themselves.
        with suppress(StateError):
            await self._job.ledger.flush()
        with suppress(StateError):
            await self._state.ranges.give_back([held.part for held in self._held])
            await self._state.ranges.step_down(self._run, self._owner)

    async def _work(self) -> SharedRun:
        """One range after the other, then what had to wait for all; returns the ended run."""
        while True:
            shared = await self._look()
            if shared.run.state is not RunState.RUNNING:
                return shared
            if (part := await self._claim(shared)) is not None:
                await self._carry_out(part)
            elif not _all_listed(shared.ranges):
                await self._wait_for_others(shared)
            elif self._held:
                await self._delete(self._held[0], shared)
            elif any(part.state is not RangeState.DONE for part in shared.ranges) or not await self._finish(shared):
                await self._clock.sleep(_IDLE_SECONDS)

    async def _look(self) -> SharedRun:
        shared = await self._state.ranges.look(self._run)
        if shared.run.state is RunState.INTERRUPTED:
            raise LeaseLost("the run was taken over by a newer one", hint="nothing is lost: that one goes on")
        if shared.run.state is RunState.CANCELLED:
            raise Cancelled("the run was cancelled", hint="what was copied stays; the next run goes on from there")
        return shared

    async def _claim(self, shared: SharedRun) -> KeyRange | None:
        mine = {held.part.id for held in self._held}
        for part in shared.ranges:
            left_behind = part.owner == self._owner and part.state is not RangeState.DONE
            if part.id not in mine and (left_behind or self._state.ranges.is_free(part)):
                claimed = await self._state.ranges.claim(part, self._owner, _LEASE_SECONDS)
                if claimed is not None:
                    return claimed
        return None

    async def _carry_out(self, part: KeyRange) -> None:
        """List and copy a range. What is to be deleted waits; a range without any is done."""
        held = _Held(part, Stretch(self._job, self._crew, Span(part.after, part.upto), Counts()))
        self._held.append(held)
        incomplete = await held.stretch.scan()
        await self._job.ledger.flush()
        if self._left_out is not None:
            self._left_out(held.stretch.counts)
        if incomplete is None and held.stretch.sums.planned:
            await self._hand_in(held, RangeState.SCANNED)
        else:
            await self._hand_in(held, RangeState.DONE, incomplete=incomplete)

    async def _delete(self, held: _Held, shared: SharedRun) -> None:
        """Carry out what was planned, unless some other part of the run could not be listed whole."""
        incomplete = refusal = None
        if not any(part.tally.incomplete for part in shared.ranges):
            try:
                await held.stretch.delete(_sums(shared.ranges))
            except Refused as error:
                refusal = str(error)
            except StoreError as error:
                incomplete = str(error)
        await self._hand_in(held, RangeState.DONE, incomplete=incomplete, refusal=refusal)

    async def _hand_in(
        self, held: _Held, state: RangeState, *, incomplete: str | None = None, refusal: str | None = None
    ) -> None:
        sums = held.stretch.sums
        counts = asdict(held.stretch.counts)
        tally = RangeTally(counts, sums.source_objects, sums.target_objects, sums.planned, incomplete, refusal)
        async with self._writing:
            held.part = await self._state.ranges.hand_in(held.part, state, tally)
            if state is RangeState.DONE:
                self._held.remove(held)
        if state is RangeState.DONE:
            held.stretch.close()
            add_counts(self._here, counts)

    async def _wait_for_others(self, shared: SharedRun) -> None:
        if any(part.state is RangeState.RUNNING and not part.wanted for part in shared.ranges):
            await self._state.ranges.want(self._run, self._owner)
        await self._clock.sleep(_IDLE_SECONDS)

    async def _finish(self, shared: SharedRun) -> bool:
        """End the run if that is ours to do: nobody else aborts uploads then, for a newer run may have begun some."""
        counts = _counts(shared.ranges)
        if not await self._state.ranges.preside(shared.run, self._owner, asdict(counts)):
            return False
        incomplete, refusal = _troubles(shared.ranges)
        if incomplete is None:
            self._leftovers = [str(error) for error in await abort_leftovers(self._job)]
        verdict = verdict_of(RunResult(counts, incomplete=incomplete, refusal=refusal))
        return await self._state.ranges.finish(self._run, self._owner, verdict, asdict(counts))

    async def _beat(self, group: asyncio.TaskGroup) -> None:
        """Keep what is ours. Ends with `LeaseLost` if it may be ours no more."""
        renewed_seconds = self._clock.monotonic_seconds()
        while True:
            await self._clock.sleep(_LOOK_SECONDS)
            now_seconds = self._clock.monotonic_seconds()
            try:
                async with asyncio.timeout(_LEASE_SECONDS - (now_seconds - renewed_seconds)):
                    mine = list(self._held)
                    shared = await self._look()
                    self._heed(mine, shared.ranges, group)
                    if now_seconds - renewed_seconds >= _RENEW_SECONDS:
                        await self._renew(shared)
                        renewed_seconds = now_seconds
            except LeaseLost:
                raise
            except (StateError, TimeoutError) as error:
                # A database that is away for a moment comes back before the lease has ended.
                if self._clock.monotonic_seconds() - renewed_seconds >= _LEASE_SECONDS:
                    words = "the state could not be reached for so long that others may have taken over"
                    raise LeaseLost(words, hint="nothing is lost: what was in work is begun anew") from error

    async def _renew(self, shared: SharedRun) -> None:
        async with self._writing:
            await self._state.ranges.renew([held.noted for held in self._held], _LEASE_SECONDS)
        await self._state.ranges.preside(shared.run, self._owner, asdict(_counts(shared.ranges)))

    def _heed(self, mine: Iterable[_Held], parts: Iterable[KeyRange], group: asyncio.TaskGroup) -> None:
        """See whether what is ours still is, and whether a part of it is wanted."""
        seen = {part.id: part for part in parts}
        for held in mine:
            part = seen.get(held.part.id)
            if part is None or part.fence != held.part.fence:
                raise LeaseLost("a part of the run was taken over", hint="nothing is lost: whoever took it goes on")
            due = held.cut_after_seconds <= self._clock.monotonic_seconds()
            if part.wanted and self._divisible and due and held.part.state is RangeState.RUNNING:
                held.cut_after_seconds = math.inf
                group.create_task(self._split(held))

    async def _split(self, held: _Held) -> None:
        """Give away a part of what is left of a range, if it is worth the while."""
        try:
            at = await find_cut(self._job.source, held.stretch.span, self._job.limits.range_entries)
        except StoreError:
            # Whoever lists the range meets the same trouble and tells it.
            held.cut_after_seconds = self._clock.monotonic_seconds() + _TROUBLE_SECONDS
            return
        if at is None:
            return  # what is left only becomes less
        async with self._writing:
            if held.part.state is RangeState.RUNNING and held.stretch.span.cut(at):
                held.part = await self._state.ranges.split(held.part, at)
        held.cut_after_seconds = 0.0

    def _told(self, shared: SharedRun) -> RunResult:
        """How the run ended for all."""
        run, parts = shared
        incomplete, refusal = _troubles(parts)
        assert run.finished_ns is not None
        return RunResult(
            Counts(**run.counts),
            duration_seconds=(run.finished_ns - run.started_ns) / _SECOND_NS,
            incomplete=incomplete,
            refusal=refusal,
            leftovers=self._leftovers,
            here=self._here if any(part.owner not in (None, self._owner) for part in parts) else None,
        )


def _can_split(job: Job) -> bool:
    """True where both listings come in byte order by themselves and can start anywhere."""
    sides = job.source.capabilities, job.target.capabilities
    return all(side.start_after and side.listing_order is ListingOrder.BYTES for side in sides)


def _all_listed(parts: Iterable[KeyRange]) -> bool:
    return all(part.state in {RangeState.SCANNED, RangeState.DONE} for part in parts)


def _counts(parts: Iterable[KeyRange]) -> Counts:
    total = Counts()
    for part in parts:
        add_counts(total, part.tally.counts)
    return total


def _sums(parts: Sequence[KeyRange]) -> Sums:
    return Sums(
        sum(part.tally.source_objects for part in parts),
        sum(part.tally.target_objects for part in parts),
        sum(part.tally.planned for part in parts),
    )


def _troubles(parts: Sequence[KeyRange]) -> tuple[str | None, str | None]:
    """Why the run is not complete, and why it was refused: the first words of each."""
    incomplete = next((part.tally.incomplete for part in parts if part.tally.incomplete), None)
    return incomplete, next((part.tally.refusal for part in parts if part.tally.refusal), None)

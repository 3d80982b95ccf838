"""Use case: both sides of a replication are compared at the start, and then every so often, by whoever is due first.

Any number of processes may keep one schedule: what counts is when the newest run of the replication began, whoever
began it. Who is due while a run goes on takes part in it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

from brigade.clock import Clock
from brigade.control.run_all import Ended
from brigade.control.sharing import Took
from brigade.errors import StateError

Jobs = Sequence[tuple[str, Callable[[int], Awaitable[Took]]]]
"""Names, and what takes part in a run: given the moment behind which a run must have begun to count."""

_FIRST_PAUSE_SECONDS = 2.0
_LONGEST_PAUSE_SECONDS = 300.0
# How soon a process that is not due sees a run of others that it can take part in.
_LOOK_SECONDS = 10.0
_SECOND_NS = 1_000_000_000
_NEVER_NS = 2**62


def _never() -> int:
    return 0


class Schedule:
    """Runs of one replication, one after the other. `jobs` makes them anew each time, one for each bucket.

    A run that could not see everything is tried again after a pause that grows. `every_seconds` None: no further run
    after the first that saw everything. `fresh`: only a run that began after this schedule counts as the first one.
    `is_any_on` tells whether others are at work. `asked_ns` is when a person has last asked for a run, and `wait` waits
    for so many seconds or until that may have changed; `answer` is told each such moment for which every job has had its
    run. The same trouble is told once.
    """

    def __init__(
        self,
        jobs: Callable[[], Awaitable[Jobs]],
        every_seconds: float | None,
        *,
        clock: Clock,
        tell: Callable[[Ended], None],
        is_any_on: Callable[[], Awaitable[bool]],
        asked_ns: Callable[[], int] = _never,
        wait: Callable[[float], Awaitable[None]] | None = None,
        answer: Callable[[int], Awaitable[None]] | None = None,
        fresh: bool,
    ) -> None:
        self._jobs = jobs
        self._every_seconds = every_seconds
        self._clock = clock
        self._tell_ended = tell
        self._is_any_on = is_any_on
        self._asked_ns = asked_ns
        self._wait_for_orders = wait or clock.sleep
        self._answer = answer
        self._answered_ns = 0
        self._told: dict[str, str] = {}
        self._whole = True
        self._since_ns = clock.now_ns() if fresh or every_seconds is None else 0

    async def run(self) -> None:
        """Run when it is due, and when somebody asks, until cancelled."""
        failures = 0
        while True:
            asked_ns = self._asked_ns()
            due_ns = await self._take_turns(asked_ns)
            failures = 0 if self._whole else failures + 1
            if not self._whole:
                due_ns = self._clock.now_ns() + self._pause_ns(failures)
            elif self._every_seconds is None:
                due_ns = _NEVER_NS
            await self._wait(due_ns, asked_ns)

    async def _take_turns(self, asked_ns: int) -> int:
        """One run of each job, where it is due; returns when the first of them is due again."""
        clock, every_ns = self._clock, _nanoseconds(self._every_seconds or 0.0)
        self._whole = True
        since_ns = max(self._since_ns, asked_ns)
        if every_ns:
            since_ns = max(since_ns, clock.now_ns() - every_ns)
        began, all_ran = [clock.now_ns()], True
        for name, job in await self._jobs():
            try:
                took = await job(since_ns)
            except Exception as error:  # noqa: BLE001 - a bug in one bucket's run must not stop the others either
                self._tell(Ended(name, None, error))
                all_ran = False
                continue
            began.append(took.began_ns)
            if took.result is not None:
                self._tell(Ended(name, took.result))
                if took.result.incomplete is not None:
                    self._since_ns = max(self._since_ns, took.began_ns)
        if all_ran:
            await self._tell_answered(asked_ns)
        return min(began) + every_ns

    async def _tell_answered(self, asked_ns: int) -> None:
        if self._answer is None or asked_ns <= self._answered_ns:
            return
        try:
            await self._answer(asked_ns)
        except StateError:
            # Taking turns again costs nothing where all have run, and then it is told again.
            self._whole = False
        else:
            self._answered_ns = asked_ns

    async def _wait(self, due_ns: int, asked_ns: int) -> None:
        """Until it is time, somebody asks for a run, or others have begun one."""
        while (left_ns := due_ns - self._clock.now_ns()) > 0:
            await self._wait_for_orders(min(left_ns / _SECOND_NS, _LOOK_SECONDS))
            if self._asked_ns() > asked_ns:
                return
            if left_ns > _nanoseconds(_LOOK_SECONDS):
                # A state that is away for a moment is asked again.
                with suppress(StateError):
                    if await self._is_any_on():
                        return

    def _pause_ns(self, failures: int) -> int:
        step = min(_LONGEST_PAUSE_SECONDS, _FIRST_PAUSE_SECONDS * 2.0 ** min(failures - 1, 10))
        pause = step * (0.5 + 0.5 * self._clock.random())
        return _nanoseconds(pause if self._every_seconds is None else min(pause, self._every_seconds))

    def _tell(self, ended: Ended) -> None:
        incomplete = ended.result.incomplete if ended.result is not None else str(ended.error)
        if incomplete is not None:
            self._whole = False
            if self._told.get(ended.name) == incomplete:
                return
        self._told[ended.name] = incomplete or ""
        self._tell_ended(ended)


def _nanoseconds(seconds: float) -> int:
    return round(seconds * _SECOND_NS)

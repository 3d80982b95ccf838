"""Use case: both sides of a replication are compared at the start, and then every so often."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from brigade.clock import Clock
from brigade.control.run_all import Ended, run_all
from brigade.engine.report import RunResult

Jobs = Sequence[tuple[str, Callable[[], Awaitable[RunResult]]]]

_FIRST_PAUSE_SECONDS = 2.0
_LONGEST_PAUSE_SECONDS = 300.0


class Schedule:
    """Runs of one replication, one after the other. `jobs` makes them anew each time, one for each bucket.

    A run that could not see everything is tried again after a pause that grows. `every_seconds` None: no further run
    after the first that saw everything. The same trouble is told once.
    """

    def __init__(
        self,
        jobs: Callable[[], Awaitable[Jobs]],
        every_seconds: float | None,
        *,
        clock: Clock,
        tell: Callable[[Ended], None],
    ) -> None:
        self._jobs = jobs
        self._every_seconds = every_seconds
        self._clock = clock
        self._tell_ended = tell
        self._told: dict[str, str] = {}
        self._whole = True

    async def run(self) -> None:
        """Run until there is nothing left to run, or cancelled."""
        failures = 0
        while True:
            began_seconds = self._clock.monotonic_seconds()
            self._whole = True
            await run_all(await self._jobs(), at_once=1, tell=self._tell)
            failures = 0 if self._whole else failures + 1
            if self._whole and self._every_seconds is None:
                return
            await self._clock.sleep(self._delay_seconds(failures, self._clock.monotonic_seconds() - began_seconds))

    def _delay_seconds(self, failures: int, took_seconds: float) -> float:
        if failures:
            step = min(_LONGEST_PAUSE_SECONDS, _FIRST_PAUSE_SECONDS * 2.0 ** min(failures - 1, 10))
            pause = step * (0.5 + 0.5 * self._clock.random())
            return pause if self._every_seconds is None else min(pause, self._every_seconds)
        assert self._every_seconds is not None
        return max(0.0, self._every_seconds - took_seconds)

    def _tell(self, ended: Ended) -> None:
        incomplete = ended.result.incomplete if ended.result is not None else str(ended.error)
        if incomplete is not None:
            self._whole = False
            if self._told.get(ended.name) == incomplete:
                return
        self._told[ended.name] = incomplete or ""
        self._tell_ended(ended)

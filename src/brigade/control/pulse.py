"""What is going on, put into the state for those who watch: the latest outcomes and the sums of each ten seconds.

Every process of a worker keeps one. Nothing depends on it: a state that is away is passed over, and what was not
written yet when the process dies is lost.
"""

from __future__ import annotations

import json
from collections import deque
from contextlib import suppress

from brigade.clock import Clock
from brigade.control.report_file import report_line
from brigade.engine.report import ActionKind, Outcome
from brigade.errors import StateError
from brigade.state.control_rows import Sample
from brigade.state.rows import Lag
from brigade.state.state import State

_SHOWN_OUTCOMES = 50
LOOK_SECONDS = 2.0
INTERVAL_SECONDS = 10
_SECOND_NS = 1_000_000_000
_NO_LAG = Lag(0, None, 0)


class Beat:
    """The observer of one replication: its latest outcomes, and its sums since they were last taken."""

    def __init__(self) -> None:
        self.latest: deque[Outcome] = deque(maxlen=_SHOWN_OUTCOMES)
        self.settled = 0
        self.settled_bytes = 0
        self.failed = 0

    def outcome(self, outcome: Outcome) -> None:
        if outcome.error is not None:
            self.failed += 1
        elif outcome.action is ActionKind.SKIP:
            return
        else:
            self.settled += 1
            if outcome.action is ActionKind.COPY:
                self.settled_bytes += outcome.size_bytes
        self.latest.append(outcome)

    def planned(self, objects: int, size_bytes: int) -> None:
        """Of no interest here."""

    def moved(self, size_bytes: int) -> None:
        """Of no interest here."""

    @property
    def is_quiet(self) -> bool:
        """Nothing to tell."""
        return not (self.settled or self.failed)


class Pulse:
    """The beats of all replications of a process. `samples_backlog`: this process also notes how far each is behind."""

    def __init__(self, *, samples_backlog: bool = True) -> None:
        self._samples_backlog = samples_backlog
        self._beats: dict[str, Beat] = {}
        self._behind: set[int] = set()

    def observer(self, name: str) -> Beat:
        """Watches a replication."""
        return self._beats.setdefault(name, Beat())

    async def run(self, state: State, clock: Clock) -> None:
        """Write until cancelled."""
        began = _interval(clock)
        while True:
            await clock.sleep(LOOK_SECONDS)
            with suppress(StateError):
                await self._tell_latest(state)
                if _interval(clock) > began:
                    await self._sample(state, clock, began)
                    began = _interval(clock)

    async def _numbers(self, state: State) -> dict[str, int]:
        return {row.name: row.id for row in await state.replications.all()}

    async def _tell_latest(self, state: State) -> None:
        fresh = {name: beat for name, beat in self._beats.items() if beat.latest}
        if not fresh:
            return
        numbers = await self._numbers(state)
        for name, beat in fresh.items():
            outcomes = [json.loads(report_line(outcome)) for outcome in beat.latest]
            beat.latest.clear()
            if name in numbers:
                await state.control.activity.add(numbers[name], outcomes)

    async def _sample(self, state: State, clock: Clock, at_seconds: int) -> None:
        numbers = await self._numbers(state)
        lags = await state.backlog.lags() if self._samples_backlog else {}
        lags = {number: lag for number, lag in lags.items() if lag.length}
        beats = {numbers[name]: beat for name, beat in self._beats.items() if name in numbers and not beat.is_quiet}
        # One sample more when a backlog is empty again, or its curve would never come down.
        for number in beats.keys() | lags.keys() | self._behind:
            beat, lag = beats.get(number, Beat()), lags.get(number, _NO_LAG)
            oldest_ns = clock.now_ns() if lag.oldest_marked_ns is None else lag.oldest_marked_ns
            lag_seconds = max(0, clock.now_ns() - oldest_ns) // _SECOND_NS
            sample = Sample(number, at_seconds, beat.settled, beat.settled_bytes, beat.failed, lag.length, lag_seconds)
            beat.settled = beat.settled_bytes = beat.failed = 0
            await state.control.activity.sample(sample, with_backlog=self._samples_backlog)
        self._behind = set(lags)


def _interval(clock: Clock) -> int:
    return clock.now_ns() // _SECOND_NS // INTERVAL_SECONDS * INTERVAL_SECONDS

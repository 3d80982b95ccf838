"""A clock that a test steers: time passes only when somebody sleeps or the test says so."""

from __future__ import annotations

import asyncio
from bisect import insort
from collections.abc import Callable

from brigade.clock import SystemClock

_START_NS = 1_700_000_000_000_000_000
# Turns that other tasks get before time jumps to the next sleeper, so that whoever can work does so first.
_TURNS = 20


def _half() -> float:
    return 0.5


class ManualClock:
    """Sleeping costs no time: when all others had their turn, the clock jumps to the end of the shortest sleep.

    With `auto=False` only `advance` moves it. `slept_seconds` lists every pause that was asked for. Not for tests
    with real sockets, because waiting for those counts as idleness.
    """

    def __init__(self, *, auto: bool = True, chance: Callable[[], float] = _half) -> None:
        self.seconds = 0.0
        self.slept_seconds: list[float] = []
        self.chance = chance
        self._auto = auto
        self._sleepers: list[float] = []

    def now_ns(self) -> int:
        return _START_NS + int(self.seconds * 1e9)

    def monotonic_seconds(self) -> float:
        return self.seconds

    def random(self) -> float:
        return self.chance()

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.seconds += seconds

    async def sleep(self, seconds: float) -> None:
        self.slept_seconds.append(seconds)
        until = self.seconds + seconds
        insort(self._sleepers, until)
        turns = 0
        try:
            await _turn()
            while self.seconds < until:
                await _turn()
                turns += 1
                if self._auto and turns >= _TURNS and self._sleepers[0] == until:
                    self.seconds = max(self.seconds, until)
        finally:
            self._sleepers.remove(until)


class HurryingClock(ManualClock):
    """Real time, a hundred seconds in one, and what a test adds: for tests in which threads or servers have work to do."""

    _HURRY = 100

    def __init__(self) -> None:
        super().__init__(auto=False)
        self._real = SystemClock()
        self._began_seconds = self._real.monotonic_seconds()

    def now_ns(self) -> int:
        return super().now_ns() + int(self._ran_seconds() * 1e9)

    def monotonic_seconds(self) -> float:
        return super().monotonic_seconds() + self._ran_seconds()

    async def sleep(self, seconds: float) -> None:
        self.slept_seconds.append(seconds)
        await self._real.sleep(seconds / self._HURRY)

    def _ran_seconds(self) -> float:
        return (self._real.monotonic_seconds() - self._began_seconds) * self._HURRY


async def _turn() -> None:
    """Let every other task that can run do so once."""
    loop = asyncio.get_running_loop()
    turn = loop.create_future()
    loop.call_soon(turn.set_result, None)
    await turn

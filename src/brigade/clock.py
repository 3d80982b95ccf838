"""Time and chance as arguments: the one home of the system clock, sleeping and randomness.

Whoever needs the time, a pause or a random number takes a `Clock`; tests pass one they can steer.
"""

from __future__ import annotations

import asyncio
import random
import time
from typing import Protocol


class Clock(Protocol):
    """What the rest of the house may know of time and chance."""

    def now_ns(self) -> int:
        """Wall-clock nanoseconds since the epoch."""

    def monotonic_seconds(self) -> float:
        """Seconds that never go back, from an arbitrary start."""

    async def sleep(self, seconds: float) -> None:
        """Pause this task."""

    def random(self) -> float:
        """A number in [0, 1)."""


class SystemClock:
    """The real one."""

    def __init__(self) -> None:
        self._random = random.Random()

    def now_ns(self) -> int:
        return time.time_ns()

    def monotonic_seconds(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def random(self) -> float:
        return self._random.random()

"""How far a run is: a bar on a terminal, now and then a line elsewhere. Per object it only adds numbers."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol

from brigade.clock import Clock
from brigade.config.units import format_duration, format_size
from brigade.engine.groups import first_error
from brigade.engine.report import Outcome

# The eye sees no more than ten changes a second, a log wants no more than a line each few seconds.
_BAR_SECONDS = 0.1
_LINE_SECONDS = 5.0


class Meter:
    """The observer: counts of objects and bytes, settled and planned."""

    __slots__ = ("done", "failed", "moved_bytes", "planned_bytes", "planned_objects")

    def __init__(self) -> None:
        self.done = 0
        self.failed = 0
        self.planned_objects = 0
        self.planned_bytes = 0
        self.moved_bytes = 0

    def outcome(self, outcome: Outcome) -> None:
        self.done += 1
        if outcome.error is not None:
            self.failed += 1

    def planned(self, objects: int, size_bytes: int) -> None:
        self.planned_objects += objects
        self.planned_bytes += size_bytes

    def moved(self, size_bytes: int) -> None:
        self.moved_bytes += size_bytes


class _Display(Protocol):
    def show(self, meter: Meter, seconds: float) -> None: ...
    def close(self) -> None: ...


@asynccontextmanager
async def shown(meter: Meter, clock: Clock, *, quiet: bool) -> AsyncIterator[None]:
    """Show the meter on stderr while the block runs."""
    if quiet:
        yield
        return
    is_terminal = sys.stderr.isatty()
    display: _Display = _Bar() if is_terminal else _Lines()
    with first_error():
        async with asyncio.TaskGroup() as group:
            ticker = group.create_task(_tick(display, meter, clock, _BAR_SECONDS if is_terminal else _LINE_SECONDS))
            try:
                yield
            finally:
                ticker.cancel()
                display.close()


async def _tick(display: _Display, meter: Meter, clock: Clock, every_seconds: float) -> None:
    began_seconds = clock.monotonic_seconds()
    while True:
        await clock.sleep(every_seconds)
        display.show(meter, clock.monotonic_seconds() - began_seconds)


def describe(meter: Meter, seconds: float) -> str:
    """`1200 objects, 3.4 GiB of 10.0 GiB, 50.0 MiB/s, 2m10s left`."""
    rate = meter.moved_bytes / seconds if seconds > 0 else 0.0
    parts = [f"{meter.done} objects", f"{format_size(meter.moved_bytes)} of {format_size(meter.planned_bytes)}"]
    parts.append(f"{format_size(rate)}/s")
    left_bytes = meter.planned_bytes - meter.moved_bytes
    if rate > 0 and left_bytes > 0:
        parts.append(f"{format_duration(left_bytes / rate)} left")
    if meter.failed:
        parts.append(f"{meter.failed} failed")
    return ", ".join(parts)


class _Lines:
    def show(self, meter: Meter, seconds: float) -> None:
        sys.stderr.write(f"{describe(meter, seconds)}\n")
        sys.stderr.flush()

    def close(self) -> None:
        """Lines need no end."""


class _Bar:
    """A bar by rich, drawn by our own ticker: no thread, no more work than the ticker gives it."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        columns = (BarColumn(), TextColumn("{task.description}", markup=False))
        self._progress = Progress(*columns, console=Console(stderr=True), auto_refresh=False, transient=True)
        self._task = self._progress.add_task("listing", total=None)
        self._progress.start()

    def show(self, meter: Meter, seconds: float) -> None:
        self._progress.update(
            self._task,
            total=meter.planned_bytes or None,
            completed=meter.moved_bytes,
            description=describe(meter, seconds),
            refresh=True,
        )

    def close(self) -> None:
        self._progress.stop()

"""The report of a run in the state: written while the run goes on, by each worker that takes part in it."""

from __future__ import annotations

import asyncio
import gzip
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from itertools import islice

from brigade.clock import Clock
from brigade.control.report_file import report_line
from brigade.engine.groups import first_error
from brigade.engine.report import ActionKind, Outcome
from brigade.errors import StateError
from brigade.state.shield import shielded
from brigade.state.state import State

_BLOCK_LINES = 2000
_KEPT_REPORTS = 20
_PAUSE_SECONDS = 2.0


class RunReport:
    """An observer that keeps the line of each object, those of objects that were the same before left out.

    The state gets them in blocks while `kept` is open. A state that is away for a while gets them later; one that is
    still away in the end gets no more, for a report is no reason to fail a run.
    """

    def __init__(self, state: State, run_id: int) -> None:
        self._state = state
        self._run_id = run_id
        self._lines: deque[str] = deque()

    def outcome(self, outcome: Outcome) -> None:
        if outcome.action is not ActionKind.SKIP or outcome.error is not None:
            self._lines.append(report_line(outcome))

    def planned(self, objects: int, size_bytes: int) -> None:
        """Not part of the report."""

    def moved(self, size_bytes: int) -> None:
        """Not part of the report."""

    @asynccontextmanager
    async def kept(self, clock: Clock) -> AsyncIterator[None]:
        """Write what comes while the block runs, and the rest in the end."""
        try:
            with first_error():
                async with asyncio.TaskGroup() as group:
                    writing = group.create_task(self._keep_writing(clock))
                    yield
                    writing.cancel()
        finally:
            with suppress(StateError):
                await shielded(self._write(1))

    async def drop_older(self, replication_id: int) -> None:
        """Keep the reports of the newest runs of a replication only."""
        with suppress(StateError):
            await self._state.control.outcomes.keep(replication_id, _KEPT_REPORTS)

    async def _keep_writing(self, clock: Clock) -> None:
        while True:
            await clock.sleep(_PAUSE_SECONDS)
            with suppress(StateError):
                await self._write(_BLOCK_LINES)

    async def _write(self, least_lines: int) -> None:
        """Write blocks for as long as so many lines wait."""
        while len(self._lines) >= least_lines:
            lines = list(islice(self._lines, _BLOCK_LINES))
            block = await asyncio.to_thread(gzip.compress, "".join(lines).encode("ascii"), 6)
            await self._state.control.outcomes.add(self._run_id, len(lines), block)
            for _ in lines:
                self._lines.popleft()

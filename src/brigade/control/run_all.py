"""Use case: several replications, one after the other or side by side; one that fails never stops another."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from brigade.control.verdict import NOT_IN_STEP, exit_code
from brigade.engine.report import RunResult
from brigade.errors import BrigadeError

# Refused stands over failed: it needs a person. Wrong configuration stands over both.
_WORST_LAST = (0, 1, 3, 2)


@dataclass(frozen=True, slots=True)
class Ended:
    """How one replication ended: with a result, or with the error that kept it from running."""

    name: str
    result: RunResult | None
    error: Exception | None = None

    @property
    def exit_code(self) -> int:
        """What this replication alone would exit with."""
        if self.error is not None:
            return self.error.exit_code if isinstance(self.error, BrigadeError) else NOT_IN_STEP
        assert self.result is not None
        return exit_code(self.result)


async def run_all(
    jobs: Sequence[tuple[str, Callable[[], Awaitable[RunResult]]]], *, at_once: int, tell: Callable[[Ended], None]
) -> int:
    """Run every job, at most `at_once` together; tell each end. Returns the worst exit code."""
    places = asyncio.Semaphore(at_once)
    worst = 0

    async def run(name: str, job: Callable[[], Awaitable[RunResult]]) -> None:
        nonlocal worst
        async with places:
            try:
                ended = Ended(name, await job())
            except Exception as error:  # noqa: BLE001 - a bug in one replication must not stop the others either
                ended = Ended(name, None, error)
        worst = max(worst, ended.exit_code, key=_WORST_LAST.index)
        tell(ended)

    async with asyncio.TaskGroup() as group:
        for name, job in jobs:
            group.create_task(run(name, job))
    return worst

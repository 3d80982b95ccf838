"""Use case: tell how a target differs from its source; nothing is changed."""

from __future__ import annotations

from collections.abc import Callable

from brigade.clock import Clock
from brigade.control.work import Work, opened
from brigade.engine.job import Job
from brigade.engine.ledger import Ledger
from brigade.engine.report import Difference, Outcome
from brigade.engine.verify import DiffResult
from brigade.engine.verify import diff as compare
from brigade.state.state import State


class _Unwatched:
    """A diff moves nothing: there is nothing to observe."""

    def outcome(self, outcome: Outcome) -> None:
        """Never called."""

    def planned(self, objects: int, size_bytes: int) -> None:
        """Never called."""

    def moved(self, size_bytes: int) -> None:
        """Never called."""


async def diff(
    work: Work, *, state: State, clock: Clock, tell: Callable[[Difference], None], failed: Callable[[str, str], None]
) -> DiffResult:
    """Compare both sides. `tell` hears of each difference, `failed` of each key that could not be compared."""
    async with opened(work, read_only=True) as stores:
        replication_id = await state.replications.ensure(work.name, work.identity)
        job = Job(
            source=stores.source,
            target=stores.target,
            policy=work.policy,
            clock=clock,
            observer=_Unwatched(),
            ledger=Ledger(state, replication_id, read_only=True),
            limits=work.limits,
            dry_run=True,
        )
        return await compare(job, tell, failed)

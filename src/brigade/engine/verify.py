"""Diff and verify: the plan with nothing carried out, each difference told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from brigade.decide.actions import Action, ActionKind
from brigade.decide.decide import UNPROVEN
from brigade.decide.merge import Pair
from brigade.engine.job import Job
from brigade.engine.plan import Planner
from brigade.engine.pump import pump
from brigade.engine.report import Difference, DifferenceStatus
from brigade.engine.settle import Settler, Task
from brigade.errors import StoreError
from brigade.objects import Proof


@dataclass(slots=True)
class DiffResult:
    """How a diff ended. `incomplete` says why not every object was compared."""

    compared: int = 0
    same: int = 0
    excluded: int = 0
    differences: int = 0
    failed: int = 0
    incomplete: str | None = None

    @property
    def in_step(self) -> bool:
        """True only if every object was compared and is the same."""
        return not (self.differences or self.failed or self.incomplete)


async def diff(job: Job, tell: Callable[[Difference], None], failed: Callable[[str, str], None]) -> DiffResult:
    """Compare both sides and tell each difference as it is found; nothing is changed anywhere.

    `failed` hears of keys that could not be compared, with the reason.
    """
    return await _Diff(job, tell, failed).run()


class _Diff:
    def __init__(self, job: Job, tell: Callable[[Difference], None], failed: Callable[[str, str], None]) -> None:
        self._job = job
        self._tell = tell
        self._failed = failed
        self._planner = Planner(job)
        self._settler = Settler(job)
        self._result = DiffResult()

    async def run(self) -> DiffResult:
        await self._job.ledger.load()
        self._result.incomplete = await pump(self._job, self._planner, self._dispatch, self._resolve)
        return self._result

    def _dispatch(self, task: Task) -> bool:
        if task.action.needs_look:
            return True
        self._judge(task.pair, task.action)
        return False

    async def _resolve(self, task: Task) -> None:
        try:
            resolved = await self._settler.resolve(task)
        except StoreError as error:
            self._result.failed += 1
            self._failed(task.pair.key, str(error))
        else:
            self._judge(resolved.pair, resolved.action)

    def _judge(self, pair: Pair, action: Action) -> None:
        result = self._result
        result.compared += 1
        status = _status(pair, action)
        if status is not None:
            result.differences += 1
            self._tell(Difference(pair.key, status, action.reason))
        elif action.kind is ActionKind.SKIP and action.proof is Proof.NONE:
            result.excluded += 1
        else:
            result.same += 1


def _status(pair: Pair, action: Action) -> DifferenceStatus | None:
    """The verdict on one key, None where both sides are the same or filtered out."""
    if action == UNPROVEN:
        return DifferenceStatus.UNPROVABLE
    if action.kind is ActionKind.COPY:
        return DifferenceStatus.MISSING if pair.target is None else DifferenceStatus.DIFFERENT
    if action.kind is ActionKind.COPY_METADATA:
        return DifferenceStatus.METADATA
    if action.kind in (ActionKind.DELETE, ActionKind.CONFLICT):
        return DifferenceStatus.EXTRA
    if action.kind is ActionKind.SKIP and action.proof is Proof.SIZE:
        return DifferenceStatus.UNPROVABLE
    return None

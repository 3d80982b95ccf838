"""What a reconcile of a followed replication leaves to the follower: keys that failed in it, and parked ones."""

from __future__ import annotations

from collections.abc import Sequence

from brigade.engine.report import ActionKind, Outcome, RunResult
from brigade.state.state import State

MOST_KEYS = 10_000
"""Of those that failed in one run. The next run finds the others again."""


class Unsettled:
    """An observer that remembers which keys failed, the first `MOST_KEYS` of them."""

    def __init__(self) -> None:
        self.keys: list[str] = []

    def outcome(self, outcome: Outcome) -> None:
        failed = outcome.error is not None or outcome.action is ActionKind.CONFLICT
        if failed and len(self.keys) < MOST_KEYS:
            self.keys.append(outcome.key)

    def planned(self, objects: int, size_bytes: int) -> None:
        """Of no interest here."""

    def moved(self, size_bytes: int) -> None:
        """Of no interest here."""


async def hand_over(state: State, replication_id: int, run_id: int, result: RunResult, failed: Sequence[str]) -> None:
    """Have the follower look at what failed, so that it is tried again and then parked with its reason.

    What only rests until the run is over, lest that copy again what is gone, is looked at now. After a run that saw
    everything parked keys are looked at as well: it may have made them right. And then it is on record that these keys
    are the backlog's: if all that failed in the run are, it is told by them alone whether the run's trouble is mended.
    """
    await state.backlog.mark(replication_id, failed, live=False)
    await state.backlog.wake_resting(replication_id)
    if result.incomplete is None:
        await state.backlog.unpark(replication_id)
        if failed and result.refusal is None:
            await state.control.handovers.add(replication_id, run_id, len(failed))

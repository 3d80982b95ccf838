"""What a reconcile of a followed replication leaves to the follower: keys that failed in it, and parked ones."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager, suppress

from brigade.engine.report import ActionKind, Outcome, RunResult
from brigade.errors import BrigadeError, LeaseLost, StateError
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


@asynccontextmanager
async def troubles_noted(state: State, name: str) -> AsyncIterator[None]:
    """Have it on record for as long as a replication cannot be compared: nobody else would see that.

    What is the state's own trouble cannot be written, and who lost a lease leaves the run to another.
    """
    try:
        yield
    except (StateError, LeaseLost):
        raise
    except BrigadeError as error:
        with suppress(StateError):
            await state.control.troubles.note(name, str(error))
        raise
    if name in await state.control.troubles.all():
        await state.control.troubles.clear([name])


async def forget_others(state: State, name: str, names: Collection[str]) -> None:
    """Of buckets that a whole store has no more no trouble stays."""
    known = await state.control.troubles.all()
    if gone := [each for each in known if each.startswith(f"{name}/") and each not in names]:
        await state.control.troubles.clear(gone)

"""From pairs of keys to decided tasks: filters, the inventory and `decide`, a batch at a time.

Reconcile carries the tasks out, a dry run prints them, diff and verify report them: there is no other comparison.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from brigade.decide.actions import Action, ActionKind, Known
from brigade.decide.decide import Rules, decide
from brigade.decide.merge import Pair
from brigade.engine.job import Job
from brigade.engine.settle import Task
from brigade.objects import ObjectInfo, Proof
from brigade.replications import DeleteMode

# The bytes may be there and tags or ACL not yet: those are written last.
_UNFINISHED = Action(ActionKind.EXAMINE_ATTRIBUTES, "an earlier run was cut off at this key")
_ENDS_WITHOUT_INVENTORY = (ActionKind.SKIP, ActionKind.DELETE)


@dataclass(slots=True)
class Seen:
    """How many objects within the filters the two listings held: what the guard counts from."""

    source_objects: int = 0
    target_objects: int = 0


class Planner:
    """Decides batches of pairs for one job."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self.seen = Seen()

    async def plan(self, pairs: Sequence[Pair]) -> list[Task]:
        """One task for each pair, in order."""
        job = self._job
        rules = job.rules
        exclude = None if job.selector.takes_all else self._exclude
        tasks: list[Task] = []
        asks: list[int] = []
        tracked = job.policy.delete is DeleteMode.TRACKED
        hidden_tags = job.ledger.has_tagged and rules.tags_hidden and job.policy.tags
        for pair in pairs:
            if exclude is not None and (excluded := exclude(pair)) is not None:
                tasks.append(Task(pair, excluded, None))
                continue
            source, target = pair.source, pair.target
            self._count(source, target)
            action = decide(source, target, None, rules)
            if action.kind not in _ENDS_WITHOUT_INVENTORY or (
                target is not None and ((source is None and tracked) or (source is not None and hidden_tags))
            ):
                asks.append(len(tasks))
            tasks.append(Task(pair, action, None))
        if asks and job.ledger.has_rows:
            await self._ask_inventory(tasks, asks, rules)
        if unfinished := job.ledger.unfinished:
            tasks = [_finish(task) if task.pair.key in unfinished else task for task in tasks]
        return tasks

    async def _ask_inventory(self, tasks: list[Task], asks: Sequence[int], rules: Rules) -> None:
        known = await self._job.ledger.known([tasks[index].pair.key for index in asks])
        for index in asks:
            pair = tasks[index].pair
            row: Known | None = known.get(pair.key)
            if row is not None:
                tasks[index] = Task(pair, decide(pair.source, pair.target, row, rules), row)

    def _count(self, source: ObjectInfo | None, target: ObjectInfo | None) -> None:
        if source is not None:
            self.seen.source_objects += 1
        if target is not None:
            self.seen.target_objects += 1

    def _exclude(self, pair: Pair) -> Action | None:
        """The action for a key that the filters take out, None for one that they leave in."""
        selector, policy = self._job.selector, self._job.policy
        reason = selector.exclude_key(pair.key)
        if reason is None and pair.source is not None:
            reason = selector.exclude_object(pair.source)
        if reason is None:
            return None
        if policy.delete_excluded and pair.target is not None and policy.delete is DeleteMode.MIRROR:
            self._count(pair.source, pair.target)
            return Action(ActionKind.DELETE, reason)
        return Action(ActionKind.SKIP, reason)


def _finish(task: Task) -> Task:
    """The task of a key with an upload on record: what seems to be the same is looked at all the same."""
    # Only what is the same has a proof: what is extra, filtered out or not to be updated has none.
    is_same = task.action.kind is ActionKind.SKIP and task.action.proof is not Proof.NONE
    return task._replace(action=_UNFINISHED) if is_same else task

"""Use case: a replication is compared by many processes together: one begins a run, the others take part in it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from brigade.clock import Clock
from brigade.control.reporting import RunReport
from brigade.control.sync import count_left_out, job_of, policy_as_json, tell_losses
from brigade.control.watching import Fanout
from brigade.control.work import Work, opened
from brigade.decide.contradictions import refuse_contradictions
from brigade.engine.lease import begin_run
from brigade.engine.ledger import Ledger
from brigade.engine.ranges import Colleague, take_part
from brigade.engine.report import Observer, RunResult
from brigade.errors import Cancelled, Refused
from brigade.state.owner import Owner
from brigade.state.rows import Run, RunState
from brigade.state.state import State

# What is decided already cannot be given away any more.
_QUEUED_TASKS = 500


class Took(NamedTuple):
    """The run that counts: when it began, and how it ended, None if it had ended before and nothing was to be done."""

    began_ns: int
    result: RunResult | None
    run_id: int


class _Known(NamedTuple):
    replication_id: int
    policy: Mapping[str, object]


@dataclass
class SharedRuns:
    """The runs of replications that any number of processes see to, as this process sees them."""

    state: State
    clock: Clock
    owner: Owner = field(default_factory=Owner.current)
    _known: dict[str, _Known] = field(default_factory=dict)

    async def run(self, work: Work, *, since_ns: int, observer: Observer, tell: Callable[[str], None]) -> Took:
        """Take part in the run that goes on; begin one if none has begun after `since_ns` and seen everything.

        `tell` hears what the pair of stores cannot carry. Raises `Refused` while a run goes on that is not shared, or has
        another policy; and what the stores and the state raise when they cannot be used at all.
        """
        refuse_contradictions(work.policy)
        known = await self._get_known(work)
        run = await self.state.runs.last(known.replication_id)
        if run is not None and run.policy == known.policy and run.state is not RunState.RUNNING:
            if run.started_ns > since_ns and _saw_everything(run):
                return Took(run.started_ns, None, run.id)
            run = None
        if run is not None and not await self._may_join(run, known, since_ns):
            run = None
        return await self._take_part(work, known, run, observer, tell)

    async def is_any_on(self) -> bool:
        """True if a run that can be joined goes on, of those replications that were seen to lately."""
        for known in self._known.values():
            run = await self.state.runs.last(known.replication_id)
            if run is not None and await self._may_join(run, known, 0):
                return True
        return False

    def forget(self) -> None:
        """Of the replications that were seen to, those that follow are all."""
        self._known.clear()

    async def _get_known(self, work: Work) -> _Known:
        replication_id = await self.state.replications.ensure(work.name, work.identity)
        known = self._known[work.name] = _Known(replication_id, json.loads(json.dumps(policy_as_json(work.policy))))
        return known

    async def _may_join(self, run: Run, known: _Known, since_ns: int) -> bool:
        """A run of the same policy: while somebody is at work on it, or else if it is young enough to count."""
        if run.state is not RunState.RUNNING or run.policy != known.policy:
            return False
        alive = run.lease_until_ns > self.clock.now_ns() and not run.owner.is_dead()
        return (alive or run.started_ns > since_ns) and await self.state.runs.is_shared(run)

    async def _take_part(
        self, work: Work, known: _Known, run: Run | None, observer: Observer, tell: Callable[[str], None]
    ) -> Took:
        async with opened(work, read_only=False) as stores:
            tell_losses(work, stores, tell)
            run = run or await self._begin(known)
            ledger = Ledger(self.state, known.replication_id, followed=work.followed)
            limits = replace(work.limits, queued_tasks=min(work.limits.queued_tasks, _QUEUED_TASKS))
            job = job_of(replace(work, limits=limits), stores, ledger, self.clock, observer)
            job.spawn = work.helpers(known.replication_id, work.followed) if work.helpers else None
            left_out = None if work.left_out is None else lambda counts: count_left_out(work, counts, observer)
            report = RunReport(self.state, run.id)
            job.observer = Fanout([job.observer, report])
            try:
                async with report.kept(self.clock):
                    result = await take_part(self.state, run, job, Colleague(self.owner, left_out))
            except Cancelled as error:
                tell(str(error))
                return Took(run.started_ns, None, run.id)
            await report.drop_older(known.replication_id)
            return Took(run.started_ns, result, run.id)

    async def _begin(self, known: _Known) -> Run:
        try:
            return await begin_run(self.state, known.replication_id, known.policy, owner=self.owner, shared=True)
        except Refused:
            # Somebody else was quicker: all who are due at the same moment come here at once.
            run = await self.state.runs.last(known.replication_id)
            if run is not None and await self._may_join(run, known, 0):
                return run
            raise


def _saw_everything(run: Run) -> bool:
    """Whether a run that has ended has looked at every key, as far as its record tells."""
    if run.state is RunState.FAILED:
        # One that failed without a failed object has broken off. Whoever took part in another knows more.
        return bool(run.counts.get("failed") or run.counts.get("conflicts"))
    # Whoever cancelled one does not want it to begin again.
    return run.state in {RunState.DONE, RunState.REFUSED, RunState.CANCELLED}

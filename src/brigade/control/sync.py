"""Use case: make a target right, once, with the run on record."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from enum import Enum

from brigade.clock import Clock
from brigade.control.fidelity import losses
from brigade.control.work import Opened, Work, opened
from brigade.decide.contradictions import refuse_contradictions
from brigade.engine.job import Job
from brigade.engine.lease import Record, begin_run, interrupted_before, leased_run, restore
from brigade.engine.ledger import Ledger
from brigade.engine.progress import Progress
from brigade.engine.reconcile import reconcile
from brigade.engine.report import ActionKind, Counts, Observer, Outcome, RunResult
from brigade.errors import UsageError
from brigade.objects import Proof
from brigade.replications import DeleteMode, Policy
from brigade.state.state import State


async def sync(
    work: Work,
    *,
    state: State,
    clock: Clock,
    observer: Observer,
    tell: Callable[[str], None],
    dry_run: bool = False,
    resume: bool = False,
) -> RunResult:
    """Reconcile the target with the source. `tell` hears what the pair of stores cannot carry, up front.

    `resume` goes on behind the last checkpoint of a run that was cut off, if its policy was the same. Only if asked
    to: what has changed before the checkpoint since then is not seen. Raises `Refused` while another run of
    this replication lives, and what the stores and the state raise when they cannot be used at all.
    """
    refuse_contradictions(work.policy)
    if resume and work.policy.delete is not DeleteMode.NO:
        raise UsageError(
            "a resumed run does not see what lies before its checkpoint, so it must not delete",
            hint="run without --resume: what is in step already is not copied again",
        )
    async with opened(work, read_only=dry_run) as stores:
        tell_losses(work, stores, tell)
        replication_id = await state.replications.ensure(work.name, work.identity)
        ledger = Ledger(state, replication_id, read_only=dry_run, followed=work.followed)
        result = RunResult(dry_run=dry_run)
        if dry_run:
            await reconcile(job_of(work, stores, ledger, clock, observer, dry_run=True), result)
            count_left_out(work, result.counts, observer)
            return result
        run = await begin_run(state, replication_id, policy_as_json(work.policy))
        cut_off = await interrupted_before(state, run) if resume else None
        progress = restore(cut_off, result) if cut_off else Progress()
        job = job_of(work, stores, ledger, clock, observer, progress)
        job.spawn = work.helpers(replication_id, work.followed) if work.helpers else None

        async def make_right() -> RunResult:
            await reconcile(job, result)
            count_left_out(work, result.counts, observer)
            return result

        return await leased_run(state, run, clock, Record(progress, result, ledger.flush), make_right)


def tell_losses(work: Work, stores: Opened, tell: Callable[[str], None]) -> None:
    """Say what the pair of stores cannot carry."""
    if lost := losses(stores.source.capabilities, stores.target.capabilities, acl=work.policy.acl):
        tell(f"{stores.target.name} cannot hold what {stores.source.name} has: {', '.join(lost)}")


def job_of(
    work: Work,
    stores: Opened,
    ledger: Ledger,
    clock: Clock,
    observer: Observer,
    progress: Progress | None = None,
    *,
    dry_run: bool = False,
) -> Job:
    """What the engine needs to know of one run."""
    return Job(
        source=stores.source,
        target=stores.target,
        policy=work.policy,
        clock=clock,
        observer=observer,
        ledger=ledger,
        limits=work.limits,
        dry_run=dry_run,
        progress=progress or Progress(),
    )


def count_left_out(work: Work, counts: Counts, observer: Observer) -> None:
    """Count what the source's listing left out, and tell the first of it: nothing is passed over in silence."""
    if work.left_out is not None:
        counts.skipped += work.left_out.total
        counts.considered += work.left_out.total
        for key, reason in work.left_out:
            observer.outcome(Outcome(key, ActionKind.SKIP, reason, Proof.NONE, 0))


def policy_as_json(policy: Policy) -> dict[str, object]:
    """The policy as plain values, for the record of a run."""
    values = asdict(policy)
    values["max_delete"] = str(policy.max_delete)
    values["filters"] = [f"{'include' if rule.include else 'exclude'} {rule.pattern}" for rule in policy.filters]
    values["storage_class_map"] = dict(policy.storage_class_map)
    return {name: value.value if isinstance(value, Enum) else value for name, value in values.items()}

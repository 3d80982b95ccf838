"""Making one claimed key right: look at both sides, ask `decide`, act.

Most keys that nothing is known of are small and new. They are not looked at but read and put, on condition that the
target has no such key: two requests where looking first takes four. What is otherwise is then looked at after all.

A mark says that the key may differ, in its attributes too: what has equal content is compared in headers, metadata
and tags. A deletion needs the source's word that the object is gone, not an error and not a missing bucket.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import NamedTuple

from brigade.decide.actions import Action, ActionKind, Evidence, Known
from brigade.decide.decide import decide, is_print_of
from brigade.decide.filters import NANOSECONDS, youngest_seconds
from brigade.decide.merge import Pair
from brigade.engine.job import Job
from brigade.engine.metadata import compare_attributes
from brigade.engine.report import Outcome
from brigade.engine.settle import Resolved, Settler, Task
from brigade.errors import Corrupt, NotFound, PreconditionFailed, SourceChanged, StoreError
from brigade.objects import ObjectInfo, Proof
from brigade.replications import AttributesMode
from brigade.stores.base import Store

_LOOKS_AFTER_A_MISS = 15
"""So many keys are looked at first after one that was large or not new: its like often come together."""


class Settled(NamedTuple):
    """How it went. `gone`: the source has no such object. `young_seconds`: so long until it is old enough to be copied."""

    outcome: Outcome
    gone: bool = False
    young_seconds: float = 0.0


class KeySettler:
    """Settles keys of one job, which from now on compares the attributes of every key."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._settler = Settler(job)
        able = job.target.capabilities
        # A local file is looked at for nothing. Where nothing may be overwritten, or the source's object is deleted
        # afterwards, a store's word that its key was free is not enough.
        self._creates = (
            able.conditional_writes
            and job.policy.update
            and job.policy.retain_source
            and not (job.source.capabilities.local_reads or able.local_reads)
            and (job.source.capabilities.reads_tell_class or not job.carries.storage_class)
        )
        self._looks_left = 0
        self._has_ages = youngest_seconds(job.policy) is not None or job.policy.max_age_seconds is not None
        job.rules = replace(job.rules, policy=replace(job.rules.policy, attributes=AttributesMode.EACH))

    def refresh(self) -> None:
        """Ages count from now on."""
        if self._has_ages:
            self._job.selector = self._job.select_by_now()

    async def settle(self, key: str, known: Known | None) -> Settled:
        """Do what the key needs. Raises the errors of the stores."""
        job = self._job
        if (reason := job.selector.exclude_key(key)) is not None:
            return _skip(key, reason)
        if known is None and self._creates and (outcome := await self._create(key)) is not None:
            return Settled(outcome)
        source = await _head(job.source, key)
        if source is not None:
            if (reason := job.selector.exclude_object(source)) is not None:
                return _skip(key, reason)._replace(young_seconds=self._young_seconds(source))
            if known is not None and self._is_as_remembered(source, known):
                return Settled(Outcome(key, ActionKind.SKIP, "same as when it was proven", known.proof, 0))
        pair = Pair(key, source, await _head(job.target, key))
        action = decide(pair.source, pair.target, known, job.rules)
        if source is None:
            return Settled(await self._settle_gone(pair, action, known), gone=True)
        return Settled(await self._settle_there(pair, action, known))

    async def _create(self, key: str) -> Outcome | None:
        """Copy a key that is small and new. None: it has to be looked at first."""
        if self._looks_left > 0:
            self._looks_left -= 1
            return None
        outcome = None
        if (read := await self._read(key)) is not None:
            # A mark that came late, or bytes that were wrong: both sides have to be looked at.
            with suppress(PreconditionFailed, SourceChanged, Corrupt):
                outcome = await self._settler.create(*read)
        if outcome is None:
            self._looks_left = _LOOKS_AFTER_A_MISS
        return outcome

    async def _read(self, key: str) -> tuple[ObjectInfo, bytes, Action] | None:
        """An object that is to be copied if the target has none of its key."""
        job = self._job
        try:
            async with job.source.get(key) as reader:
                source = reader.info
                action = decide(source, None, None, job.rules)
                excluded = job.selector.exclude_object(source) is not None
                if excluded or action.kind is not ActionKind.COPY or not self._settler.may_create(source):
                    return None
                return source, await reader.read(), action
        except StoreError as error:
            if error.exhausted:
                raise
            return None

    async def _settle_there(self, pair: Pair, action: Action, known: Known | None) -> Outcome:
        job = self._job
        if action.kind is ActionKind.EXAMINE_ATTRIBUTES:
            assert pair.source is not None
            assert pair.target is not None
            look = await compare_attributes(job, pair.source, pair.target)
            evidence = Evidence(attributes_differ=look.differ)
            action = decide(pair.source, pair.target, known, job.rules, evidence)
            return await self._settler.conclude(Resolved(pair, action, True, look), known)
        outcome = await self._settler.carry_out(Task(pair, action, known))
        if action.kind is ActionKind.COPY and outcome.action is ActionKind.SKIP:
            raise SourceChanged("the object went away while it was copied", store=job.source.name, key=pair.key)
        return outcome

    async def _settle_gone(self, pair: Pair, action: Action, known: Known | None) -> Outcome:
        job, key = self._job, pair.key
        size_bytes = pair.target.size_bytes if pair.target is not None else 0
        # Also where nothing is to be deleted: with the last word on a key its mark is gone, too.
        await self._confirm_gone(key)
        if action.kind is ActionKind.DELETE and (error := (await job.target.delete([key]))[key]) is not None:
            raise error
        if known is not None and (pair.target is None or action.kind is ActionKind.DELETE):
            await job.ledger.forget([key], look_again=False)
        return Outcome(key, action.kind, action.reason, Proof.NONE, size_bytes)

    async def _confirm_gone(self, key: str) -> None:
        """A HEAD has no body to tell a missing object from a missing bucket; a listing raises for the latter."""
        source = self._job.source
        page = await source.list_page(prefix=key, limit=1)
        if any(info.key == key for info in page.entries):
            raise SourceChanged("the source lists the object and does not find it", store=source.name, key=key)

    def _is_as_remembered(self, source: ObjectInfo, known: Known) -> bool:
        """True for an event that came twice. Tags and ACL leave no trace in what is remembered."""
        job = self._job
        hidden = (job.carries.tags and job.policy.tags and source.tag_count != 0) or (
            job.carries.acl and job.policy.acl
        )
        # What an archive has proven does not stay at the source: it is there only because taking it away failed.
        if hidden or known.tagged or not job.policy.retain_source or not is_print_of(source, known.source_print):
            return False
        return not (job.policy.require_proof and known.proof.is_weak)

    def _young_seconds(self, source: ObjectInfo) -> float:
        limit_ns = self._job.selector.modified_before_ns
        return 0.0 if limit_ns is None else max(0.0, (source.modified_ns - limit_ns) / NANOSECONDS)


async def _head(store: Store, key: str) -> ObjectInfo | None:
    try:
        return await store.head(key)
    except NotFound:
        return None


def _skip(key: str, reason: str) -> Settled:
    return Settled(Outcome(key, ActionKind.SKIP, reason, Proof.NONE, 0))

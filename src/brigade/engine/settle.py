"""Settling one key: look closer where the listings cannot decide, act, remember, and tell how it went."""

from __future__ import annotations

from typing import NamedTuple

from brigade.decide.actions import NO_EVIDENCE, Action, ActionKind, Evidence, Known
from brigade.decide.decide import decide, remembered_print, target_print
from brigade.decide.merge import Pair
from brigade.engine.archive import Apart, archive
from brigade.engine.attempts import Attempts
from brigade.engine.copy import Copied, Copier
from brigade.engine.job import Job
from brigade.engine.manifests import ManifestKeeper
from brigade.engine.metadata import Look, look_at_attributes, update_attributes
from brigade.engine.proving import matches_etag_of, same_bytes
from brigade.engine.report import Outcome
from brigade.errors import Corrupt, NotFound, PreconditionFailed, SourceChanged, StorageFull, StoreError, Unsupported
from brigade.objects import ObjectInfo, Proof
from brigade.replications import CompareMode, DeleteMode
from brigade.state.rows import InventoryRow

# Fresher source objects are remembered: a listing with whole seconds, from a clock that may be off, cannot show
# whether their metadata changed just before or just after the copy.
_FRESH_NS = 3_600_000_000_000

# A copy that takes longer than this may hide a change of metadata; stores tell times in whole seconds.
_SLOW_NS = 1_000_000_000

# Makes a print that no listing gives, so that the next run looks again: a store that tells times in whole seconds
# shows the same one before and after a change of metadata in the second in which the object was written.
_MAY_CHANGE_UNSEEN = "~"
# A time further ahead than this is not of this moment but of a wrong clock, and nobody waits for it.
_LONGEST_TICK_NS = 1_500_000_000


class Task(NamedTuple):
    """One key to settle, with what was decided from the listings and what the inventory knows."""

    pair: Pair
    action: Action
    known: Known | None


class Resolved(NamedTuple):
    """An action that needs no more looking, with the infos and the look it rests on."""

    pair: Pair
    action: Action
    looked: bool
    look: Look | None


class Settler:
    """Settles keys of one job. `full` holds the target's words once it has run out of room."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._copier = Copier(job)
        self._manifests = ManifestKeeper(job)
        self._apart = Apart(job)
        self.full: str | None = None

    async def settle(self, task: Task) -> Outcome:
        """Do what one key needs. Errors of the stores become a failed outcome; nothing else is caught."""
        pair, action, _ = task
        if not self._job.dry_run:
            await self._let_tick_pass(pair.source)
        try:
            return await self.carry_out(task)
        except StoreError as error:
            if isinstance(error, StorageFull):
                self.full = str(error)
            kind = action.kind if action.kind in _DOES else ActionKind.COPY
            return Outcome(pair.key, kind, action.reason, Proof.NONE, pair.size_bytes, str(error))

    async def carry_out(self, task: Task) -> Outcome:
        """The same for a caller who wants the errors of the stores themselves."""
        pair, action, known = task
        resolved = await self.resolve(task) if action.needs_look else Resolved(pair, action, False, None)
        return await self.conclude(resolved, known)

    async def resolve(self, task: Task) -> Resolved:
        """Look until `decide` has an end. Objects that change meanwhile are looked at again, within bounds."""
        pair, action, known = task
        attempts = Attempts(self._job.clock, self._job.limits.attempts)
        while True:
            try:
                return await self._resolve_once(pair, action, known)
            except (SourceChanged, PreconditionFailed, NotFound):
                await attempts.failed(SourceChanged("the object keeps changing while it is looked at", key=pair.key))
                pair = await self._look_again(pair)
                action = decide(pair.source, pair.target, known, self._job.rules)
                if not action.needs_look:
                    return Resolved(pair, action, True, None)
            except StoreError as error:
                await attempts.failed(error)

    async def _resolve_once(self, pair: Pair, action: Action, known: Known | None) -> Resolved:
        evidence = NO_EVIDENCE
        look: Look | None = None
        assert pair.source is not None
        assert pair.target is not None
        if action.kind is ActionKind.EXAMINE_CONTENT:
            evidence = await self._look_at_content(pair.source, pair.target)
            action = decide(pair.source, pair.target, known, self._job.rules, evidence)
        if action.kind is ActionKind.EXAMINE_ATTRIBUTES:
            look = await look_at_attributes(self._job, pair.source, pair.target)
            evidence = evidence._replace(attributes_differ=look.differ)
            action = decide(pair.source, pair.target, known, self._job.rules, evidence)
        return Resolved(pair, action, True, look)

    async def _look_at_content(self, source: ObjectInfo, target: ObjectInfo) -> Evidence:
        """Compare bytes: all of them on both sides if asked to, else only those that are near."""
        job = self._job
        equal: bool | None = None
        if job.policy.compare is not CompareMode.CHECKSUM:
            if job.source.capabilities.local_reads and target.etag:
                equal = await matches_etag_of(job.source, source, job.target, target)
            elif job.target.capabilities.local_reads and source.etag:
                equal = await self._target_matches(source, target)
            if equal is not None:
                return Evidence(equal, Proof.MD5)
        async with job.stream_slot:
            return Evidence(await same_bytes(job.source, source, job.target, target), Proof.READ_BACK)

    async def _target_matches(self, source: ObjectInfo, target: ObjectInfo) -> bool | None:
        try:
            return await matches_etag_of(self._job.target, target, self._job.source, source)
        except Corrupt:
            return False  # the target itself finds its object damaged: a copy mends it

    async def _look_again(self, pair: Pair) -> Pair:
        sides: list[ObjectInfo | None] = []
        for store in (self._job.source, self._job.target):
            try:
                sides.append(await store.head(pair.key))
            except NotFound:
                sides.append(None)
        return Pair(pair.key, sides[0], sides[1])

    async def conclude(self, resolved: Resolved, known: Known | None) -> Outcome:
        """Carry out what needs no more looking. Raises the errors of the stores."""
        pair, action, looked, look = resolved
        if pair.source is None:
            # Deletions are planned from whole listings only: the next run sees to this key.
            return Outcome(pair.key, ActionKind.SKIP, "gone at the source since it was listed", Proof.NONE, 0)
        if self._job.dry_run:
            return Outcome(pair.key, action.kind, action.reason, action.proof, pair.size_bytes)
        if action.kind is ActionKind.COPY:
            return await self._copy(pair, pair.source, action, known)
        if action.kind is ActionKind.COPY_METADATA and look is not None:
            return await self._copy_metadata(pair, pair.source, look, action, known)
        if action.kind is ActionKind.ARCHIVE and pair.target is not None:
            await self._apart.require(pair.source, pair.target)
        if action.kind is ActionKind.ARCHIVE or (looked and not action.proof.is_weak):
            await self._manifests.keep(pair.source)
        if action.kind in (ActionKind.SKIP, ActionKind.ARCHIVE) and looked and pair.target is not None:
            tagged = bool(look.expected.tags) if look is not None else known is not None and known.tagged
            await self._remember(pair.source, pair.target, action.proof, known, tagged=tagged, wrote=False)
        outcome = Outcome(pair.key, action.kind, action.reason, action.proof, pair.size_bytes)
        return await archive(self._job, outcome, pair.source) if action.kind is ActionKind.ARCHIVE else outcome

    def may_create(self, source: ObjectInfo) -> bool:
        """True for an object that needs nothing but to be read and to be put."""
        return self._copier.may_create(source)

    async def create(self, source: ObjectInfo, data: bytes, action: Action) -> Outcome:
        """Put what was read. Raises the errors of the stores: `PreconditionFailed` where the target has the key."""
        copied = await self._copier.create(source, data)
        return await self._conclude_copy(Pair(source.key, source, None), copied, action, None)

    async def _copy(self, pair: Pair, source: ObjectInfo, action: Action, known: Known | None) -> Outcome:
        job = self._job
        if self.full is not None:
            return Outcome(pair.key, action.kind, action.reason, Proof.NONE, source.size_bytes, self.full)
        began_ns = job.clock.now_ns()
        try:
            copied = await self._copier.copy(source)
            if job.clock.now_ns() - began_ns > _SLOW_NS:
                copied = await self._catch_up(copied)
        except NotFound:
            if await self._is_gone(pair.key):
                return Outcome(pair.key, ActionKind.SKIP, "gone at the source since it was listed", Proof.NONE, 0)
            raise
        return await self._conclude_copy(pair, copied, action, known)

    async def _conclude_copy(self, pair: Pair, copied: Copied, action: Action, known: Known | None) -> Outcome:
        """Remember a copy and hold it to the policy."""
        job = self._job
        if pair.target is not None:
            await self._manifests.tidy(copied.source, known.source_print if known is not None else None)
        if self._needs_row(copied) or known is not None:
            await self._remember(copied.source, copied.target, copied.proof, known, tagged=copied.tagged, wrote=True)
        if job.policy.require_proof and copied.proof.is_weak:
            return Outcome(pair.key, action.kind, action.reason, copied.proof, copied.source.size_bytes, "not proven")
        reason = f"{action.reason}; {copied.note}" if copied.note else action.reason
        outcome = Outcome(pair.key, action.kind, reason, copied.proof, copied.source.size_bytes)
        return await archive(job, outcome, copied.source)

    async def _catch_up(self, copied: Copied) -> Copied:
        """Bring headers and metadata that changed while the bytes moved: the target is younger, so no listing tells."""
        job = self._job
        try:
            source = await job.source.head(copied.source.key)
            if abs(source.modified_ns - copied.source.modified_ns) < _SLOW_NS:
                return copied
            look = await look_at_attributes(job, copied.source, copied.target)
            target = await update_attributes(job, look) if look.differ else copied.target
        except (SourceChanged, PreconditionFailed, NotFound):
            return copied  # changed or gone by now: that shows in the next listing
        except Unsupported:
            return await self._copier.copy(copied.source)
        return copied._replace(target=target, tagged=bool(look.expected.tags))

    async def _copy_metadata(
        self, pair: Pair, source: ObjectInfo, look: Look, action: Action, known: Known | None
    ) -> Outcome:
        job = self._job
        try:
            target = await update_attributes(job, look)
        except Unsupported:
            return await self._copy(pair, source, action._replace(kind=ActionKind.COPY), known)
        await self._manifests.keep(source)
        await self._remember(source, target, action.proof, known, tagged=bool(look.expected.tags), wrote=True)
        return Outcome(pair.key, action.kind, action.reason, action.proof, source.size_bytes)

    async def _is_gone(self, key: str) -> bool:
        try:
            await self._job.source.head(key)
        except NotFound:
            return True
        return False

    def _needs_row(self, copied: Copied) -> bool:
        """True where the next listing alone could not show that this key is in step."""
        job = self._job
        return (
            # A row that somebody else has written meanwhile is how two copies of one key learn of each other.
            job.ledger.followed
            or job.policy.delete is DeleteMode.TRACKED
            or not job.rules.content_etags
            or not job.rules.times_compare
            or copied.source.etag != copied.target.etag
            or job.policy.expire_after_seconds is not None
            or (copied.tagged and job.rules.tags_hidden)
            or copied.source.modified_ns > job.clock.now_ns() - _FRESH_NS
        )

    async def _remember(
        self, source: ObjectInfo, target: ObjectInfo, proof: Proof, known: Known | None, *, tagged: bool, wrote: bool
    ) -> None:
        written = wrote or (known is not None and known.written)
        generation = known.generation if known else 0
        print_ = remembered_print(source, _MAY_CHANGE_UNSEEN if self._may_change_unseen(source) else "")
        await self._job.ledger.remember(
            InventoryRow(source.key, print_, target_print(target), proof, written, tagged, generation)
        )

    def _tick_left_ns(self, source: ObjectInfo) -> int:
        """How long a change of metadata alone could still get the time that the object has now."""
        resolution_ns = self._job.source.capabilities.modified_resolution_ns
        # The store's clock is known to half of a second.
        margin_ns = resolution_ns // 2
        now_ns = self._job.clock.now_ns() + self._job.source.clock_offset_ns
        return source.modified_ns + resolution_ns + margin_ns - now_ns if resolution_ns > 1 else 0

    async def _let_tick_pass(self, source: ObjectInfo | None) -> None:
        """Read what was written just now only when its second is over: then every later change shows in a listing."""
        if source is not None and 0 < (left_ns := self._tick_left_ns(source)) <= _LONGEST_TICK_NS:
            await self._job.clock.sleep(left_ns / 1e9)

    def _may_change_unseen(self, source: ObjectInfo) -> bool:
        if self._job.ledger.followed:
            # A follower waits for nothing, and when it began is long ago: the next reconcile looks once.
            return source.modified_ns + self._job.source.capabilities.modified_resolution_ns - 1 > self._job.started_ns
        return self._tick_left_ns(source) > 0


_DOES = frozenset({ActionKind.COPY, ActionKind.COPY_METADATA, ActionKind.SKIP, ActionKind.ARCHIVE})

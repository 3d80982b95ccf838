"""Deletions: planned while scanning, kept on disk, and carried out last, after the guard and a second look.

A key is deleted only when both listings were complete, the guard agrees, and the source *confirms* by a 404 for this very
key that the object is gone: a listing that was cut short without an error deletes nothing.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Callable, Iterator
from itertools import islice
from typing import NamedTuple

from brigade.decide.actions import ActionKind
from brigade.decide.decide import CLOCK_MARGIN_NS, target_print
from brigade.decide.guard import refuse_deletions
from brigade.engine.groups import first_error
from brigade.engine.job import Job
from brigade.engine.pages import NO_SPACE_HINT
from brigade.engine.report import Outcome
from brigade.errors import ListingBroken, NotFound, Refused, StateError, StoreError
from brigade.objects import ObjectInfo, Proof
from brigade.replications import DeleteMode
from brigade.stores.together import for_each

_IN_MEMORY_BYTES = 4 * 1024 * 1024
_CONFIRMATIONS_AT_ONCE = 32


class Planned(NamedTuple):
    """One planned deletion."""

    key: str
    reason: str
    size_bytes: int
    confirm: bool
    target_print: str | None


class Sums(NamedTuple):
    """What both listings of a run held within the filters, and how much of it would be deleted."""

    source_objects: int
    target_objects: int
    planned: int


class Deletions:
    """The planned deletions of a run, spilled to a temporary file when there are many."""

    def __init__(self, job: Job, tell: Callable[[Outcome], None]) -> None:
        self._job = job
        self._tell = tell
        self._file = tempfile.SpooledTemporaryFile(_IN_MEMORY_BYTES, mode="w+b", prefix="brigade-delete-")  # noqa: SIM115
        self.count = 0

    def plan(self, key: str, reason: str, target: ObjectInfo, *, confirm: bool = True) -> None:
        """Note a deletion. `confirm` False: the key is there at the source but filtered out on purpose."""
        ours = target_print(target) if self._job.policy.delete is DeleteMode.TRACKED else None
        line = json.dumps([key, reason, target.size_bytes, confirm, ours])
        try:
            self._file.write(line.encode() + b"\n")
        except OSError as error:
            raise StateError(f"the planned deletions cannot be kept on disk: {error}", hint=NO_SPACE_HINT) from error
        self.count += 1

    def close(self) -> None:
        """Drop the plan."""
        self._file.close()

    async def carry_out(self, whole: Sums) -> None:
        """Guard, confirm all, delete all. Raises `Refused` or a `StoreError` before anything was deleted.

        `whole` is what the guard judges: the sums of the run, of which these deletions may be a part.
        """
        refusal = refuse_deletions(
            whole.planned,
            source_objects=whole.source_objects,
            target_objects=whole.target_objects,
            limit=self._job.policy.max_delete,
        )
        if refusal is not None:
            raise Refused(refusal)
        alive: set[str] = set()
        for batch in self._batches():
            alive |= await self._confirm(batch)
        for batch in self._batches():
            self._tell_alive([planned for planned in batch if planned.key in alive])
            gone = await self._still_ours([planned for planned in batch if planned.key not in alive])
            if gone:
                await self._delete(gone)

    def _batches(self) -> Iterator[list[Planned]]:
        self._file.seek(0)
        size = self._job.target.capabilities.delete_batch
        while lines := list(islice(self._file, size)):
            yield [Planned(*json.loads(line)) for line in lines]

    async def _confirm(self, batch: list[Planned]) -> set[str]:
        """Ask the source for each key; returns those that were written again since the run began."""
        slots = asyncio.Semaphore(_CONFIRMATIONS_AT_ONCE)
        alive: set[str] = set()

        async def confirm(key: str) -> None:
            async with slots:
                try:
                    info = await self._job.source.head(key)
                except NotFound:
                    return
            if info.modified_ns < self._job.started_ns - CLOCK_MARGIN_NS:
                raise ListingBroken(
                    f"the source's listing left out {key!r}, which is there: nothing is deleted",
                    store=self._job.source.name,
                    operation="list",
                    hint="the listing was cut short or is out of date; run again when the source is well",
                )
            alive.add(key)

        with first_error():
            async with asyncio.TaskGroup() as group:
                for planned in batch:
                    if planned.confirm:
                        group.create_task(confirm(planned.key))
        return alive

    async def _still_ours(self, batch: list[Planned]) -> list[Planned]:
        """Those that the target holds as they were listed: what is only to lose our own copies may be another's by now."""
        if self._job.dry_run or self._job.policy.delete is not DeleteMode.TRACKED:
            return batch
        found = await for_each(batch, self._print_now, at_once=_CONFIRMATIONS_AT_ONCE)
        ours = []
        for planned, now in zip(batch, found, strict=True):
            if isinstance(now, StoreError):
                self._tell_deleted(planned, now)
            elif now in (None, planned.target_print):
                ours.append(planned)
            else:
                reason = "gone at the source, but changed at the target since it was listed"
                self._tell(Outcome(planned.key, ActionKind.CONFLICT, reason, Proof.NONE, planned.size_bytes))
        return ours

    async def _print_now(self, planned: Planned) -> str | StoreError | None:
        try:
            return target_print(await self._job.target.head(planned.key))
        except NotFound:
            return None
        except StoreError as error:
            return error

    def _tell_alive(self, batch: list[Planned]) -> None:
        for planned in batch:
            reason = "written at the source since it was listed"
            self._tell(Outcome(planned.key, ActionKind.SKIP, reason, Proof.NONE, planned.size_bytes))

    def _tell_deleted(self, planned: Planned, error: StoreError | None) -> None:
        text = None if error is None else str(error)
        self._tell(Outcome(planned.key, ActionKind.DELETE, planned.reason, Proof.NONE, planned.size_bytes, text))

    async def _delete(self, batch: list[Planned]) -> None:
        keys = [planned.key for planned in batch]
        answers = {} if self._job.dry_run else await self._job.target.delete(keys)
        for planned in batch:
            self._tell_deleted(planned, answers.get(planned.key))
        if not self._job.dry_run:
            await self._job.ledger.forget([key for key in keys if answers.get(key) is None])

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
from brigade.decide.decide import CLOCK_MARGIN_NS
from brigade.decide.guard import refuse_deletions
from brigade.engine.groups import first_error
from brigade.engine.job import Job
from brigade.engine.pages import NO_SPACE_HINT
from brigade.engine.report import Outcome
from brigade.errors import ListingBroken, NotFound, Refused, StateError
from brigade.objects import Proof

_IN_MEMORY_BYTES = 4 * 1024 * 1024
_CONFIRMATIONS_AT_ONCE = 32


class Planned(NamedTuple):
    """One planned deletion."""

    key: str
    reason: str
    size_bytes: int
    confirm: bool


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

    def plan(self, key: str, reason: str, size_bytes: int, *, confirm: bool = True) -> None:
        """Note a deletion. `confirm` False: the key is there at the source but filtered out on purpose."""
        line = json.dumps([key, reason, size_bytes, confirm])
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
            if gone := [planned for planned in batch if planned.key not in alive]:
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

    def _tell_alive(self, batch: list[Planned]) -> None:
        for planned in batch:
            reason = "written at the source since it was listed"
            self._tell(Outcome(planned.key, ActionKind.SKIP, reason, Proof.NONE, planned.size_bytes))

    async def _delete(self, batch: list[Planned]) -> None:
        keys = [planned.key for planned in batch]
        answers = {} if self._job.dry_run else await self._job.target.delete(keys)
        for planned in batch:
            error = answers.get(planned.key)
            text = None if error is None else str(error)
            self._tell(Outcome(planned.key, ActionKind.DELETE, planned.reason, Proof.NONE, planned.size_bytes, text))
        if not self._job.dry_run:
            await self._job.ledger.forget([key for key in keys if answers.get(key) is None])

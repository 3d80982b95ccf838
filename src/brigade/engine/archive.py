"""Taking away at the source what was copied with proof: the last step of an archive, and never a guess."""

from __future__ import annotations

import asyncio

from brigade.decide.decide import CLOCK_MARGIN_NS
from brigade.engine.attempts import Attempts
from brigade.engine.job import Job
from brigade.engine.proving import exactly, md5_of
from brigade.engine.report import Outcome
from brigade.errors import NotFound, PreconditionFailed, Rejected, StoreError
from brigade.objects import NO_ATTRIBUTES, ObjectInfo
from brigade.stores.base import BytesBody

_STAYS = "it has changed since it was copied, so it stays at the source for now"


async def archive(job: Job, outcome: Outcome, copied: ObjectInfo) -> Outcome:
    """Delete the source's object that was copied, if it is still that one and the proof is a strong one.

    The source is asked once more right before each attempt: what a client has written since stays, also while an answer
    was lost, and is copied by the next run. Raises what the source raises.
    """
    if job.policy.retain_source or outcome.error is not None or outcome.proof.is_weak:
        return outcome
    attempts, tried = Attempts(job.clock, job.limits.attempts), False
    while True:
        try:
            now = await job.source.head(copied.key)
        except NotFound:
            return _archived(outcome) if tried else outcome
        if (now.etag, now.size_bytes, now.modified_ns) != (copied.etag, copied.size_bytes, copied.modified_ns):
            return outcome._replace(reason=f"{outcome.reason}; {_STAYS}")
        error = await _delete(job, copied)
        if error is None:
            return _archived(outcome)
        if isinstance(error, PreconditionFailed):
            return outcome._replace(reason=f"{outcome.reason}; {_STAYS}")
        await attempts.failed(error)
        tried = True


async def _delete(job: Job, copied: ObjectInfo) -> StoreError | None:
    try:
        return (await job.source.delete([copied.key], condition=exactly(copied)))[copied.key]
    except StoreError as error:
        return error


def _archived(outcome: Outcome) -> Outcome:
    return outcome._replace(reason=f"{outcome.reason}; deleted at the source", archived=True)


class Apart:
    """Makes sure that source and target are two places, which their names alone do not tell.

    One bucket under two host names, or by two protocols, is in step with itself: an archive would delete every object
    together with its copy. Objects of other times are not one; where times are the same, a probe is written to the target
    and looked for at the source, once a run.
    """

    def __init__(self, job: Job) -> None:
        self._job = job
        self._asking = asyncio.Lock()
        self._are_two: bool | None = None

    async def require(self, source: ObjectInfo, target: ObjectInfo) -> None:
        """Raise `Rejected` if these are the same object, and what the stores raise where that cannot be found out."""
        if abs(source.modified_ns - target.modified_ns) > CLOCK_MARGIN_NS:
            return
        async with self._asking:
            if self._are_two is None:
                self._are_two = not await self._is_seen_at_source(f"brigade-probe-{self._job.clock.random()}")
        if not self._are_two:
            raise Rejected(
                "source and target are one place under two names, so nothing is deleted there",
                store=self._job.source.name,
                operation="delete",
                key=source.key,
                hint="name another target, or drop retain_source: false",
            )

    async def _is_seen_at_source(self, key: str) -> bool:
        job, data = self._job, b"Brigade looks whether source and target are two places.\n"
        await job.target.put(key, BytesBody(data), attributes=NO_ATTRIBUTES, expect=md5_of(data))
        try:
            await job.source.head(key)
            seen = True
        except NotFound:
            seen = False
        finally:
            error = (await job.target.delete([key]))[key]
        if error is not None:
            raise error
        return seen

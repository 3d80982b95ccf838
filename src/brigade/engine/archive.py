"""Taking away at the source what was copied with proof: the last step of an archive, and never a guess."""

from __future__ import annotations

from brigade.engine.attempts import Attempts
from brigade.engine.job import Job
from brigade.engine.proving import exactly
from brigade.engine.report import Outcome
from brigade.errors import NotFound, PreconditionFailed, StoreError
from brigade.objects import ObjectInfo

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

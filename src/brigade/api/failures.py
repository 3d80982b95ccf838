"""`/failures`: what cannot be made right, why, and what people decide about it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from brigade.api.failure_shapes import (
    DecidedShape,
    Dismiss,
    DismissedShape,
    FailureShape,
    GroupShape,
    Retry,
    cursor_of,
    cursor_text,
)
from brigade.api.office import Operator, Reader
from brigade.api.shapes import Page
from brigade.control import deciding
from brigade.control import failures as found
from brigade.control.failures import FailureState, Which

router = APIRouter(prefix="/failures", tags=["failures"])

OfReplication = Annotated[str | None, Query(max_length=600, description="Of this replication, or this whole store")]
Reason = Annotated[str | None, Query(max_length=1000, description="Whose reason holds this text")]


@router.get("")
async def list_failures(
    desk: Reader,
    replication: OfReplication = None,
    reason: Reason = None,
    state: Annotated[FailureState | None, Query(description="Only these")] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    after: Annotated[str | None, Query(max_length=8000, description="`next` of the page before")] = None,
) -> Page[FailureShape]:
    """The keys that cannot be made right so far, by replication, in key order. A short page need not be the last."""
    which = Which(replication, reason=reason)
    mark = None if after is None else cursor_of(after)
    page, following = await found.failures_page(desk.state, which, limit, only=state, after=mark)
    items = [FailureShape.of(each) for each in page]
    return Page[FailureShape](items=items, next=None if following is None else cursor_text(following))


@router.get("/reasons")
async def list_reasons(
    desk: Reader,
    replication: OfReplication = None,
    reason: Reason = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> list[GroupShape]:
    """The failures counted by reason, the largest groups first. Reasons that differ in the key alone are one."""
    groups = await found.by_reason(desk.state, Which(replication, reason=reason))
    return [GroupShape(**group._asdict()) for group in groups[:limit]]


@router.get("/dismissed")
async def list_dismissed(
    desk: Reader,
    replication: OfReplication = None,
    reason: Reason = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 1000,
) -> list[DismissedShape]:
    """What somebody decided to leave, with the notes: of each replication the newest first."""
    rows = await found.dismissed(desk.state, Which(replication, reason=reason), limit)
    return [DismissedShape.of(each) for each in rows[:limit]]


@router.post("/retry")
async def retry_failures(desk: Operator, wanted: Retry) -> DecidedShape:
    """Try them again now, with all their attempts: all, those of a replication, some keys of it, or those of a reason."""
    which = Which(wanted.replication, tuple(wanted.keys), wanted.reason)
    return DecidedShape.of(await deciding.retry(desk, which, everything=wanted.all))


@router.post("/dismiss")
async def dismiss_failures(desk: Operator, wanted: Dismiss) -> DecidedShape:
    """Leave parked keys as they are, with a note on why. They come back if they change or fail in a reconcile."""
    which = Which(wanted.replication, tuple(wanted.keys), wanted.reason)
    return DecidedShape.of(await deciding.dismiss(desk, which, wanted.note))

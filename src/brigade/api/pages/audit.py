"""`/audit`: who did what."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from brigade.api.pages.visit import Looking, PageRoute, address

router = APIRouter(route_class=PageRoute)

_PAGE = 100
Word = Annotated[str, Query(max_length=600)]


@router.get("/audit")
async def show_audit(
    visit: Looking, subject: Word = "", actor: Word = "", before: Annotated[int | None, Query(ge=1, le=2**62)] = None
) -> Response:
    """The record, the newest first."""
    audit = visit.desk.state.control.audit
    rows = await audit.page(_PAGE, before=before, subject=subject.strip() or None, actor=actor.strip() or None)
    following = None
    if len(rows) == _PAGE:
        following = address("/audit", subject=subject, actor=actor, before=rows[-1].id)
    return visit.show("audit.html", rows=rows, subject=subject, actor=actor, following=following)

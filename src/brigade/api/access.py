"""`/tokens` and `/audit`: who may do what, and who did."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from brigade.api.office import Admin, Reader
from brigade.api.shapes import AuditShape, MadeToken, Name, NewToken, Page, TokenShape
from brigade.control.access import create_token, revoke_token

router = APIRouter(tags=["access"])


@router.get("/tokens")
async def list_tokens(desk: Admin) -> list[TokenShape]:
    """Every token, without its secret."""
    return [TokenShape.of(row) for row in await desk.state.control.tokens.all()]


@router.post("/tokens", status_code=201)
async def make_token(desk: Admin, new: NewToken) -> MadeToken:
    """Make a token. It is shown this once."""
    return MadeToken(token=await create_token(desk, new.name, new.scope, lifetime_seconds=new.lifetime_seconds))


@router.delete("/tokens/{name}", status_code=204)
async def delete_token(desk: Admin, name: Name) -> None:
    """Revoke a token, by its id."""
    await revoke_token(desk, name)


@router.get("/audit")
async def read_audit(
    desk: Reader,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    before: Annotated[int | None, Query(ge=1, le=2**62, description="`next` of the page before")] = None,
    subject: Annotated[str | None, Query(max_length=600)] = None,
    actor: Annotated[str | None, Query(max_length=400)] = None,
) -> Page[AuditShape]:
    """Who did what, the newest first."""
    rows = await desk.state.control.audit.page(limit, before=before, subject=subject, actor=actor)
    following = str(rows[-1].id) if len(rows) == limit else None
    return Page[AuditShape](items=[AuditShape.of(row) for row in rows], next=following)

"""`/routes`: where the gateways send which requests, and which they refuse."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from brigade.api.pages.rendering import go_to
from brigade.api.pages.visit import Looking, Operating, PageRoute, address
from brigade.control import steering
from brigade.control.routing import Answer, whose_of
from brigade.errors import UsageError

router = APIRouter(route_class=PageRoute)

_METHODS = ("GET", "HEAD", "PUT", "POST", "DELETE")
_SAID = {
    "route": "The route is set. Every gateway takes it up within a second.",
    "unroute": "The route is gone.",
    "block": "These requests are refused. Every gateway takes it up within a second.",
    "unblock": "These requests are let through.",
}
Word = Annotated[str, Query(max_length=400)]


@router.get("/routes")
async def show_routes(
    visit: Looking, bucket: Word = "", user: Word = "", method: Word = "GET", did: Word = "", unheard: Word = ""
) -> Response:
    """Routes and blocks; and what becomes of a request, where one is named."""
    desk = visit.desk
    known = desk.plans.routing(await desk.state.control.documents.all())
    answer: Answer | None = None
    if bucket and known is not None:
        answer = await steering.explain(desk, whose_of(user or None, bucket), method)
    return visit.show(
        "routes.html",
        entries=await steering.entries(desk),
        known=known,
        answer=answer,
        asked={"bucket": bucket, "user": user, "method": method},
        methods=_METHODS,
        said=_SAID.get(did),
        unheard=unheard,
    )


@router.post("/routes/{what}")
async def change(visit: Operating, what: str) -> Response:
    """Set or remove a route or a block."""
    whose = whose_of(visit.field("user") or None, visit.field("bucket"))
    unheard: list[str] = []
    if what == "route":
        force = visit.field("force") == "yes"
        unheard = await steering.set_route(visit.desk, whose, visit.field("store"), force=force)
    elif what == "unroute":
        await steering.delete_route(visit.desk, whose)
    elif what == "block":
        writes_only = visit.field("writes_only") == "yes"
        await steering.block(visit.desk, whose, writes_only=writes_only, note=visit.field("note")[:1000])
    elif what == "unblock":
        await steering.unblock(visit.desk, whose)
    else:
        raise UsageError(f"nobody can do {what!r} to a route")
    return go_to(visit.request, address("/routes", did=what, unheard=", ".join(unheard)[:400]))

"""`/stores`: what is configured, what each store can do, and what of an object survives in it."""

from __future__ import annotations

from fastapi import APIRouter, Response

from brigade.api.office import office_of
from brigade.api.pages.rendering import go_to
from brigade.api.pages.visit import Looking, Operating, PageRoute, address
from brigade.control import setting_up
from brigade.state.control_rows import DocumentKind

router = APIRouter(route_class=PageRoute)

_KIND = DocumentKind.STORE


@router.get("/stores")
async def show_stores(visit: Looking) -> Response:
    """All stores, with how the latest check of each ended."""
    checks = office_of(visit.request).checks
    found = [(each, checks.latest(each)) for each in await setting_up.show_all(visit.desk, _KIND)]
    return visit.show("stores.html", found=found)


@router.get("/stores/{name}")
async def show_store(visit: Looking, name: str) -> Response:
    """One store: settings without secrets, abilities, fidelity."""
    shown = await setting_up.show(visit.desk, _KIND, name)
    return visit.show("store.html", shown=shown, checked=office_of(visit.request).checks.latest(shown))


@router.post("/stores/{name}/check")
async def check_store(visit: Operating, name: str) -> Response:
    """Try it out."""
    await office_of(visit.request).checks.check(
        visit.desk,
        name,
        bucket=visit.field("bucket"),
        target=visit.field("target") or None,
        read_only=visit.field("read_only") == "yes",
    )
    return go_to(visit.request, address(f"/stores/{name}"))

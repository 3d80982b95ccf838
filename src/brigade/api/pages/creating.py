"""`/new`: a replication is described, tried out without consequences, and set up."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response

from brigade.api.pages.rendering import go_to, is_fragment
from brigade.api.pages.settings import Choices, settings_of
from brigade.api.pages.visit import Administering, PageRoute, Told, Visit, address
from brigade.control import setting_up
from brigade.control.previewing import Preview, Previews
from brigade.errors import BrigadeError
from brigade.state.control_rows import DocumentKind

router = APIRouter(route_class=PageRoute)

_KIND = DocumentKind.REPLICATION


@router.get("/new")
async def show_form(visit: Administering) -> Response:
    """An empty form."""
    return await _form(visit)


@router.post("/new/preview")
async def preview(visit: Administering) -> Response:
    """What it would do. Nothing is saved, nothing is copied."""
    previews = visit.request.app.state.previews
    assert isinstance(previews, Previews)
    try:
        made = await previews.make(visit.desk, visit.field("name") or "preview", settings_of(visit.form))
    except BrigadeError as error:
        return await _form(visit, error=error)
    return await _form(visit, made=made)


@router.post("/new")
async def create(visit: Administering) -> Response:
    """Set it up."""
    name = visit.field("name")
    try:
        await setting_up.create(visit.desk, _KIND, name, settings_of(visit.form))
    except BrigadeError as error:
        return await _form(visit, error=error)
    return go_to(visit.request, address(f"/replications/{name}", did="created"))


async def _form(visit: Visit, *, made: Preview | None = None, error: BrigadeError | None = None) -> Response:
    told = None if error is None else Told(error.message, error.hint)
    values: dict[str, Any] = {"preview": made, "told": told}
    if is_fragment(visit.request):
        return visit.show("parts/preview.html", **values)
    stores = await setting_up.show_all(visit.desk, DocumentKind.STORE)
    return visit.show("new.html", **values, stores=[each.name for each in stores], choices=Choices, form=visit.form)

"""`/new`, `/change/NAME`: a replication is described, tried out without consequences, and set up or changed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fastapi import APIRouter, Response

from brigade.api.pages.rendering import go_to, is_fragment
from brigade.api.pages.settings import Choices, changed, form_of, settings_of
from brigade.api.pages.visit import Administering, PageRoute, Told, Visit, address, version_of
from brigade.control import setting_up
from brigade.control.previewing import Preview, Previews
from brigade.control.setting_up import Shown
from brigade.errors import BrigadeError, Refused
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
    try:
        made = await _previews(visit).make(visit.desk, visit.field("name") or "preview", settings_of(visit.form))
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


@router.get("/change/{name}")
async def show_change(visit: Administering, name: str) -> Response:
    """Its form, filled in."""
    shown = await _changeable(visit, name)
    return await _form(replace(visit, form=form_of(shown.settings)), shown=shown)


@router.post("/change/{name}/preview")
async def preview_change(visit: Administering, name: str) -> Response:
    """What it would do with these settings. Nothing is saved, nothing is copied."""
    shown = await _changeable(visit, name)
    try:
        made = await _previews(visit).make(visit.desk, name, changed(visit.form, shown.settings))
    except BrigadeError as error:
        return await _form(visit, shown=shown, error=error)
    return await _form(visit, shown=shown, made=made)


@router.post("/change/{name}")
async def change(visit: Administering, name: str) -> Response:
    """Change what was seen; not what somebody else has made of it meanwhile. Whether it is paused stays as it is."""
    shown = await _changeable(visit, name)
    try:
        settings = changed(visit.form, shown.settings)
        await setting_up.change(visit.desk, _KIND, name, settings, version=version_of(visit))
    except BrigadeError as error:
        return await _form(visit, shown=shown, error=error)
    return go_to(visit.request, address(f"/replications/{name}", did="changed"))


def _previews(visit: Visit) -> Previews:
    found = visit.request.app.state.previews
    assert isinstance(found, Previews)
    return found


async def _changeable(visit: Visit, name: str) -> Shown:
    """What is changed, as of the version that the form was made from."""
    shown = await setting_up.show(visit.desk, _KIND, name)
    if shown.version is None:
        raise Refused(f"replication {name!r} stands in the configuration file and is changed there")
    return shown._replace(version=version_of(visit)) if visit.form else shown


async def _form(
    visit: Visit, *, shown: Shown | None = None, made: Preview | None = None, error: BrigadeError | None = None
) -> Response:
    told = None if error is None else Told(error.message, error.hint)
    values: dict[str, Any] = {"preview": made, "told": told, "shown": shown}
    if is_fragment(visit.request):
        return visit.show("parts/preview.html", **values)
    stores = await setting_up.show_all(visit.desk, DocumentKind.STORE)
    return visit.show("new.html", **values, stores=[each.name for each in stores], choices=Choices, form=visit.form)

"""`/access/users/NAME/change`: a user of the gateway is changed. Keys stay; they are made and taken away on `/access`."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response

from brigade.api.pages.rendering import go_to
from brigade.api.pages.visit import Administering, PageRoute, Told, Visit, version_of
from brigade.control import setting_up
from brigade.control.setting_up import Shown
from brigade.errors import BrigadeError, Refused, UsageError
from brigade.state.control_rows import DocumentKind

router = APIRouter(route_class=PageRoute)

_KIND = DocumentKind.USER
_BLOCKS: dict[str, Any] = {"": None, "writes": "writes", "all": True}


@router.get("/access/users/{name}/change")
async def show_change(visit: Administering, name: str) -> Response:
    """Its form, filled in; without secrets."""
    return await _form(visit, await _changeable(visit, name))


@router.post("/access/users/{name}/change")
async def change(visit: Administering, name: str) -> Response:
    """Change what was seen; not what somebody else has made of it meanwhile."""
    shown = await _changeable(visit, name)
    version = version_of(visit)
    try:
        await setting_up.change(visit.desk, _KIND, name, _settings_of(visit, shown), version=version)
    except BrigadeError as error:
        return await _form(visit, shown._replace(version=version), error)
    return go_to(visit.request, "/access")


async def _changeable(visit: Visit, name: str) -> Shown:
    shown = await setting_up.show(visit.desk, _KIND, name)
    if shown.version is None:
        raise Refused(f"user {name!r} stands in the configuration file and is changed there")
    return shown


def _settings_of(visit: Visit, shown: Shown) -> dict[str, Any]:
    """The settings with what the form says; what it has no field for, the keys above all, stays. Raises `UsageError`."""
    block = visit.field("block")
    if block not in _BLOCKS:
        raise UsageError(f"block: {block[:40]!r} is none of what can be refused")
    wanted = {**shown.settings, "store": visit.field("store") or None, "block": _BLOCKS[block]}
    return {name: value for name, value in wanted.items() if value is not None}


async def _form(visit: Visit, shown: Shown, error: BrigadeError | None = None) -> Response:
    known = visit.desk.plans.routing(await visit.desk.state.control.documents.all())
    stores = [] if known is None else list(known.stores)
    if visit.form:
        store, block = visit.field("store"), visit.field("block")
    else:
        store = str(shown.settings.get("store") or "")
        block = next(word for word, value in _BLOCKS.items() if value == (shown.settings.get("block") or None))
    return visit.show(
        "user-form.html",
        shown=shown,
        store=store,
        block=block,
        stores=stores if store in ("", *stores) else [*stores, store],
        told=None if error is None else Told(error.message, error.hint),
    )

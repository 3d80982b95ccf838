"""`/new-store` and `/stores/NAME/change`: stores are set up and changed; secrets are written and never shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from brigade.api.pages.rendering import go_to
from brigade.api.pages.store_forms import FORGET, filled, groups, settings_of
from brigade.api.pages.visit import Administering, PageRoute, Told, Visit, address, version_of
from brigade.control import setting_up
from brigade.control.setting_up import Shown
from brigade.control.store_fields import StoreField
from brigade.errors import BrigadeError, Refused, UsageError
from brigade.state.control_rows import DocumentKind

router = APIRouter(route_class=PageRoute)

_KIND = DocumentKind.STORE
Word = Annotated[str, Query(max_length=100)]


@router.get("/new-store")
async def show_form(visit: Administering, kind: Annotated[str, Query(alias="type", max_length=100)] = "") -> Response:
    """Which type of store, then its form."""
    if not kind:
        return visit.show("new-store.html", types=visit.desk.plans.store_fields())
    return _form(visit, kind, _fields(visit, kind), {})


@router.post("/new-store")
async def create(visit: Administering) -> Response:
    """Set it up."""
    kind, name = visit.field("type"), visit.field("name")
    fields = _fields(visit, kind)
    try:
        await setting_up.create(visit.desk, _KIND, name, settings_of(visit.form, kind, fields, {}))
    except BrigadeError as error:
        return _form(visit, kind, fields, {}, error=error)
    return go_to(visit.request, address(f"/stores/{name}"))


@router.get("/stores/{name}/change")
async def show_change(visit: Administering, name: str) -> Response:
    """Its form, filled in; without secrets."""
    shown = await _changeable(visit, name)
    return _form(visit, *_described(visit, shown), shown.settings, shown=shown)


@router.post("/stores/{name}/change")
async def change(visit: Administering, name: str) -> Response:
    """Change what was seen; not what somebody else has made of it meanwhile."""
    shown = await _changeable(visit, name)
    version = version_of(visit)
    kind, fields = _described(visit, shown)
    try:
        settings = settings_of(visit.form, kind, fields, shown.settings)
        await setting_up.change(visit.desk, _KIND, name, settings, version=version)
    except BrigadeError as error:
        return _form(visit, kind, fields, shown.settings, shown=shown._replace(version=version), error=error)
    return go_to(visit.request, address(f"/stores/{name}"))


@router.post("/stores/{name}/delete")
async def delete(visit: Administering, name: str) -> Response:
    """Forget it, where nothing needs it."""
    await setting_up.delete(visit.desk, _KIND, name, version=version_of(visit))
    return go_to(visit.request, "/stores")


async def _changeable(visit: Visit, name: str) -> Shown:
    shown = await setting_up.show(visit.desk, _KIND, name)
    if shown.version is None:
        raise Refused(f"store {name!r} stands in the configuration file and is changed there")
    return shown


def _described(visit: Visit, shown: Shown) -> tuple[str, Sequence[StoreField]]:
    kind = str(shown.settings.get("type"))
    return kind, _fields(visit, kind)


def _fields(visit: Visit, kind: str) -> Sequence[StoreField]:
    known = visit.desk.plans.store_fields()
    if kind not in known:
        raise UsageError(f"there is no type of store {kind[:40]!r}", hint=f"there are: {', '.join(known)}")
    return known[kind]


def _form(
    visit: Visit,
    kind: str,
    fields: Sequence[StoreField],
    settings: Mapping[str, Any],
    *,
    shown: Shown | None = None,
    error: BrigadeError | None = None,
) -> Response:
    return visit.show(
        "store-form.html",
        kind=kind,
        shown=shown,
        groups=list(groups(filled(fields, settings, visit.form))),
        form=visit.form,
        forget=FORGET,
        told=None if error is None else Told(error.message, error.hint),
    )

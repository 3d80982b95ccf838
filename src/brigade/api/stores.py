"""`/stores`: the endpoints and directories, and what they really do. Secrets are never shown."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from brigade.api.office import Admin, Operator, Reader, office_of
from brigade.api.shapes import Name, NewSettings, Settings, SettingsShape
from brigade.api.store_shapes import CheckShape, NewCheck, StoreShape
from brigade.api.versions import IfMatch, if_match, tag
from brigade.control import setting_up
from brigade.control.checking import Checks
from brigade.state.control_rows import DocumentKind

router = APIRouter(prefix="/stores", tags=["stores"])

_KIND = DocumentKind.STORE


def _checks(request: Request) -> Checks:
    return office_of(request).checks


Checker = Annotated[Checks, Depends(_checks)]


@router.get("")
async def list_stores(desk: Reader, checks: Checker) -> list[StoreShape]:
    """Every store, of the file and set up at run time, with what its latest check found."""
    return [StoreShape.made(shown, checks.latest(shown)) for shown in await setting_up.show_all(desk, _KIND)]


@router.post("", status_code=201)
async def create_store(desk: Admin, new: NewSettings, response: Response) -> SettingsShape:
    """Set up a store. Doing it twice is doing it once."""
    made = await setting_up.create(desk, _KIND, new.name, new.settings)
    tag(response, made)
    return SettingsShape.of(made)


@router.get("/{name}")
async def show_store(desk: Reader, checks: Checker, name: Name, response: Response) -> StoreShape:
    """One store. Its ETag is what a change names."""
    shown = await setting_up.show(desk, _KIND, name)
    tag(response, shown)
    return StoreShape.made(shown, checks.latest(shown))


@router.put("/{name}")
async def change_store(
    desk: Admin, name: Name, settings: Settings, response: Response, version: IfMatch = None
) -> SettingsShape:
    """Other settings in the place of those that were seen: `If-Match` is the ETag that came with them."""
    changed = await setting_up.change(desk, _KIND, name, settings.settings, version=if_match(version))
    tag(response, changed)
    return SettingsShape.of(changed)


@router.delete("/{name}", status_code=204)
async def delete_store(desk: Admin, name: Name, version: IfMatch = None) -> None:
    """Forget a store that nothing needs. What is in it stays."""
    await setting_up.delete(desk, _KIND, name, version=None if version is None else if_match(version))


@router.post("/{name}/check")
async def check_store(desk: Operator, checks: Checker, name: Name, wanted: NewCheck) -> CheckShape:
    """Try out what it does, step by step. Writes only below a key of its own, and removes it again."""
    checked = await checks.check(desk, name, bucket=wanted.bucket, target=wanted.target, read_only=wanted.read_only)
    return CheckShape.of(checked)

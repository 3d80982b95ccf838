"""`/replications`: what is kept in step, and what people order of it."""

from __future__ import annotations

from collections import defaultdict
from typing import Annotated

from fastapi import APIRouter, Body, Request, Response

from brigade.api.office import Admin, Operator, Reader
from brigade.api.preview_shapes import PreviewShape
from brigade.api.shapes import (
    Asked,
    Ended,
    Name,
    NewSettings,
    Note,
    OrderShape,
    ReplicationShape,
    Settings,
    SettingsShape,
    StatusShape,
    moment,
)
from brigade.api.versions import IfMatch, if_match, tag
from brigade.control import ordering, setting_up
from brigade.control.desk import Desk
from brigade.control.previewing import Previews
from brigade.control.setting_up import Shown
from brigade.control.status import Status, status
from brigade.state.control_rows import Ask, DocumentKind, Order

router = APIRouter(prefix="/replications", tags=["replications"])

_KIND = DocumentKind.REPLICATION


@router.get("")
async def list_replications(desk: Reader) -> list[ReplicationShape]:
    """Every replication, of the file and set up at run time, with how it stands."""
    found, orders = await _statuses(desk), await desk.state.control.orders.all()
    by_name: defaultdict[str, list[Status]] = defaultdict(list)
    for each in found:
        by_name[each.name.partition("/")[0]].append(each)
    return [_shape(shown, orders, by_name[shown.name]) for shown in await setting_up.show_all(desk, _KIND)]


@router.post("", status_code=201)
async def create_replication(desk: Admin, new: NewSettings, response: Response) -> SettingsShape:
    """Set up a replication. Doing it twice is doing it once."""
    made = await setting_up.create(desk, _KIND, new.name, new.settings)
    tag(response, made)
    return SettingsShape.of(made)


@router.post("/preview")
async def preview_replication(desk: Admin, new: NewSettings, request: Request) -> PreviewShape:
    """Tell what such a replication would do, and set up nothing. Lists both sides, bounded in time and number."""
    previews = request.app.state.previews
    assert isinstance(previews, Previews)
    return PreviewShape.of(await previews.make(desk, new.name, new.settings))


@router.get("/{name}")
async def show_replication(desk: Reader, name: Name, response: Response) -> ReplicationShape:
    """One replication. Its ETag is what a change names."""
    shown = await setting_up.show(desk, _KIND, name)
    tag(response, shown)
    return _shape(shown, await desk.state.control.orders.all(), await _statuses(desk))


@router.put("/{name}")
async def change_replication(
    desk: Admin, name: Name, settings: Settings, response: Response, version: IfMatch = None
) -> SettingsShape:
    """Other settings in the place of those that were seen: `If-Match` is the ETag that came with them."""
    changed = await setting_up.change(desk, _KIND, name, settings.settings, version=if_match(version))
    tag(response, changed)
    return SettingsShape.of(changed)


@router.delete("/{name}", status_code=204)
async def delete_replication(desk: Admin, name: Name, version: IfMatch = None) -> None:
    """Keep it in step no more. Objects stay as they are on both sides."""
    await setting_up.delete(desk, _KIND, name, version=None if version is None else if_match(version))


@router.post("/{name}/pause", status_code=204)
async def pause_replication(desk: Operator, name: Name, note: Annotated[Note | None, Body()] = None) -> None:
    """Let it rest until it is resumed; what changes meanwhile is noted all the same."""
    await ordering.pause(desk, name, note.note if note is not None else "")


@router.post("/{name}/resume", status_code=204)
async def resume_replication(desk: Operator, name: Name) -> None:
    """Go on with it."""
    await ordering.resume(desk, name)


@router.post("/{name}/reconcile", status_code=202)
async def reconcile_replication(desk: Operator, name: Name) -> Asked:
    """Compare both sides as soon as a worker can, and make the target right."""
    return Asked(at=moment(await ordering.ask(desk, name, Ask.RECONCILE)))


@router.post("/{name}/verify", status_code=202)
async def verify_replication(desk: Operator, name: Name) -> Asked:
    """Compare both sides as soon as a worker can, and change nothing: a run with its differences is the outcome."""
    return Asked(at=moment(await ordering.ask(desk, name, Ask.VERIFY)))


@router.post("/{name}/cancel")
async def cancel_replication(desk: Operator, name: Name) -> Ended:
    """End the run that goes on. What was copied stays."""
    return Ended(runs=await ordering.cancel(desk, name))


async def _statuses(desk: Desk) -> list[Status]:
    known = desk.plans.known(await desk.state.control.documents.all())
    return await status(desk.state, desk.clock, configured=known)


def _shape(shown: Shown, orders: dict[str, Order], found: list[Status]) -> ReplicationShape:
    order = orders.get(shown.name, Order())
    mine = [each for each in found if each.name == shown.name or each.name.startswith(f"{shown.name}/")]
    return ReplicationShape(
        **SettingsShape.of(shown).model_dump(),
        order=OrderShape.of(order),
        status=[StatusShape.of(each) for each in mine],
    )

"""`/replications/NAME`: one replication, live; and what can be ordered of it."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from fastapi.responses import JSONResponse

from brigade.api.pages.rendering import HEADERS, go_to, is_fragment
from brigade.api.pages.visit import Administering, Looking, Operating, PageRoute, Visit, address, version_of
from brigade.control import lately, ordering, setting_up
from brigade.control.failures import MOST_COUNTED, Which, by_reason
from brigade.control.going import going
from brigade.control.overview import Glance, look
from brigade.control.pulse import INTERVAL_SECONDS
from brigade.errors import Missing
from brigade.state.control_rows import Ask, DocumentKind, Order, Sample

router = APIRouter(route_class=PageRoute)

_KIND = DocumentKind.REPLICATION
_SECOND_NS = 1_000_000_000
_LATEST = 10
_RUNS = 5
_GROUPS = 5

_SAID = {
    "created": "It is set up. The first run begins as soon as a worker has heard of it.",
    "changed": "It is changed. Workers take it up within a second or so.",
    "pause": "It is paused. What changes meanwhile is noted.",
    "resume": "It goes on.",
    "reconcile": "A reconcile was asked for. It begins within a second or so.",
    "verify": "A verify was asked for. It begins as soon as no other run goes on.",
    "cancel": "The run ends within a second or so. Nothing is undone.",
}


@router.get("/replications/{name:path}")
async def show_replication(visit: Looking, name: str, did: Annotated[str, Query(max_length=20)] = "") -> Response:
    """Everything about one replication."""
    glance = await _find(visit, name)
    if is_fragment(visit.request):
        return visit.show("parts/live.html", **await _live(visit, name, glance))
    shown = await _shown(visit, name)
    runs, groups, state = [], [], visit.desk.state
    if glance is not None and (number := glance.status.replication_id) is not None:
        runs = await state.runs.history(number, _RUNS)
        # The state may call it otherwise, as long as only its places were named.
        kept = next(row.name for row in await state.replications.all() if row.id == number)
        groups = await by_reason(state, Which(kept), most=MOST_COUNTED)
    return visit.show(
        "replication.html",
        shown=shown,
        runs=runs,
        groups=groups[:_GROUPS],
        said=_SAID.get(did),
        **await _live(visit, name, glance),
    )


@router.get("/charts/{name:path}")
async def send_samples(visit: Looking, name: str, hours: Annotated[int, Query(ge=1, le=24)] = 1) -> Response:
    """Throughput and lag over time, for the charts of the page."""
    now_seconds = visit.desk.clock.now_ns() // _SECOND_NS // INTERVAL_SECONDS * INTERVAL_SECONDS
    since_seconds = now_seconds - hours * 3600
    samples = await lately.samples(visit.desk, name, since_seconds)
    return JSONResponse(_curves(samples, since_seconds, now_seconds), headers=HEADERS)


@router.post("/orders/{what}")
async def order(visit: Operating, what: str) -> Response:
    """Pause, resume, reconcile, verify or cancel."""
    name = visit.field("name")
    owner = (await _shown(visit, name)).name
    if what == "pause":
        await ordering.pause(visit.desk, owner, visit.field("note")[:1000])
    elif what == "resume":
        await ordering.resume(visit.desk, owner)
    elif what == "cancel":
        await ordering.cancel(visit.desk, owner)
    elif what in set(Ask):
        await ordering.ask(visit.desk, owner, Ask(what))
    else:
        raise Missing(f"nobody can order {what!r}")
    return go_to(visit.request, address(f"/replications/{name}", did=what))


@router.post("/delete")
async def delete(visit: Administering) -> Response:
    """Keep it in step no more."""
    await setting_up.delete(visit.desk, _KIND, visit.field("name"), version=version_of(visit))
    return go_to(visit.request, "/")


async def _find(visit: Visit, name: str) -> Glance | None:
    return next((each for each in await look(visit.desk) if each.status.name == name), None)


async def _shown(visit: Visit, name: str) -> setting_up.Shown:
    """What it is to do; for a bucket of a whole store what that one is to do. Raises `Missing`."""
    found = {each.name: each for each in await setting_up.show_all(visit.desk, _KIND)}
    whole = name
    while whole not in found:
        whole, slash, _ = whole.rpartition("/")
        if not slash:
            raise Missing(f"there is no replication {name!r}", hint="the overview has all of them")
    return found[whole]


async def _live(visit: Visit, name: str, glance: Glance | None) -> dict[str, Any]:
    """What changes from moment to moment."""
    control = visit.desk.state.control
    orders = await control.orders.all()
    order_of = orders.get(name, Order())
    whole = orders.get(name.partition("/")[0], Order())
    known = glance is not None and glance.status.replication_id is not None
    latest = await lately.activity(visit.desk, _LATEST, replication=name) if known else []
    return {
        "name": name,
        "glance": glance,
        "order": order_of if order_of.paused else whole,
        "going": None if glance is None else await going(visit.desk, glance.status),
        "latest": [row for _, row in reversed(latest)],
    }


def _curves(samples: list[Sample], since_seconds: int, now_seconds: int) -> dict[str, list[float]]:
    """One number for each interval; in those that are left out nothing happened and nothing waited."""
    by_time = {sample.at_seconds: sample for sample in samples}
    times = range(since_seconds - since_seconds % INTERVAL_SECONDS, now_seconds, INTERVAL_SECONDS)
    rows = [by_time.get(at) or Sample(0, at, 0, 0, 0, 0, 0) for at in times]
    return {
        "at": list(times),
        "objects": [row.settled / INTERVAL_SECONDS for row in rows],
        "bytes": [row.settled_bytes / INTERVAL_SECONDS for row in rows],
        "failed": [row.failed / INTERVAL_SECONDS for row in rows],
        "waiting": [row.backlog for row in rows],
        "lag": [row.lag_seconds for row in rows],
    }

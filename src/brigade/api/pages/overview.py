"""`/`: every replication at a glance."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Response

from brigade.api.pages.rendering import is_fragment
from brigade.api.pages.visit import Looking, PageRoute
from brigade.control.overview import URGENCY, Sort, Wanted, choose, look
from brigade.control.setting_up import show_all
from brigade.control.status import Standing
from brigade.state.control_rows import DocumentKind

router = APIRouter(route_class=PageRoute)

_SORTS = (
    (Sort.URGENCY, "what needs somebody"),
    (Sort.NAME, "name"),
    (Sort.LAG, "furthest behind"),
    (Sort.BACKLOG, "most keys waiting"),
    (Sort.RATE, "busiest"),
)


@router.get("/")
async def show_overview(
    visit: Looking,
    text: Annotated[str, Query(max_length=400)] = "",
    standing: Annotated[str, Query(max_length=40)] = "",
    sort: Sort = Sort.URGENCY,
    page: Annotated[int, Query(ge=1, le=1_000_000)] = 1,
) -> Response:
    """How everything stands."""
    wanted = Wanted(text.strip(), Standing(standing) if standing in set(Standing) else None, sort, page)
    chosen = choose(await look(visit.desk), wanted)
    values = {"wanted": wanted, "chosen": chosen, "standings": URGENCY, "address": _address}
    if is_fragment(visit.request):
        return visit.show("parts/glances.html", **values)
    shown = await show_all(visit.desk, DocumentKind.REPLICATION)
    problems = [each for each in shown if each.problem is not None]
    return visit.show("overview.html", **values, sorts=_SORTS, problems=problems)


def _address(wanted: Wanted, **changes: object) -> str:
    now = {"text": wanted.text, "standing": wanted.standing, "sort": wanted.sort, "page": wanted.page, **changes}
    usual = {"sort": Sort.URGENCY, "page": 1}
    said = {name: value for name, value in now.items() if value and value != usual.get(name)}
    return f"/?{urlencode(said)}" if said else "/"

"""`/failures`: what keeps failing and why, and what is decided about it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from brigade.api.pages.rendering import go_to
from brigade.api.pages.visit import Looking, Operating, PageRoute, Visit, address
from brigade.api.pages.words import sent, unsent
from brigade.control import deciding
from brigade.control.failures import MOST_COUNTED, FailureState, Mark, Which, by_reason, dismissed, failures_page
from brigade.errors import UsageError

router = APIRouter(route_class=PageRoute)

_PAGE = 100
_DISMISSED = 20
Text = Annotated[str, Query(max_length=2000)]


@router.get("/failures")
async def show_failures(
    visit: Looking,
    replication: Text = "",
    reason: Text = "",
    only: Annotated[str, Query(alias="state", max_length=20)] = "",
    behind: Annotated[int, Query(ge=0, le=2**62)] = 0,
    key: Text = "",
    did: Annotated[str, Query(max_length=20)] = "",
    count: Annotated[int, Query(ge=0, le=2**62)] = 0,
) -> Response:
    """The reasons, and the keys of what was chosen."""
    state = visit.desk.state
    which = Which(replication or None, reason=reason or None)
    known = sorted({row.name for row in await state.replications.all()})
    if replication and not any(name == replication or name.startswith(f"{replication}/") for name in known):
        known, which = [*known, replication], Which(None, reason="\0")
    groups = [] if reason else await by_reason(state, which, most=MOST_COUNTED)
    after = Mark(behind, unsent(key) if key else None) if behind else None
    kind = FailureState(only) if only in set(FailureState) else None
    found, following = await failures_page(state, which, _PAGE, only=kind, after=after)
    return visit.show(
        "failures.html",
        replication=replication,
        reason=reason,
        only="" if kind is None else kind.value,
        known=known,
        groups=[
            (each, address("/failures", replication=each.replication, reason=text_of(each.reason))) for each in groups
        ],
        found=found,
        following=following and _next(replication, reason, only, following),
        dismissed=await dismissed(state, which, _DISMISSED),
        said={"retry": f"{count} keys are tried again now.", "dismiss": f"{count} keys are left as they are."}.get(did),
    )


@router.post("/failures/{what}")
async def decide(visit: Operating, what: str) -> Response:
    """Try again, or leave as it is."""
    key = visit.field("key")
    replication, reason = visit.field("replication"), visit.field("reason")
    which = Which(replication or None, (unsent(key),) if key else (), reason or None)
    if what == "retry":
        decided = await deciding.retry(visit.desk, which, everything=replication == reason == "")
    elif what == "dismiss":
        decided = await deciding.dismiss(visit.desk, which, visit.field("note"))
    else:
        raise UsageError(f"nobody can decide {what!r}")
    return go_to(visit.request, _back(visit, what, decided.total))


def text_of(reason: str) -> str:
    """The longest piece of a group's reason that each reason in it holds."""
    return max(reason.split("…"), key=len).strip()


def _back(visit: Visit, did: str, count: int) -> str:
    return address("/failures", replication=visit.field("replication"), did=did, count=count)


def _next(replication: str, reason: str, only: str, following: Mark) -> str:
    return address(
        "/failures",
        replication=replication,
        reason=reason,
        state=only,
        behind=following.replication_id,
        key=None if following.key is None else sent(following.key),
    )

"""`/access`: who may use the API and the pages, and who may ask the gateway. What is made is shown once, and not again."""

from __future__ import annotations

from typing import NamedTuple

from fastapi import APIRouter, Response

from brigade.api.pages.rendering import go_to
from brigade.api.pages.visit import Administering, Looking, PageRoute, Visit, version_of
from brigade.control import setting_up, users
from brigade.control.access import Scope, create_token, revoke_token
from brigade.errors import UsageError
from brigade.state.control_rows import DocumentKind

router = APIRouter(route_class=PageRoute)

_KIND = DocumentKind.USER
_DAY_SECONDS = 86_400
_MOST_DAYS = 3650


class Made(NamedTuple):
    """What was made, to be shown this once: names and values."""

    what: str
    secrets: dict[str, str]


@router.get("/access")
async def show_access(visit: Looking) -> Response:
    """The tokens, for those who may see them, and the users of the gateway."""
    return await _page(visit)


@router.post("/access/{what}")
async def change(visit: Administering, what: str) -> Response:
    """Make or take away. Nothing that was made can be shown by going back: the answer is kept by nobody."""
    desk, name = visit.desk, visit.field("name")
    if what == "token":
        lifetime = _lifetime_seconds(visit.field("days"))
        token = await create_token(desk, name, _scope(visit.field("scope")), lifetime_seconds=lifetime)
        return await _page(visit, Made(f"The token of {name}", {"token": token}))
    if what == "user":
        settings = {"store": visit.field("store")} if visit.field("store") else {}
        _, key = await users.create_user(desk, name, settings)
        assert key is not None
        return await _page(visit, Made(f"The keys of {name}", key._asdict()))
    if what == "key":
        _, key = await users.add_key(desk, name)
        return await _page(visit, Made(f"More keys of {name}", key._asdict()))
    await _take_away(visit, what, name)
    return go_to(visit.request, "/access")


async def _take_away(visit: Visit, what: str, name: str) -> None:
    if what == "revoke":
        await revoke_token(visit.desk, name)
    elif what == "remove-key":
        await users.remove_key(visit.desk, name, visit.field("access_key"))
    elif what == "delete-user":
        await setting_up.delete(visit.desk, _KIND, name, version=version_of(visit))
    else:
        raise UsageError(f"nobody can do {what!r} here")


async def _page(visit: Visit, made: Made | None = None) -> Response:
    desk = visit.desk
    documents = await desk.state.control.documents.all()
    known = desk.plans.routing(documents)
    return visit.show(
        "access.html",
        made=made,
        tokens=await desk.state.control.tokens.all() if visit.may(Scope.ADMIN) else [],
        users=await setting_up.show_all(desk, _KIND),
        has_gateway=known is not None,
        stores=[] if known is None else known.stores,
        scopes=tuple(Scope),
    )


def _scope(text: str) -> Scope:
    if text not in set(Scope):
        raise UsageError(f"there is no scope {text!r}", hint=f"one of {', '.join(Scope)}")
    return Scope(text)


def _lifetime_seconds(days: str) -> float | None:
    if not days:
        return None
    if not (days.isascii() and days.isdecimal()) or len(days) > 4 or not 0 < int(days) <= _MOST_DAYS:
        raise UsageError(f"a token lives for 1 to {_MOST_DAYS} days, or for ever")
    return float(int(days) * _DAY_SECONDS)

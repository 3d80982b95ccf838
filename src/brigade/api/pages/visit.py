"""Who looks at a page, whether he may, and what becomes of errors on the way: a page too, never bare JSON."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple
from urllib.parse import quote, urlencode

from fastapi import Depends, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException

from brigade.api.failing import Detail, Refusal, explain
from brigade.api.office import office_of, who_asks
from brigade.api.pages.rendering import HEADERS, is_fragment, render
from brigade.api.pages.sessions import Session, Sessions
from brigade.api.rates import identified
from brigade.control.access import Identity, Scope, identity_of
from brigade.control.desk import Desk
from brigade.errors import BrigadeError, UsageError

_MOST_FIELDS = 200


class LoginNeeded(Exception):
    """Nobody knows yet who this is."""


class Told(NamedTuple):
    """What speaks against a form."""

    message: str
    hint: str


@dataclass(frozen=True, slots=True)
class Visit:
    """Somebody who may see the page. `form` holds what he filled in."""

    request: Request
    desk: Desk
    who: Identity
    session: Session | None
    csrf: str
    form: FormData

    def show(self, template: str, **values: Any) -> Response:
        """A page for him."""
        return render(template, {**values, "visit": self})

    def may(self, scope: Scope) -> bool:
        """Whether his scope is enough."""
        return self.who.scope.opens(scope)

    @property
    def path(self) -> str:
        """Which page it is."""
        return self.request.url.path

    def field(self, name: str) -> str:
        """What stands in a field of the form, without blanks around it."""
        value = self.form.get(name, "")
        return value.strip() if isinstance(value, str) else ""


def address(path: str, **query: object) -> str:
    """Where a page is; what of the query is None or empty is left out."""
    said = {name: value for name, value in query.items() if value not in (None, "")}
    return quote(path) + (f"?{urlencode(said)}" if said else "")


def version_of(visit: Visit) -> int:
    """Which version of the settings the form was made from. Raises `UsageError`."""
    text = visit.field("version")
    if not text.isdecimal() or len(text) > 18:
        raise UsageError("the form names no version", hint="load the page again")
    return int(text)


def sessions_of(request: Request) -> Sessions:
    """The sessions of this application."""
    found = request.app.state.sessions
    assert isinstance(found, Sessions)
    return found


def cookie_of(request: Request) -> str:
    """The cookie's name: under TLS one that only this very host can have set."""
    return "__Host-brigade" if request.url.scheme == "https" else "brigade"


class _Door:
    """A dependency: the visit of somebody whose scope is enough; a form must be one of his own pages'."""

    def __init__(self, needed: Scope) -> None:
        self.needed = needed

    async def __call__(self, request: Request) -> Visit:
        who, session = await _who(request)
        csrf = await sessions_of(request).local_csrf() if session is None else session.csrf
        form = FormData()
        if request.method == "POST":
            form = await request.form(max_fields=_MOST_FIELDS, max_files=0)
            if not hmac.compare_digest(str(form.get("csrf", "")).encode("utf-8", "replace"), csrf.encode()):
                raise Refusal(403, "forbidden", "this form is not of a page of yours", "load the page again")
        if not who.scope.opens(self.needed):
            raise Refusal(403, "forbidden", f"this needs a token with the scope {self.needed}, yours has {who.scope}")
        office = office_of(request)
        return Visit(request, Desk(office.state, office.clock, office.plans(), who.actor), who, session, csrf, form)


Looking = Annotated[Visit, Depends(_Door(Scope.READ))]
Operating = Annotated[Visit, Depends(_Door(Scope.OPERATE))]
Administering = Annotated[Visit, Depends(_Door(Scope.ADMIN))]


async def _who(request: Request) -> tuple[Identity, Session | None]:
    office = office_of(request)
    session = await sessions_of(request).find(request.cookies.get(cookie_of(request), ""))
    if session is not None and (who := await identity_of(office.state, office.clock, session.token_id)) is not None:
        identified(request.scope, session.token_id)
        return who, session
    try:
        return await who_asks(request), None
    except Refusal:
        raise LoginNeeded from None


class PageRoute(APIRoute):
    """A route whose errors are pages."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        inner = super().get_route_handler()

        async def handle(request: Request) -> Response:
            try:
                return await inner(request)
            except LoginNeeded:
                return _to_login(request)
            except Refusal as refusal:
                return _told(request, refusal.status_code, refusal.told)
            except BrigadeError as error:
                explained = explain(error)
                return _told(request, explained.status_code, explained.told)
            except HTTPException as error:
                return _told(request, error.status_code, Detail(code="invalid", message=str(error.detail), hint=""))
            except RequestValidationError:
                return _told(request, 422, Detail(code="invalid", message="this address makes no sense", hint=""))

        return handle


def _to_login(request: Request) -> Response:
    # Where a form was sent, there is nothing to come back to.
    back = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    where = f"/login?next={quote(back)}" if request.method == "GET" and not is_fragment(request) else "/login"
    if is_fragment(request):
        return Response(status_code=401, headers={**HEADERS, "HX-Redirect": where})
    return Response(status_code=303, headers={**HEADERS, "Location": where})


def _told(request: Request, status: int, told: Detail) -> Response:
    template = "parts/trouble.html" if is_fragment(request) else "trouble.html"
    return render(template, {"told": told, "visit": None}, status=status)

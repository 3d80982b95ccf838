"""`/login` and `/logout`: a token is shown once, a cookie stands for it from then on."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Form, Query, Request, Response

from brigade.api.failing import Refusal
from brigade.api.office import office_of
from brigade.api.pages.rendering import go_to, render
from brigade.api.pages.sessions import SESSION_SECONDS
from brigade.api.pages.visit import Looking, PageRoute, cookie_of, sessions_of
from brigade.control.access import identify, token_id_of

router = APIRouter(route_class=PageRoute)


@router.get("/login")
async def show_login(back: Annotated[str, Query(alias="next", max_length=2000)] = "/") -> Response:
    """Ask for a token."""
    return render("login.html", {"visit": None, "back": _inside(back), "is_wrong": False})


@router.post("/login")
async def log_in(
    request: Request,
    token: Annotated[str, Form(max_length=200)],
    back: Annotated[str, Form(alias="next", max_length=2000)] = "/",
) -> Response:
    """Begin a session for whoever holds the token."""
    origin = urlsplit(request.headers.get("origin", ""))
    # By host alone: whoever ends TLS before this process changes the scheme.
    if origin.netloc not in ("", request.headers.get("host")):
        raise Refusal(403, "forbidden", "this form is not of a page of yours", "load the page again")
    office = office_of(request)
    if await identify(office.state, office.clock, token.strip()) is None:
        return render("login.html", {"visit": None, "back": _inside(back), "is_wrong": True}, status=401)
    session_id = await sessions_of(request).begin(token_id_of(token.strip()))
    answer = go_to(request, _inside(back))
    answer.set_cookie(
        cookie_of(request),
        session_id,
        max_age=SESSION_SECONDS,
        path="/",
        secure="https" in (request.url.scheme, origin.scheme),
        httponly=True,
        samesite="strict",
    )
    return answer


@router.post("/logout")
async def log_out(visit: Looking) -> Response:
    """End the session."""
    request = visit.request
    await sessions_of(request).end(request.cookies.get(cookie_of(request), ""))
    answer = go_to(request, "/login")
    answer.delete_cookie(
        cookie_of(request), path="/", secure=request.url.scheme == "https", httponly=True, samesite="strict"
    )
    return answer


def _inside(path: str) -> str:
    """A path of this very site, whatever was asked for."""
    is_ours = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isascii() and path.isprintable()
    return path if is_ours else "/"

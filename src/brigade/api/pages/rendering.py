"""Templates become pages: escaped always, and under a policy that lets nothing run but what is shipped."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import Request
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse, Response

from brigade import __version__
from brigade.api.pages import words
from brigade.api.pages.assets import url_of
from brigade.control.access import Scope

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""What every page is sent with."""

MENU = (
    ("/", "Overview"),
    ("/failures", "Failures"),
    ("/runs", "Runs"),
    ("/routes", "Routes"),
    ("/stores", "Stores"),
    ("/access", "Access"),
    ("/audit", "Audit"),
)
"""The pages that every page leads to."""


def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("brigade.api", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    named = (
        words.size,
        words.count,
        words.rate,
        words.span,
        words.moment,
        words.iso,
        words.key,
        words.sent,
        words.plain,
        words.whereabouts,
    )
    made.filters |= {each.__name__: each for each in named}
    made.globals |= {"asset": url_of, "version": __version__, "Scope": Scope, "MENU": MENU, "place_of": words.place_of}
    return made


_TEMPLATES = _environment()


def render(template: str, values: Mapping[str, Any], *, status: int = 200) -> HTMLResponse:
    """A page."""
    text = _TEMPLATES.get_template(template).render(values)
    return HTMLResponse(text.encode("utf-8", "backslashreplace"), status, HEADERS)


def is_fragment(request: Request) -> bool:
    """Whether a script on a page asks for a part of it anew."""
    headers = request.headers
    return headers.get("hx-request") == "true" and headers.get("hx-history-restore-request") != "true"


def go_to(request: Request, path: str) -> Response:
    """Have the browser look at another page next."""
    if is_fragment(request):
        return Response(status_code=204, headers={**HEADERS, "HX-Redirect": path})
    return Response(status_code=303, headers={**HEADERS, "Location": path})

"""A browser without a screen: cookies, forms and redirects, asked of an application in this very process."""

from __future__ import annotations

import asyncio
import html
import re
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urlencode, urlsplit

from starlette.types import ASGIApp, Message


class Page(NamedTuple):
    """What came back."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def csrf(self) -> str:
        """What the forms of the page carry."""
        found = re.search(r'name="csrf" value="([^"]+)"', self.text)
        return html.unescape(found.group(1)) if found is not None else ""


class Browser:
    """One window. Redirects are not followed."""

    def __init__(self, app: ASGIApp, *, host: str = "127.0.0.1:9100", scheme: str = "http") -> None:
        self._app = app
        self._host = host
        self._scheme = scheme
        self.cookies: dict[str, str] = {}

    async def get(self, path: str, headers: Mapping[str, str] | None = None) -> Page:
        """Look at a page."""
        return await self._ask("GET", path, b"", headers or {})

    async def post(
        self, path: str, form: Mapping[str, str] | list[tuple[str, str]], headers: Mapping[str, str] | None = None
    ) -> Page:
        """Send a form, with exactly these fields."""
        kind = {"content-type": "application/x-www-form-urlencoded"}
        return await self._ask("POST", path, urlencode(form).encode(), {**kind, **(headers or {})})

    async def send(self, page: str, action: str, form: Mapping[str, str] | None = None) -> Page:
        """Send a form of a page, as somebody who has looked at it."""
        shown = await self.get(page)
        return await self.post(action, {**(form or {}), "csrf": shown.csrf})

    async def _ask(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Page:
        parts = urlsplit(path)
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        sent = {"host": self._host, **({"cookie": cookie} if cookie else {}), **headers}
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": self._scheme,
            "path": parts.path,
            "raw_path": parts.path.encode(),
            "query_string": parts.query.encode(),
            "headers": [(name.encode(), value.encode()) for name, value in sent.items()],
            "server": ("127.0.0.1", 9100),
            "client": ("127.0.0.1", 0),
        }
        messages: list[Message] = []

        received = False

        async def receive() -> Message:
            nonlocal received
            if received:
                # It stays connected until it is answered.
                await asyncio.Event().wait()
            received = True
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Message) -> None:
            messages.append(message)

        await self._app(scope, receive, send)
        start = next(each for each in messages if each["type"] == "http.response.start")
        heads = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in start["headers"]}
        self._keep(heads.get("set-cookie"))
        text = b"".join(each.get("body", b"") for each in messages if each["type"] == "http.response.body")
        return Page(start["status"], heads, text.decode())

    def _keep(self, set_cookie: str | None) -> None:
        if set_cookie is None:
            return
        name, _, value = set_cookie.split(";")[0].partition("=")
        self.cookies[name] = value.strip('"')
        if not self.cookies[name] or "Max-Age=0" in set_cookie:
            del self.cookies[name]

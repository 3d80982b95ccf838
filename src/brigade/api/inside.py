"""Asking the application in this very process, without a socket: what the command line does where no API runs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import urlencode

from starlette.types import ASGIApp, Message


class Answer(NamedTuple):
    """The answer to one request. Names of headers are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The value in the body, None where there is none."""
        return json.loads(self.body) if self.body else None


async def ask(
    app: ASGIApp,
    method: str,
    path: str,
    *,
    query: Mapping[str, str] | None = None,
    body: Any = None,
    headers: Mapping[str, str] | None = None,
    take: Callable[[bytes], None] | None = None,
) -> Answer:
    """One request, answered whole. `body` is sent as JSON. `take` gets what comes, part by part, unless it failed."""
    sent = {"host": "127.0.0.1", "content-type": "application/json", **(headers or {})}
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": urlencode(query or {}).encode(),
        "headers": [(name.lower().encode(), value.encode()) for name, value in sent.items()],
        "server": ("127.0.0.1", 80),
        "client": ("127.0.0.1", 0),
    }
    messages: list[Message] = []
    bodies = [b"" if body is None else json.dumps(body).encode()]

    async def receive() -> Message:
        if not bodies:
            # Whoever asks here does not go away before he has the answer.
            await asyncio.get_running_loop().create_future()
        return {"type": "http.request", "body": bodies.pop(), "more_body": False}

    async def send(message: Message) -> None:
        if take is not None and message["type"] == "http.response.body" and messages[0]["status"] < 400:
            take(message.get("body", b""))
        else:
            messages.append(message)

    await app(scope, receive, send)
    start = next(message for message in messages if message["type"] == "http.response.start")
    heads = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in start["headers"]}
    parts = [message.get("body", b"") for message in messages if message["type"] == "http.response.body"]
    return Answer(start["status"], heads, b"".join(parts))

"""Bounds of the API: how large a body may be, and how many requests may be under way at once."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from brigade.api.failing import Refusal, answer

MOST_BODY_BYTES = 1024 * 1024
MOST_REQUESTS = 256


class Bounds:
    """ASGI middleware. Bodies are counted as they come: what a head says of them proves nothing."""

    def __init__(self, app: ASGIApp, *, body_bytes: int = MOST_BODY_BYTES, requests: int = MOST_REQUESTS) -> None:
        self._app = app
        self._body_bytes = body_bytes
        self._requests = requests
        self._under_way = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if self._under_way >= self._requests:
            busy = Refusal(429, "busy", "too many requests at once", "try again in a moment")
            await answer(busy, {"Retry-After": "1"})(scope, receive, send)
            return
        self._under_way += 1
        try:
            await self._app(scope, self._counted(receive), send)
        finally:
            self._under_way -= 1

    def _counted(self, receive: Receive) -> Receive:
        size_bytes = 0

        async def counted() -> Message:
            nonlocal size_bytes
            message = await receive()
            size_bytes += len(message.get("body", b""))
            if size_bytes > self._body_bytes:
                raise Refusal(413, "too_large", f"a body has at most {self._body_bytes} bytes")
            return message

        return counted

"""Bounds of the API: how large a body may be, how many requests may be under way at once, how often somebody may ask."""

from __future__ import annotations

import math
from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from brigade.api.failing import Refusal, answer
from brigade.api.rates import Rate, Rates, begin_identifying, shown_in

MOST_BODY_BYTES = 1024 * 1024
MOST_REQUESTS = 256
_PROBES = frozenset({"/livez", "/readyz"})
_STREAM = "/api/v1/events"


class Bounds:
    """ASGI middleware. Bodies are counted as they come: what a head says of them proves nothing."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        rates: Rates,
        rate: Callable[[], Rate | None],
        body_bytes: int = MOST_BODY_BYTES,
        requests: int = MOST_REQUESTS,
    ) -> None:
        self._app = app
        self._rates = rates
        self._rate = rate
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
        shown = shown_in(scope)
        if (wait_seconds := self._wait_seconds(scope, shown)) > 0:
            often = Refusal(
                429, "busy", "too many requests in a short time", "slow down: `Retry-After` says for how long"
            )
            await answer(often, {"Retry-After": str(math.ceil(wait_seconds))})(scope, receive, send)
            return
        proven = begin_identifying(scope)
        self._under_way += 1
        try:
            await self._app(scope, self._counted(receive), send)
        finally:
            self._under_way -= 1
            if shown is not None and proven:
                self._rates.note(shown, proven[-1])

    def _wait_seconds(self, scope: Scope, shown: bytes | None) -> float:
        rate, path = self._rate(), scope["path"]
        # Whoever watches is asked of all the time; a listener is one request, and comes back after each break.
        is_free = path in _PROBES or (path == _STREAM and self._rates.is_known(shown))
        return 0 if rate is None or is_free else self._rates.wait_seconds(scope, shown, rate)

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

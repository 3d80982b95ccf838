"""Bounds of the API: how large a body may be and how long it may take to come, how many requests may be under way at
once, and how often somebody may ask.
"""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from brigade.api.failing import Refusal, answer
from brigade.api.rates import Rate, Rates, begin_identifying, shown_in

MOST_BODY_BYTES = 1024 * 1024
MOST_BODY_SECONDS = 30.0
MOST_REQUESTS = 256
MOST_OF_ONE = 128
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
        body_seconds: float = MOST_BODY_SECONDS,
        requests: int = MOST_REQUESTS,
    ) -> None:
        self._app = app
        self._rates = rates
        self._rate = rate
        self._body_bytes = body_bytes
        self._body_seconds = body_seconds
        self._requests = requests
        self._under_way: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        shown = shown_in(scope)
        client = self._rates.client(scope, shown)
        if (refused := self._refused(scope, shown, client)) is not None:
            await refused(scope, receive, send)
            return
        proven = begin_identifying(scope)
        self._under_way[client] += 1
        try:
            await self._app(scope, self._counted(receive), send)
        finally:
            self._under_way[client] -= 1
            if not self._under_way[client]:
                del self._under_way[client]
            if shown is not None and proven:
                self._rates.note(shown, proven[-1])

    def _refused(self, scope: Scope, shown: bytes | None, client: str) -> ASGIApp | None:
        """The answer to what is too much, None for what is not. Probes are answered however much there is to do."""
        rate, path = self._rate(), scope["path"]
        if path in _PROBES:
            return None
        if self._under_way.total() >= self._requests or self._under_way[client] >= MOST_OF_ONE:
            busy = Refusal(429, "busy", "too many requests at once", "try again in a moment")
            return answer(busy, {"Retry-After": "1"})
        # A listener is one request, and comes back after each break.
        is_free = rate is None or (path == _STREAM and self._rates.is_known(shown))
        wait_seconds = 0.0 if rate is None or is_free else self._rates.wait_seconds(client, rate)
        if wait_seconds > 0:
            often = Refusal(
                429, "busy", "too many requests in a short time", "slow down: `Retry-After` says for how long"
            )
            return answer(often, {"Retry-After": str(math.ceil(wait_seconds))})
        return None

    def _counted(self, receive: Receive) -> Receive:
        size_bytes = 0
        is_whole = False
        until_seconds = asyncio.get_running_loop().time() + self._body_seconds

        async def counted() -> Message:
            nonlocal size_bytes, is_whole
            try:
                # Behind the body there is only the end of the connection, which may be long in coming.
                async with asyncio.timeout_at(None if is_whole else until_seconds):
                    message = await receive()
            except TimeoutError:
                raise Refusal(408, "too_slow", f"the body did not come within {self._body_seconds:.0f} s") from None
            is_whole = is_whole or not message.get("more_body", False)
            size_bytes += len(message.get("body", b""))
            if size_bytes > self._body_bytes:
                raise Refusal(413, "too_large", f"a body has at most {self._body_bytes} bytes")
            return message

        return counted

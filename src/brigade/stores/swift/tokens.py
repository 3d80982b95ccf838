"""The token of the moment: fetched once for all who wait, renewed before it ends and when a server refuses it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from importlib.util import find_spec
from typing import NamedTuple, Protocol
from urllib.parse import urlsplit

from brigade.clock import Clock
from brigade.errors import AccessDenied, StoreError, Unavailable, UsageError
from brigade.stores.http import open_client
from brigade.stores.http.base import HttpClient
from brigade.stores.http.tls import trust
from brigade.stores.swift.settings import AuthVersion, SwiftSettings

# A token is renewed when a tenth of its life is left, but not earlier than this before its end.
EARLIEST_RENEWAL_SECONDS = 300.0
# One that seems to have ended already comes from a machine with another time: it is good until it is refused.
SHORTEST_LIFE_SECONDS = 60.0

ClientFactory = Callable[[str], HttpClient]


class Token(NamedTuple):
    """What a log-in gives; `life_seconds` is None where it does not say how long the token lives."""

    value: str
    storage_url: str
    life_seconds: float | None = None

    def __repr__(self) -> str:
        return f"Token(storage_url={self.storage_url!r})"


LogIn = Callable[[], Awaitable[Token]]


class TokenSource(Protocol):
    """Gives the token of the moment."""

    async def get(self) -> Token: ...

    async def renew(self, refused: Token) -> Token:
        """Another token than the one a server has just refused."""


class Tokens:
    """The token of one store. Everybody who needs a new one waits for the same log-in."""

    def __init__(self, store: str, log_in: LogIn, clock: Clock) -> None:
        self._store = store
        self._log_in = log_in
        self._clock = clock
        self._lock = asyncio.Lock()
        self._current: Token | None = None
        self._renew_at_seconds = 0.0

    async def get(self) -> Token:
        current = self._current
        if current is not None and self._clock.monotonic_seconds() < self._renew_at_seconds:
            return current
        async with self._lock:
            if self._current is None or self._clock.monotonic_seconds() >= self._renew_at_seconds:
                await self._fetch()
            assert self._current is not None
            return self._current

    async def renew(self, refused: Token) -> Token:
        async with self._lock:
            if self._current is None or self._current.value == refused.value:
                await self._fetch()
            assert self._current is not None
            return self._current

    async def _fetch(self) -> None:
        asked_at_seconds = self._clock.monotonic_seconds()
        try:
            self._current = await self._log_in()
        except StoreError as error:
            error.store, error.operation = error.store or self._store, error.operation or "credentials"
            raise
        life_seconds = self._current.life_seconds
        if life_seconds is None:
            self._renew_at_seconds = float("inf")
        else:
            life_seconds = max(life_seconds, SHORTEST_LIFE_SECONDS)
            self._renew_at_seconds = asked_at_seconds + life_seconds - min(EARLIEST_RENEWAL_SECONDS, life_seconds / 10)


def client_factory(settings: SwiftSettings) -> ClientFactory:
    """Opens clients the way the settings ask for."""

    def connect(origin: str) -> HttpClient:
        secure = origin.startswith("https")
        return open_client(
            origin,
            ssl=trust(settings.name, settings.ca_bundle, verify=settings.verify_tls) if secure else None,
            connections=settings.connections,
            connect_timeout_seconds=settings.connect_timeout_seconds,
            idle_timeout_seconds=settings.idle_timeout_seconds,
        )

    return connect


def token_source(settings: SwiftSettings, clock: Clock, connect: ClientFactory) -> TokenSource:
    """The source that the settings ask for. Raises `UsageError` where the extra for Keystone is not installed."""
    match settings.version:
        case AuthVersion.FIXED:
            return Tokens(settings.name, lambda: _fixed(settings), clock)
        case AuthVersion.V1:
            return Tokens(settings.name, lambda: _log_in_v1(settings, connect), clock)
        case _:
            if find_spec("keystoneauth1") is None:
                raise UsageError(
                    f"store {settings.name!r} asks Keystone, which needs the extra `swift`",
                    hint="pip install 'bucket-brigade[swift]'",
                )
            return Tokens(settings.name, lambda: _ask_keystone(settings, clock), clock)


async def _fixed(settings: SwiftSettings) -> Token:
    return Token(settings.token or "", settings.storage_url or "")


async def _ask_keystone(settings: SwiftSettings, clock: Clock) -> Token:
    # Heavy, and it blocks: loaded late, and asked in a thread.
    from brigade.stores.swift.keystone import log_in

    return await asyncio.to_thread(log_in, settings, clock.now_ns())


async def _log_in_v1(settings: SwiftSettings, connect: ClientFactory) -> Token:
    """Swift's own log-in: two headers there, two headers back."""
    parts = urlsplit(settings.auth_url or "")
    client = connect(f"{parts.scheme}://{parts.netloc}")
    headers = [("x-auth-user", settings.user or ""), ("x-auth-key", settings.key or "")]
    try:
        async with client.send("GET", parts.path or "/", headers) as response:
            await response.read()
            status, answer = response.status, response.headers
    finally:
        await client.close()
    if status in (401, 403):
        raise AccessDenied("the log-in was refused", status=status, hint="check user and key of the store")
    if status >= 500 or status == 429:
        raise Unavailable(f"the log-in failed with the HTTP status {status}", status=status)
    token, url = answer.get("x-auth-token"), settings.storage_url or answer.get("x-storage-url")
    if status >= 300 or not token or not url:
        raise AccessDenied(f"no token came back (HTTP status {status})", status=status, hint="check auth_url")
    life = answer.get("x-auth-token-expires", "")
    return Token(token, url, float(life) if life.isdecimal() else None)

"""The token of the moment: given, none (anonymous), or google-auth's with its refresh."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from brigade.clock import Clock
from brigade.errors import AccessDenied, ConfigError, StoreError, Unavailable, UsageError
from brigade.stores.gcs.settings import GcsSettings

if TYPE_CHECKING:
    from google.auth.credentials import Credentials

SCOPE = "https://www.googleapis.com/auth/devstorage.full_control"
# A token lives an hour. It is renewed well before its end, and after a failure tried again this much later.
EARLY_SECONDS = 300.0
AGAIN_SECONDS = 30.0
TIMEOUT_SECONDS = 30.0
_SECOND_NS = 1_000_000_000


class TokenSource(Protocol):
    """Gives the value of the Authorization header; None sends none."""

    async def get(self) -> str | None:
        """Raises `AccessDenied` where there are no credentials, `Unavailable` where nobody could be asked."""

    async def project(self) -> str | None:
        """The project that the credentials belong to, if they say."""


class FixedToken:
    """The token of the settings, or none at all."""

    def __init__(self, token: str | None) -> None:
        self._header = f"Bearer {token}" if token is not None else None

    async def get(self) -> str | None:
        return self._header

    async def project(self) -> str | None:
        return None


class GoogleToken:
    """Tokens of google-auth. It blocks while it asks, so it works in a thread, once for all who wait.

    A token that is still good serves on when its renewal fails.
    """

    def __init__(self, settings: GcsSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._lock = asyncio.Lock()
        self._found: Credentials | None = None
        self._project: str | None = None
        self._header: str | None = None
        self._ends_ns: int | None = None
        self._next_try_seconds = 0.0

    async def get(self) -> str | None:
        if self._is_stale():
            async with self._lock:
                if self._is_stale():
                    await self._renew()
        return self._header

    async def project(self) -> str | None:
        await self.get()
        return self._project

    def _is_stale(self) -> bool:
        if self._header is None:
            return True
        if self._ends_ns is None or self._clock.now_ns() < self._ends_ns - EARLY_SECONDS * _SECOND_NS:
            return False
        return self._clock.monotonic_seconds() >= self._next_try_seconds

    async def _renew(self) -> None:
        try:
            self._header, self._ends_ns = await asyncio.to_thread(self._ask)
        except StoreError:
            still_good = self._ends_ns is not None and self._clock.now_ns() < self._ends_ns
            if self._header is None or not still_good:
                self._header = None
                raise
        self._next_try_seconds = self._clock.monotonic_seconds() + AGAIN_SECONDS

    def _ask(self) -> tuple[str, int | None]:
        from google.auth.exceptions import GoogleAuthError, InvalidType, InvalidValue, TransportError
        from google.auth.transport.urllib3 import Request
        from urllib3 import PoolManager

        name = self._settings.name
        try:
            if self._found is None:
                self._found, self._project = _load(self._settings)
            self._found.refresh(Request(PoolManager(timeout=TIMEOUT_SECONDS)))  # type: ignore[no-untyped-call]
        except TransportError as error:
            raise Unavailable(f"no token: {error}", store=name, operation="credentials") from error
        except (GoogleAuthError, OSError, ValueError) as error:
            # Of a refused refresh the second argument is the whole answer. Of a value that is wrong the value is told.
            is_plain = isinstance(error, GoogleAuthError) and not isinstance(error, InvalidValue | InvalidType)
            told = str((error.args or ("",))[0]) if is_plain else _without_quotes(error)
            origin, hint = _origin(self._settings)
            text = f"no usable credentials in {origin}: {told}" if origin else f"no usable credentials: {told}"
            raise AccessDenied(text, store=name, operation="credentials", hint=hint) from None
        expiry = self._found.expiry
        ends_ns = int(expiry.replace(tzinfo=UTC).timestamp()) * _SECOND_NS if expiry is not None else None
        return f"Bearer {self._found.token}", ends_ns


def _origin(settings: GcsSettings) -> tuple[str, str]:
    """Where the credentials stand (empty: found on this machine), and what to do where they are no good."""
    given = settings.credentials_file or ("the text of `credentials`" if settings.credentials is not None else "")
    if given:
        return given, "give the JSON as Google made it, or make a new key of the service account"
    return "", "set credentials_file, log in by `gcloud auth application-default login`, or set anonymous: true"


def _without_quotes(error: Exception) -> str:
    """What is wrong with a file or text. Parsers quote what they read, which is a secret, so only the kind is told."""
    match error:
        case OSError():
            return error.strerror or type(error).__name__
        case json.JSONDecodeError():
            return f"it is no JSON (line {error.lineno}, column {error.colno})"
        case UnicodeDecodeError():
            return "it is no text"
        case _:
            return "a field is missing or cannot be read, such as the private key"


def _load(settings: GcsSettings) -> tuple[Credentials, str | None]:
    """The credentials that the settings name, else those of this machine."""
    import google.auth

    if settings.credentials_file is None and settings.credentials is None:
        found, project = google.auth.default(scopes=[SCOPE])
        return found, project
    told = settings.credentials or Path(settings.credentials_file or "").read_text(encoding="utf-8")
    described = json.loads(told)
    try:
        return _made_of(described), described.get("project_id")
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError("a field has the wrong type") from error


def _made_of(described: dict[str, Any]) -> Credentials:
    """Raises `GoogleAuthError` and ValueError, and whatever its parsers do with fields of the wrong type."""
    from google.auth import identity_pool
    from google.auth.exceptions import DefaultCredentialsError
    from google.oauth2 import credentials as users
    from google.oauth2 import service_account

    made: Credentials
    match described.get("type"):
        case "service_account":
            made = service_account.Credentials.from_service_account_info(described, scopes=[SCOPE])  # type: ignore[no-untyped-call]
        case "authorized_user":
            made = users.Credentials.from_authorized_user_info(described, scopes=[SCOPE])  # type: ignore[no-untyped-call]
        case "external_account":
            made = identity_pool.Credentials.from_info(described, scopes=[SCOPE])  # type: ignore[no-untyped-call]
        case kind:
            hint = "name the file in GOOGLE_APPLICATION_CREDENTIALS instead"
            raise DefaultCredentialsError(f"credentials of type {kind!r} are not taken here: {hint}")  # type: ignore[no-untyped-call]
    return made


def token_source(settings: GcsSettings, clock: Clock) -> TokenSource:
    """The source that the settings ask for. Raises `UsageError` where google-auth is needed and not installed."""
    if settings.anonymous:
        return FixedToken(None)
    if settings.access_token is not None:
        return FixedToken(settings.access_token)
    if find_spec("google") is None or find_spec("google.auth") is None:
        raise UsageError(
            f"store {settings.name!r}: google-auth is not installed", hint="pip install 'bucket-brigade[gcs]'"
        )
    if settings.credentials_file is not None and not Path(settings.credentials_file).is_file():
        raise ConfigError(f"store {settings.name!r}: there is no file {settings.credentials_file!r}")
    return GoogleToken(settings, clock)

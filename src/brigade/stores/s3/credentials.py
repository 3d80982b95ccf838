"""Where the key pair comes from: the settings, nowhere (anonymous), or botocore's provider chain with its refresh."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

from brigade.clock import Clock
from brigade.errors import AccessDenied
from brigade.stores.s3.settings import S3Settings
from brigade.wire.sigv4 import Credentials

if TYPE_CHECKING:
    from botocore.credentials import Credentials as BotocoreCredentials
    from botocore.session import Session

# Temporary credentials are renewed 10 to 15 minutes before they end; asking this often is early enough.
RECHECK_SECONDS = 30.0


class CredentialSource(Protocol):
    """Gives the credentials of the moment; None signs nothing."""

    async def get(self) -> Credentials | None:
        """The same object as before as long as it is good: the signer goes by identity."""


class FixedCredentials:
    """What the settings say, or nobody."""

    def __init__(self, credentials: Credentials | None) -> None:
        self._credentials = credentials

    async def get(self) -> Credentials | None:
        return self._credentials


class ChainCredentials:
    """Environment, profile, SSO, web identity, container or instance role: whatever botocore finds.

    botocore blocks while it asks, so it works in a thread, and only every `RECHECK_SECONDS`.
    """

    def __init__(self, store: str, profile: str | None, clock: Clock) -> None:
        self._store = store
        self._profile = profile
        self._clock = clock
        self._lock = asyncio.Lock()
        self._found: BotocoreCredentials | None = None
        self._current: Credentials | None = None
        self._checked_seconds = 0.0

    async def get(self) -> Credentials | None:
        if self._is_stale():
            async with self._lock:
                if self._is_stale():
                    await self._renew()
        return self._current

    def _is_stale(self) -> bool:
        age_seconds = self._clock.monotonic_seconds() - self._checked_seconds
        return self._current is None or age_seconds >= RECHECK_SECONDS

    async def _renew(self) -> None:
        fresh = await asyncio.to_thread(self._ask)
        if fresh != self._current:
            self._current = fresh
        self._checked_seconds = self._clock.monotonic_seconds()

    def _ask(self) -> Credentials:
        from botocore.exceptions import BotoCoreError

        try:
            if self._found is None:
                self._found = botocore_session(self._profile).get_credentials()
            frozen = self._found.get_frozen_credentials() if self._found is not None else None
        except BotoCoreError as error:
            raise AccessDenied(f"no credentials: {error}", store=self._store, operation="credentials") from error
        if frozen is None or not frozen.access_key:
            raise AccessDenied(
                "no credentials were found in the settings, the environment, the AWS profile or this machine's role",
                store=self._store,
                operation="credentials",
                hint="set access_key and secret_key, or anonymous: true for a public bucket",
            )
        return Credentials(frozen.access_key, frozen.secret_key, frozen.token)


def botocore_session(profile: str | None) -> Session:
    """A session of botocore, imported here: it is heavy and few stores need it."""
    from botocore.session import Session

    return Session(profile=profile)


def credential_source(settings: S3Settings, clock: Clock) -> CredentialSource:
    """The source that the settings ask for."""
    if settings.anonymous:
        return FixedCredentials(None)
    if settings.access_key is not None and settings.secret_key is not None:
        return FixedCredentials(Credentials(settings.access_key, settings.secret_key, settings.session_token))
    return ChainCredentials(settings.name, settings.profile, clock)

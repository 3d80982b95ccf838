"""Who asks: a key of the account, a shared access signature, a token of Entra ID, or nobody."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

from brigade.clock import Clock
from brigade.errors import AccessDenied, UsageError
from brigade.stores.azure.settings import AzureSettings
from brigade.wire.encoding import encode_query
from brigade.wire.sharedkey import SharedKey

if TYPE_CHECKING:
    from azure.core.credentials import AccessToken

# A token lives for an hour or more; one that ends so soon is renewed first.
RENEW_BEFORE_SECONDS = 300.0
_SCOPE = "https://storage.azure.com/.default"


class Request(NamedTuple):
    """What is to be authorised; header names are lower case, `path` is encoded, `query` is not."""

    method: str
    path: str
    query: Sequence[tuple[str, str]]
    headers: list[tuple[str, str]]
    length_bytes: int


class Authority(Protocol):
    """Makes requests acceptable."""

    async def authorise(self, request: Request) -> str:
        """Add what the request needs to its headers, and return the encoded query to send."""

    def source_query(self) -> str:
        """What a URL of our own account must carry so that the server may read from it for us; often nothing."""


class KeyAuthority:
    """Signs each request with an account key."""

    def __init__(self, signer: SharedKey) -> None:
        self._signer = signer

    async def authorise(self, request: Request) -> str:
        request.headers.append(("authorization", self._signer.authorization(*request)))
        return encode_query(request.query)

    def source_query(self) -> str:
        return ""


class SasAuthority:
    """Shows a shared access signature, which is a part of the query."""

    def __init__(self, sas: str) -> None:
        self._sas = sas.removeprefix("?")

    async def authorise(self, request: Request) -> str:
        query = encode_query(request.query)
        return f"{query}&{self._sas}" if query else self._sas

    def source_query(self) -> str:
        return f"?{self._sas}"


class NoAuthority:
    """Shows nothing: public containers."""

    async def authorise(self, request: Request) -> str:
        return encode_query(request.query)

    def source_query(self) -> str:
        return ""


class TokenSource(Protocol):
    """As azure-identity's credentials are."""

    def get_token(self, *scopes: str) -> AccessToken: ...


class TokenAuthority:
    """Shows a token of Entra ID and renews it in time. azure-identity blocks while it asks, so it works in a thread."""

    def __init__(self, store: str, source: TokenSource, clock: Clock) -> None:
        self._store = store
        self._source = source
        self._clock = clock
        self._lock = asyncio.Lock()
        self._header = ""
        self._until_seconds = 0.0

    async def authorise(self, request: Request) -> str:
        if self._left_seconds() < RENEW_BEFORE_SECONDS:
            async with self._lock:
                if self._left_seconds() < RENEW_BEFORE_SECONDS:
                    await self._renew()
        request.headers.append(("authorization", self._header))
        return encode_query(request.query)

    def source_query(self) -> str:
        return ""

    def _left_seconds(self) -> float:
        return self._until_seconds - self._clock.now_ns() / 1e9

    async def _renew(self) -> None:
        try:
            token = await asyncio.to_thread(self._ask)
        except AccessDenied:
            if self._left_seconds() <= 0:
                raise
            # The old one is still good; the next request asks again.
            return
        self._header = f"Bearer {token.token}"
        self._until_seconds = float(token.expires_on)

    def _ask(self) -> AccessToken:
        from azure.core.exceptions import AzureError

        try:
            return self._source.get_token(_SCOPE)
        except (AzureError, ValueError) as error:
            said = str(error).partition("\n")[0][:500]
            raise AccessDenied(
                f"Entra ID gives no token: {said}",
                store=self._store,
                operation="credentials",
                hint="set key, sas or a client of Entra ID (tenant_id, client_id, client_secret), or log in: az login",
            ) from None


def check_identity(settings: AzureSettings) -> None:
    """Raise `UsageError` where a token is needed and azure-identity is not installed."""
    if settings.anonymous or settings.key is not None or settings.sas is not None:
        return
    try:
        import azure.identity
    except ImportError:
        raise UsageError(
            f"store {settings.name!r}: credentials of Entra ID need a package that is not installed",
            hint="pip install 'bucket-brigade[azure]', or set key or sas",
        ) from None
    del azure


def authority_of(settings: AzureSettings, clock: Clock) -> Authority:
    """The authority that the settings ask for."""
    if settings.key is not None:
        return KeyAuthority(SharedKey(settings.account, settings.key_bytes))
    if settings.sas is not None:
        return SasAuthority(settings.sas)
    if settings.anonymous:
        return NoAuthority()
    return TokenAuthority(settings.name, _token_source(settings), clock)


def _keep_quiet() -> None:
    """What its library warns of is told in the error; without a handler it would stand on the error output, too."""
    log = logging.getLogger("azure.identity")
    if not log.handlers:
        log.addHandler(logging.NullHandler())


def _token_source(settings: AzureSettings) -> TokenSource:
    check_identity(settings)
    _keep_quiet()
    from azure.identity import ClientSecretCredential, DefaultAzureCredential

    if settings.client_secret is not None:
        assert settings.tenant_id is not None
        assert settings.client_id is not None
        return ClientSecretCredential(settings.tenant_id, settings.client_id, settings.client_secret)
    return DefaultAzureCredential(
        managed_identity_client_id=settings.client_id, exclude_interactive_browser_credential=True
    )

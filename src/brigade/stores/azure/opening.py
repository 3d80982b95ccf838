"""Finding the account: its origin, and whether its namespace is hierarchical."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from brigade.clock import Clock
from brigade.stores.azure.caller import Caller, Place
from brigade.stores.azure.credentials import Authority, authority_of
from brigade.stores.azure.settings import AzureSettings
from brigade.stores.http import open_client
from brigade.stores.http.base import HttpClient
from brigade.stores.http.tls import trust
from brigade.wire.encoding import encode_key, encode_value

ClientFactory = Callable[[str], HttpClient]


def place_of(settings: AzureSettings) -> Place:
    """Where the requests for this container go."""
    parts = urlsplit(settings.base_url)
    host = parts.netloc.lower()
    account = encode_key(parts.path.rstrip("/"))
    default = ":443" if parts.scheme == "https" else ":80"
    container = f"{account}/{encode_value(settings.container)}"
    return Place(f"{parts.scheme}://{host}", host.removesuffix(default), f"{account}/", container)


def identity_of(settings: AzureSettings) -> str:
    """The same text for the same container, however it is addressed."""
    parts = urlsplit(settings.base_url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return f"azure://{(parts.hostname or '').lower()}:{port}{parts.path.rstrip('/')}/{settings.container}"


def client_factory(settings: AzureSettings) -> ClientFactory:
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


def open_caller(
    settings: AzureSettings,
    clock: Clock,
    *,
    store: str,
    authority: Authority | None = None,
    connect: ClientFactory | None = None,
) -> Caller:
    """A caller with a client of its own, which whoever asks for it closes."""
    place = place_of(settings)
    client = (connect or client_factory(settings))(place.origin)
    chosen = authority or authority_of(settings, clock)
    return Caller(store, client, place, chosen, clock, version=settings.api_version)

"""Making the client, and the name that is the same for the same bucket."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from brigade.stores.gcs.settings import ENDPOINT, GcsSettings
from brigade.stores.http import open_client
from brigade.stores.http.base import HttpClient
from brigade.stores.http.tls import trust

ClientFactory = Callable[[str], HttpClient]


def origin_of(settings: GcsSettings) -> str:
    """Where connections go."""
    parts = urlsplit(settings.endpoint)
    return f"{parts.scheme}://{parts.netloc.lower()}"


def identity_of(settings: GcsSettings) -> str:
    """The same text for the same bucket."""
    if settings.endpoint.rstrip("/") == ENDPOINT:
        return f"gs://{settings.bucket}"
    parts = urlsplit(settings.endpoint)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return f"gs://{(parts.hostname or '').lower()}:{port}{parts.path.rstrip('/')}/{settings.bucket}"


def client_factory(settings: GcsSettings) -> ClientFactory:
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

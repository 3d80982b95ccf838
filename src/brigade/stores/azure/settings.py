"""What describes one container of one Azure storage account: where it is, who asks, and in which dialect."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from brigade.errors import ConfigError
from brigade.stores.base import ListingOrder

# The oldest version with all that is used here: the cold tier came with it.
API_VERSION = "2021-12-02"


@dataclass(frozen=True, slots=True)
class AzureSettings:
    """One container of one account.

    `endpoint` None is the public cloud. Who asks: `key` (base64), `sas`, a client of Entra ID (`tenant_id`, `client_id` and
    `client_secret`), nobody (`anonymous`), or else whoever azure-identity finds here. `hierarchical` None asks the account.
    """

    name: str
    container: str
    account: str
    endpoint: str | None = None
    key: str | None = field(default=None, repr=False)
    sas: str | None = field(default=None, repr=False)
    tenant_id: str | None = None
    client_id: str | None = None
    client_secret: str | None = field(default=None, repr=False)
    anonymous: bool = False
    api_version: str = API_VERSION
    ca_bundle: str | None = None
    verify_tls: bool = True
    connections: int = 64
    connect_timeout_seconds: float = 10.0
    idle_timeout_seconds: float = 60.0
    listing_order: ListingOrder | None = None
    hierarchical: bool | None = None
    encode_metadata_names: bool = False
    delete_snapshots: bool = False

    def __post_init__(self) -> None:
        where = f"store {self.name!r}"
        if not self.container or "/" in self.container:
            raise ConfigError(f"{where}: {self.container!r} is not the name of a container")
        if not self.account:
            raise ConfigError(
                f"{where}: no storage account is named", hint="give account, endpoint or connection_string"
            )
        chosen = [name for name in ("key", "sas", "client_secret") if getattr(self, name) is not None]
        chosen += ["anonymous"] if self.anonymous else []
        if len(chosen) > 1:
            raise ConfigError(f"{where}: {' and '.join(chosen)} exclude each other")
        if self.client_secret is not None and not (self.tenant_id and self.client_id):
            raise ConfigError(f"{where}: client_secret needs tenant_id and client_id")
        if self.key is not None:
            _ = self.key_bytes
        if self.endpoint is not None:
            _check_endpoint(where, self.endpoint)

    @property
    def key_bytes(self) -> bytes:
        """The account key as it signs. Raises `ConfigError`."""
        try:
            return base64.b64decode(self.key or "", validate=True)
        except (binascii.Error, ValueError):
            raise ConfigError(f"store {self.name!r}: the account key is not base64") from None

    @property
    def base_url(self) -> str:
        """Scheme, host, port, and the account where it stands in the path."""
        return (self.endpoint or f"https://{self.account}.blob.core.windows.net").rstrip("/")


def _check_endpoint(where: str, endpoint: str) -> None:
    try:
        parts = urlsplit(endpoint)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
        parts = urlsplit("")
    if not usable:
        raise ConfigError(
            f"{where}: the endpoint {endpoint!r} is no URL", hint="it looks like https://account.blob.core.windows.net"
        )
    if parts.query or parts.fragment or parts.username or parts.password:
        raise ConfigError(f"{where}: the endpoint may hold nothing but scheme, host, port and path")

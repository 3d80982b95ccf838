"""Containers of Azure storage accounts, from a section of the configuration or from what Azure's own tools would use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Self

from brigade.clock import Clock
from brigade.errors import UsageError
from brigade.stores.azure.containers import has_container, list_containers
from brigade.stores.azure.credentials import check_identity
from brigade.stores.azure.settings import AzureSettings
from brigade.stores.azure.store import AzureStore
from brigade.stores.base import Store
from brigade.stores.layers.versions import VersionsStore
from brigade.wire.azureconnection import Connection, account_of, parse_connection_string
from brigade.wiring.kinds import Setting

if TYPE_CHECKING:
    from brigade.config.azure import AzureSection

_CONNECTION = "AZURE_STORAGE_CONNECTION_STRING"
_ENDPOINT = "AZURE_STORAGE_SERVICE_ENDPOINT"


@dataclass(frozen=True, slots=True)
class AzureKind:
    """See `brigade.wiring.kinds.Kind`."""

    settings: AzureSettings
    endpoint: str
    clock: Clock
    all_versions: bool = False

    @classmethod
    def of_section(cls, section: AzureSection, setting: Setting) -> Self:
        """Raises `ConfigError`."""
        settings = azure_settings(setting.name, section, directory=setting.directory, environment=setting.environment)
        return cls(settings, f"store:{setting.name}", setting.clock, section.versions == "all")

    @classmethod
    def of_environment(cls, setting: Setting) -> Self:
        """What `az://` means to Azure's own tools. Raises `UsageError` where the environment names no account."""
        found = _from_environment(setting.environment)
        if found is None:
            raise UsageError(
                "az:// needs to know the storage account",
                hint=f"set AZURE_STORAGE_ACCOUNT and AZURE_STORAGE_KEY, or {_CONNECTION}; or name a store of the configuration",
            )
        settings = _settings("az", found)
        return cls(settings, f"az:{settings.base_url}", setting.clock)

    def bucket(self, bucket: str, connections: int) -> Store:
        check_identity(self.settings)
        store = AzureStore(replace(self.settings, container=bucket, connections=connections), self.clock)
        return VersionsStore(store) if self.all_versions else store

    async def buckets(self) -> list[str]:
        return await list_containers(self.settings, self.clock)

    async def has_bucket(self, bucket: str) -> bool:
        return await has_container(replace(self.settings, container=bucket), self.clock)


class _Found(NamedTuple):
    """Where the account is and who asks; neither key nor SAS means Entra ID."""

    account: str
    endpoint: str | None
    key: str | None = None
    sas: str | None = None


def azure_settings(
    name: str, section: AzureSection, *, directory: Path, environment: Mapping[str, str]
) -> AzureSettings:
    """The settings of a store as the configuration describes it, without a container. Raises `ConfigError`."""
    settings = _settings(
        name,
        _of_section(name, section, environment),
        tenant_id=section.tenant_id,
        client_id=section.client_id,
        client_secret=section.client_secret,
        anonymous=section.anonymous,
        ca_bundle=str(directory / section.ca_bundle) if section.ca_bundle else None,
        verify_tls=section.verify_tls,
        listing_order=section.listing_order,
        hierarchical=section.hierarchical,
        encode_metadata_names=section.metadata_names == "encode",
        delete_snapshots=section.delete_snapshots,
    )
    return replace(
        settings,
        api_version=section.api_version or settings.api_version,
        connect_timeout_seconds=section.connect_timeout or settings.connect_timeout_seconds,
        idle_timeout_seconds=section.idle_timeout or settings.idle_timeout_seconds,
    )


def _settings(name: str, found: _Found, **more: object) -> AzureSettings:
    account, endpoint, key, sas = found
    return AzureSettings(name, "*", account, endpoint, key, sas, **more)  # type: ignore[arg-type]


def _of_section(name: str, section: AzureSection, environment: Mapping[str, str]) -> _Found:
    """What the section says; the environment fills in the key or SAS of the same account, and the account if none is named."""
    if section.connection_string is not None:
        return _connected(parse_connection_string(section.connection_string, f"stores.{name}.connection_string"))
    account = section.account or (account_of(section.endpoint) if section.endpoint else "")
    endpoint = section.endpoint.rstrip("/") if section.endpoint else None
    has_own = section.anonymous or any((section.key, section.sas, section.client_secret, section.client_id))
    around = None if has_own else _from_environment(environment)
    if around is not None and account in ("", around.account):
        return around._replace(endpoint=endpoint or around.endpoint)
    return _Found(account, endpoint, section.key, section.sas)


def _from_environment(environment: Mapping[str, str]) -> _Found | None:
    """What Azure's tools would use; None where no account is named."""
    connection = environment.get(_CONNECTION)
    if connection:
        return _connected(parse_connection_string(connection, _CONNECTION))
    account = environment.get("AZURE_STORAGE_ACCOUNT")
    if not account:
        return None
    key = environment.get("AZURE_STORAGE_KEY") or None
    sas = environment.get("AZURE_STORAGE_SAS_TOKEN") or None
    return _Found(account, environment.get(_ENDPOINT) or None, key, None if key else sas)


def _connected(connection: Connection) -> _Found:
    key = connection.key
    return _Found(connection.account, connection.endpoint, key, None if key else connection.sas)

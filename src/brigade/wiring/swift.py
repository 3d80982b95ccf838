"""Containers of OpenStack Swift, from a section of the configuration or from what OpenStack's own tools would use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Self

from brigade.clock import Clock
from brigade.errors import ConfigError
from brigade.stores.base import Store
from brigade.stores.swift.containers import has_container, list_containers
from brigade.stores.swift.settings import AuthVersion, DynamicObjects, SwiftSettings
from brigade.stores.swift.store import SwiftStore
from brigade.wiring.kinds import Setting

if TYPE_CHECKING:
    from brigade.config.swift import SwiftSection

# The keys of a section that mean the same in the settings.
_SAME = (
    "auth_url",
    "user",
    "key",
    "user_domain_name",
    "user_domain_id",
    "project_name",
    "project_id",
    "project_domain_name",
    "project_domain_id",
    "application_credential_id",
    "application_credential_name",
    "application_credential_secret",
    "region",
    "interface",
    "storage_url",
    "token",
    "account",
    "segments_container",
    "storage_policy",
    "delete_segments",
    "encode_metadata_names",
    "verify_tls",
)
# As `openstack` and `swift` read them, the first one that is set.
_VARIABLES = {
    "auth_url": ("ST_AUTH", "OS_AUTH_URL"),
    "user": ("ST_USER", "OS_USERNAME"),
    "key": ("ST_KEY", "OS_PASSWORD"),
    "user_domain_name": ("OS_USER_DOMAIN_NAME",),
    "user_domain_id": ("OS_USER_DOMAIN_ID",),
    "project_name": ("OS_PROJECT_NAME", "OS_TENANT_NAME"),
    "project_id": ("OS_PROJECT_ID", "OS_TENANT_ID"),
    "project_domain_name": ("OS_PROJECT_DOMAIN_NAME",),
    "project_domain_id": ("OS_PROJECT_DOMAIN_ID",),
    "application_credential_id": ("OS_APPLICATION_CREDENTIAL_ID",),
    "application_credential_name": ("OS_APPLICATION_CREDENTIAL_NAME",),
    "application_credential_secret": ("OS_APPLICATION_CREDENTIAL_SECRET",),
    "region": ("OS_REGION_NAME",),
    "storage_url": ("OS_STORAGE_URL",),
    "token": ("OS_AUTH_TOKEN",),
    "ca_bundle": ("OS_CACERT",),
}
_ANY = "*"


@dataclass(frozen=True, slots=True)
class SwiftKind:
    """See `brigade.wiring.kinds.Kind`."""

    settings: SwiftSettings
    endpoint: str
    clock: Clock

    @classmethod
    def of_section(cls, section: SwiftSection, setting: Setting) -> Self:
        """Raises `ConfigError`."""
        settings = swift_settings(setting.name, section, directory=setting.directory)
        return cls(settings, f"store:{setting.name}", setting.clock)

    @classmethod
    def of_environment(cls, setting: Setting) -> Self:
        """What `swift://` means to OpenStack's own tools. Raises `ConfigError`."""
        settings = swift_url_settings(setting.environment)
        return cls(settings, f"swift:{settings.storage_url or settings.auth_url}", setting.clock)

    def bucket(self, bucket: str, connections: int) -> Store:
        return SwiftStore(replace(self.settings, container=bucket, connections=connections), self.clock)

    async def buckets(self) -> list[str]:
        return await list_containers(self.settings, self.clock)

    async def has_bucket(self, bucket: str) -> bool:
        return await has_container(replace(self.settings, container=bucket), self.clock)


def swift_settings(name: str, section: SwiftSection, *, directory: Path) -> SwiftSettings:
    """The settings of an account as the configuration describes it. Raises `ConfigError`."""
    settings = SwiftSettings(
        name=name,
        container=_ANY,
        auth_version=AuthVersion(section.auth_version) if section.auth_version else None,
        dlo=_dynamic(section.dlo),
        ca_bundle=str(directory / section.ca_bundle) if section.ca_bundle else None,
        **{key: getattr(section, key) for key in _SAME},
    )
    return replace(
        settings,
        connect_timeout_seconds=section.connect_timeout or settings.connect_timeout_seconds,
        idle_timeout_seconds=section.idle_timeout or settings.idle_timeout_seconds,
    )


def _dynamic(said: str | bool) -> DynamicObjects:
    """`true` and `false` say whether to look for them at all."""
    if isinstance(said, bool):
        return DynamicObjects.SEGMENTS if said else DynamicObjects.IGNORE
    return DynamicObjects(said)


def swift_url_settings(environment: Mapping[str, str]) -> SwiftSettings:
    """The settings that `swift://container` means to OpenStack's own tools. Raises `ConfigError`."""
    found = {
        key: next((environment[name] for name in names if environment.get(name)), None)
        for key, names in _VARIABLES.items()
    }
    if found["token"] is not None and found["storage_url"] is None:
        found["token"] = None  # a token for other services: log in for this one
    version = environment.get("ST_AUTH_VERSION") or environment.get("OS_IDENTITY_API_VERSION") or ""
    interface = environment.get("OS_INTERFACE") or environment.get("OS_ENDPOINT_TYPE") or "public"
    if found["auth_url"] is None and found["token"] is None:
        raise ConfigError(
            "swift:// needs to know where to log in",
            hint="set ST_AUTH, ST_USER and ST_KEY, or OS_AUTH_URL with the others of OpenStack's RC file",
        )
    return SwiftSettings(
        name="swift",
        container=_ANY,
        auth_version=_version(version, environment),
        interface=interface.removesuffix("URL"),
        **{key: value for key, value in found.items() if value is not None},  # type: ignore[arg-type]  # all are text
    )


def _version(text: str, environment: Mapping[str, str]) -> AuthVersion | None:
    number = text.removeprefix("v").partition(".")[0]
    if number in ("1", "2", "3"):
        return AuthVersion(number)
    return AuthVersion.V1 if environment.get("ST_AUTH") else None

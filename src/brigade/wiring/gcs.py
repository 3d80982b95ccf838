"""Buckets of Google Cloud Storage, from a section of the configuration or from what Google's own tools would use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Self

from brigade.clock import Clock
from brigade.stores.base import Store
from brigade.stores.gcs.buckets import has_bucket, list_buckets
from brigade.stores.gcs.settings import ENDPOINT, GcsSettings
from brigade.stores.gcs.store import GcsStore
from brigade.stores.layers.versions import VersionsStore
from brigade.wiring.kinds import Setting

if TYPE_CHECKING:
    from brigade.config.gcs import GcsSection


@dataclass(frozen=True, slots=True)
class GcsKind:
    """See `brigade.wiring.kinds.Kind`."""

    settings: GcsSettings
    endpoint: str
    clock: Clock
    all_versions: bool = False

    @classmethod
    def of_section(cls, section: GcsSection, setting: Setting) -> Self:
        """Raises `ConfigError`."""
        name, directory, environment, clock = setting
        settings = gcs_settings(name, section, directory, environment)
        return cls(settings, f"store:{name}", clock, section.versions == "all")

    @classmethod
    def of_environment(cls, setting: Setting) -> Self:
        """What `gs://` means to Google's own tools."""
        emulator = emulator_of(setting.environment)
        settings = GcsSettings(
            name="gs",
            bucket="*",
            endpoint=emulator or ENDPOINT,
            anonymous=emulator is not None,
            project=_project(setting.environment),
        )
        return cls(settings, f"gs:{settings.endpoint}", setting.clock)

    def bucket(self, bucket: str, connections: int) -> Store:
        store = GcsStore(replace(self.settings, bucket=bucket, connections=connections), self.clock)
        return VersionsStore(store) if self.all_versions else store

    async def buckets(self) -> list[str]:
        return await list_buckets(self.settings, self.clock)

    async def has_bucket(self, bucket: str) -> bool:
        return await has_bucket(replace(self.settings, bucket=bucket), self.clock)


def gcs_settings(name: str, section: GcsSection, directory: Path, environment: Mapping[str, str]) -> GcsSettings:
    """The settings of a store as the configuration describes it, all its buckets. Raises `ConfigError`."""
    emulator = emulator_of(environment) if section.endpoint is None else None
    settings = GcsSettings(
        name=name,
        bucket="*",
        endpoint=(section.endpoint or emulator or ENDPOINT).rstrip("/"),
        credentials_file=str(directory / section.credentials_file)
        if section.credentials_file and emulator is None
        else None,
        credentials=section.credentials if emulator is None else None,
        access_token=section.access_token if emulator is None else None,
        anonymous=section.anonymous or emulator is not None,
        project=section.project or _project(environment),
        user_project=section.user_project,
        location=section.location,
        storage_class=section.storage_class,
        ca_bundle=str(directory / section.ca_bundle) if section.ca_bundle else None,
        verify_tls=section.verify_tls,
    )
    return replace(
        settings,
        connect_timeout_seconds=section.connect_timeout or settings.connect_timeout_seconds,
        idle_timeout_seconds=section.idle_timeout or settings.idle_timeout_seconds,
    )


def emulator_of(environment: Mapping[str, str]) -> str | None:
    """The URL of the emulator that Google's own libraries would use, which asks for no credentials."""
    host = environment.get("STORAGE_EMULATOR_HOST", "").rstrip("/")
    if not host:
        return None
    return host if "://" in host else f"http://{host}"


def _project(environment: Mapping[str, str]) -> str | None:
    return environment.get("GOOGLE_CLOUD_PROJECT") or None

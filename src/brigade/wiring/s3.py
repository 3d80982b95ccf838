"""Buckets of S3 endpoints, from a section of the configuration or from what AWS's own tools would use."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Self

from brigade.clock import Clock
from brigade.errors import ConfigError
from brigade.stores.base import Store
from brigade.stores.s3.buckets import has_bucket, list_buckets
from brigade.stores.s3.settings import Addressing, Encryption, S3Settings, Vendor
from brigade.stores.s3.store import S3Store
from brigade.wiring.aws import aws_endpoint, environment_keys
from brigade.wiring.kinds import Setting

if TYPE_CHECKING:
    from brigade.config.stores import S3Section


@dataclass(frozen=True, slots=True)
class S3Kind:
    """See `brigade.wiring.kinds.Kind`."""

    settings: S3Settings
    endpoint: str
    clock: Clock

    @classmethod
    def of_section(cls, section: S3Section, setting: Setting) -> Self:
        """Raises `ConfigError`."""
        name, directory, environment, clock = setting
        settings = s3_settings(name, "*", section, directory=directory, environment=environment)
        return cls(settings, f"store:{name}", clock)

    @classmethod
    def of_environment(cls, setting: Setting) -> Self:
        """What `s3://` means to AWS's own tools."""
        settings = s3_url_settings("*", setting.environment)
        return cls(settings, f"s3:{settings.endpoint}", setting.clock)

    def bucket(self, bucket: str, connections: int) -> Store:
        return S3Store(replace(self.settings, bucket=bucket, connections=connections), self.clock)

    async def buckets(self) -> list[str]:
        return await list_buckets(self.settings, self.clock)

    async def has_bucket(self, bucket: str) -> bool:
        return await has_bucket(replace(self.settings, bucket=bucket), self.clock)


def s3_settings(
    name: str, bucket: str, section: S3Section, *, directory: Path, environment: Mapping[str, str]
) -> S3Settings:
    """The settings of one bucket as the configuration describes its store. Raises `ConfigError`."""
    keys = environment_keys(environment) if section.access_key is None and section.profile is None else None
    if section.anonymous:
        keys = None
    settings = S3Settings(
        name=name,
        bucket=bucket,
        endpoint=section.endpoint.rstrip("/") if section.endpoint else None,
        region=section.region,
        access_key=keys.access_key if keys else section.access_key,
        secret_key=keys.secret_key if keys else section.secret_key,
        session_token=keys.session_token if keys else section.session_token,
        profile=section.profile,
        anonymous=section.anonymous,
        addressing=Addressing(section.addressing),
        ca_bundle=str(directory / section.ca_bundle) if section.ca_bundle else None,
        verify_tls=section.verify_tls,
        vendor=Vendor(section.vendor),
        encryption=Encryption(section.encryption),
        kms_key=section.kms_key,
        customer_key=_customer_key(name, section.customer_key),
        min_part_bytes=section.min_part_size,
        max_part_bytes=section.max_part_size,
        max_parts=section.max_parts,
        listing_order=section.listing_order,
        requester_pays=section.requester_pays,
    )
    return replace(
        settings,
        connect_timeout_seconds=section.connect_timeout or settings.connect_timeout_seconds,
        idle_timeout_seconds=section.idle_timeout or settings.idle_timeout_seconds,
    )


def s3_url_settings(bucket: str, environment: Mapping[str, str]) -> S3Settings:
    """The settings that `s3://bucket` means to AWS's own tools."""
    endpoint = aws_endpoint(environment)
    keys = environment_keys(environment)
    return S3Settings(
        name="s3",
        bucket=bucket,
        endpoint=endpoint.url,
        region=endpoint.region,
        access_key=keys.access_key if keys else None,
        secret_key=keys.secret_key if keys else None,
        session_token=keys.session_token if keys else None,
        profile=None if keys else environment.get("AWS_PROFILE"),
        ca_bundle=environment.get("AWS_CA_BUNDLE"),
    )


def _customer_key(store: str, text: str | None) -> bytes | None:
    if text is None:
        return None
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ConfigError(f"stores.{store}.customer_key is not base64") from None

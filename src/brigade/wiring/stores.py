"""From a section of the configuration, a path or a URL to a concrete store, not open yet."""

from __future__ import annotations

import base64
import binascii
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from brigade.clock import Clock
from brigade.control.work import LeftOut
from brigade.errors import ConfigError
from brigade.stores.base import Store
from brigade.wiring.aws import aws_endpoint, environment_keys

if TYPE_CHECKING:
    from brigade.config.stores import FileSection, S3Section
    from brigade.stores.memory import MemoryStore
    from brigade.stores.s3.settings import S3Settings

_FILE_STORE = "brigade.stores.file.store"

# Memory stores live as long as the process, so that the verbs of one process see the same objects.
_memory: dict[tuple[str, str], MemoryStore] = {}


def s3_store(settings: S3Settings, clock: Clock) -> Store:
    """A bucket of an S3 endpoint."""
    from brigade.stores.s3.store import S3Store

    return S3Store(settings, clock=clock)


async def s3_buckets(settings: S3Settings, clock: Clock) -> list[str]:
    """The names of all buckets of an endpoint."""
    from brigade.stores.s3.buckets import list_buckets

    return await list_buckets(settings, clock)


async def s3_has_bucket(settings: S3Settings, clock: Clock) -> bool:
    """Whether the server has the bucket."""
    from brigade.stores.s3.buckets import has_bucket

    return await has_bucket(settings, clock)


def s3_settings(
    name: str, bucket: str, section: S3Section, *, directory: Path, environment: Mapping[str, str]
) -> S3Settings:
    """The settings of one bucket as the configuration describes its store. Raises `ConfigError`."""
    from brigade.stores.s3.settings import Addressing, Encryption, S3Settings, Vendor

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
    from brigade.stores.s3.settings import S3Settings

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


def file_store(name: str, root: str, section: FileSection | None, clock: Clock) -> Store:
    """A directory."""
    from brigade.stores.file.settings import FileSettings, Symlinks
    from brigade.stores.file.store import FileStore

    if section is None:
        return FileStore(name, FileSettings(root=root), clock=clock)
    settings = FileSettings(
        root=root,
        symlinks=Symlinks(section.symlinks),
        fsync=section.fsync,
        one_file_system=section.one_file_system,
    )
    settings = replace(
        settings,
        read_threads=section.read_threads or settings.read_threads,
        write_threads=section.write_threads or settings.write_threads,
    )
    return FileStore(name, settings, clock=clock)


def left_out_of(store: Store) -> LeftOut | None:
    """What the listings of a directory leave out; other stores list all they hold."""
    module = sys.modules.get(_FILE_STORE)
    if module is None:
        return None  # nothing has made one: importing it here would cost each run between buckets 20 ms
    return store.skipped if isinstance(store, module.FileStore) else None


def memory_store(name: str, bucket: str, clock: Clock) -> Store:
    """A bucket in memory."""
    from brigade.stores.memory import MemoryStore

    if (name, bucket) not in _memory:
        _memory[name, bucket] = MemoryStore(name, bucket, clock=clock)
    return _memory[name, bucket]


def memory_buckets(name: str) -> list[str]:
    """The buckets of a memory store that were used so far."""
    return sorted(bucket for store, bucket in _memory if store == name)


def empty_store(name: str, clock: Clock) -> Store:
    """Nothing at all: what a plan is made against where the target is still to be made."""
    from brigade.stores.memory import MemoryStore

    return MemoryStore(name, "", clock=clock)


def _customer_key(store: str, text: str | None) -> bytes | None:
    if text is None:
        return None
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ConfigError(f"stores.{store}.customer_key is not base64") from None

"""The kinds of stores that have buckets: how a section of the configuration, or a URL, becomes a bucket of each.

One line for each type and each scheme of a URL; what it takes to make such a store is loaded only where one is used.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from brigade.clock import Clock
from brigade.stores.base import Store

if TYPE_CHECKING:
    from brigade.config.stores import AzureSection, GcsSection, MemorySection, S3Section, SwiftSection

    BucketSection = S3Section | GcsSection | AzureSection | SwiftSection | MemorySection


class Setting(NamedTuple):
    """What lies around a section: the store's name, where relative paths start, the environment, the clock."""

    name: str
    directory: Path
    environment: Mapping[str, str]
    clock: Clock


class Kind(Protocol):
    """One store of the configuration, all buckets of it."""

    @property
    def endpoint(self) -> str:
        """What shares its limits: the same text for the same endpoint."""

    def bucket(self, bucket: str, connections: int) -> Store:
        """One bucket, without layers; asks no server. Raises `ConfigError`, and `UsageError` where an extra lacks."""

    async def buckets(self) -> list[str]:
        """The names of all buckets. Raises what the store raises."""

    async def has_bucket(self, bucket: str) -> bool:
        """Whether the server has the bucket. Raises what the store raises where it does not say."""


def kind_of(section: BucketSection, setting: Setting) -> Kind:
    """The kind that a section describes."""
    match section.type:
        case "s3":
            from brigade.wiring.s3 import S3Kind

            return S3Kind.of_section(section, setting)
        case "gcs":
            from brigade.wiring.gcs import GcsKind

            return GcsKind.of_section(section, setting)
        case "azure":
            from brigade.wiring.azure import AzureKind

            return AzureKind.of_section(section, setting)
        case "swift":
            from brigade.wiring.swift import SwiftKind

            return SwiftKind.of_section(section, setting)
        case "memory":
            from brigade.wiring.memory import MemoryKind

            return MemoryKind(setting)


def kind_of_url(scheme: str, setting: Setting) -> Kind:
    """The kind that a URL means to the tools of its vendor; `scheme` is one of `brigade.locations.SCHEMES`."""
    match scheme:
        case "s3":
            from brigade.wiring.s3 import S3Kind

            return S3Kind.of_environment(setting)
        case "gs":
            from brigade.wiring.gcs import GcsKind

            return GcsKind.of_environment(setting)
        case "az":
            from brigade.wiring.azure import AzureKind

            return AzureKind.of_environment(setting)
        case "swift":
            from brigade.wiring.swift import SwiftKind

            return SwiftKind.of_environment(setting)
        case _:
            raise AssertionError(scheme)

"""What a user asks for: locations, filters, limits and the policy of a replication. Plain values, checked early."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple


class DeleteMode(StrEnum):
    """What may be deleted at the target: nothing, what this replication wrote, or everything extra."""

    NO = "no"
    TRACKED = "tracked"
    MIRROR = "mirror"


class CompareMode(StrEnum):
    """How two objects are held against each other."""

    AUTO = "auto"
    CHECKSUM = "checksum"
    SIZE = "size"


class AttributesMode(StrEnum):
    """When headers, metadata and tags of unchanged content are compared.

    `AUTO`: where the listing shows that they may have changed, and for objects known to carry tags.
    `EACH`: for every object, at the price of a request a side.
    """

    AUTO = "auto"
    EACH = "each"


class Location(NamedTuple):
    """A prefix in a bucket of a named store. `prefix` is empty or ends with `/`; a directory has no bucket."""

    store: str
    bucket: str
    prefix: str = ""

    def __str__(self) -> str:
        return f"{self.store}:{self.bucket}/{self.prefix}" if self.bucket else f"{self.store}:{self.prefix}"


class FilterRule(NamedTuple):
    """One ordered rule on the relative key: a glob, or a regular expression after `re:`."""

    include: bool
    pattern: str


class MaxDelete(NamedTuple):
    """At most so many deletions: a count, or a percentage of the target's objects."""

    value: float
    is_percent: bool

    def __str__(self) -> str:
        return f"{self.value:g}%" if self.is_percent else f"{self.value:g}"


DEFAULT_MAX_DELETE = MaxDelete(10, is_percent=True)


@dataclass(frozen=True, slots=True)
class Policy:
    """How a replication decides. Sizes in bytes, ages in seconds; None means no limit.

    `copy_after_seconds`: what is younger waits. `retain_source` False: an archive, whose objects leave the source when
    their copies are proven. `expire_after_seconds`: the target deletes what is so old.
    """

    delete: DeleteMode = DeleteMode.NO
    max_delete: MaxDelete = DEFAULT_MAX_DELETE
    compare: CompareMode = CompareMode.AUTO
    attributes: AttributesMode = AttributesMode.AUTO
    filters: tuple[FilterRule, ...] = ()
    min_size_bytes: int | None = None
    max_size_bytes: int | None = None
    min_age_seconds: float | None = None
    max_age_seconds: float | None = None
    delete_excluded: bool = False
    create: bool = True
    update: bool = True
    tags: bool = True
    acl: bool = False
    storage_class: str | None = None
    storage_class_map: Mapping[str, str] = field(default_factory=dict)
    require_proof: bool = False
    copy_after_seconds: float | None = None
    retain_source: bool = True
    expire_after_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Replication:
    """Source location → target location plus policy. `name` is the config's, or made from the locations."""

    name: str
    source: Location
    target: Location
    policy: Policy = field(default_factory=Policy)

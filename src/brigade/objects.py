"""The nouns of the data path: what a store says of an object, and the checksums that prove a copy.

Everything here is a plain value. `ObjectInfo` is a NamedTuple and not a dataclass because a listing makes
one for every object of a bucket, and a frozen dataclass costs four times as much to make.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import NamedTuple

MEBIBYTE = 1024 * 1024

_MD5_ETAG = re.compile(r"[0-9a-f]{32}")
_MULTIPART_ETAG = re.compile(r"[0-9a-f]{32}-([1-9][0-9]{0,4})")


class Proof(StrEnum):
    """How a copy was proven equal to its source, strongest first; `SIZE` is the flagged, weak one."""

    ETAG = "etag"
    MD5 = "md5"
    CHECKSUM = "checksum"
    READ_BACK = "read-back"
    SIZE = "size"
    NONE = "none"

    @property
    def is_weak(self) -> bool:
        """True where the bytes themselves were never compared."""
        return self in (Proof.SIZE, Proof.NONE)


class ChecksumAlgorithm(StrEnum):
    """The digests that stores compute or accept."""

    MD5 = "md5"
    SHA256 = "sha256"
    SHA1 = "sha1"
    CRC32 = "crc32"
    CRC32C = "crc32c"
    CRC64NVME = "crc64nvme"


class Checksum(NamedTuple):
    """A digest of a whole object or part, in lower-case hex."""

    algorithm: ChecksumAlgorithm
    hex: str


@dataclass(frozen=True, slots=True)
class ObjectLock:
    """S3 Object Lock as set on one object; `retain_until` is the RFC 3339 text the store gave."""

    mode: str | None = None
    retain_until: str | None = None
    legal_hold: bool = False


class Grant(NamedTuple):
    """One entry of an ACL: who (`id:…`, `uri:…` or `email:…`) may do what (READ, FULL_CONTROL …)."""

    grantee: str
    permission: str


@dataclass(frozen=True, slots=True)
class Attributes:
    """All that an object carries besides its bytes.

    `metadata` has lower-case names (HTTP headers keep no case) and exact values. `tags` is None where it
    was not read: unknown, not empty. The content headers are None where the object has none. `storage_class` is in S3's
    words, which a store with others translates. `custom_time` is Google's, as the RFC 3339 text it gave; `delete_at_seconds`
    (since the epoch) is when Swift will delete the object.
    """

    content_type: str | None = None
    content_encoding: str | None = None
    content_disposition: str | None = None
    content_language: str | None = None
    cache_control: str | None = None
    expires: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] | None = None
    storage_class: str | None = None
    lock: ObjectLock | None = None
    acl: tuple[Grant, ...] | None = None
    custom_time: str | None = None
    delete_at_seconds: int | None = None

    def with_tags(self, tags: Mapping[str, str] | None) -> Attributes:
        """The same attributes with `tags` in place."""
        return replace(self, tags=tags)


NO_ATTRIBUTES = Attributes()


class ObjectInfo(NamedTuple):
    """What a store says of one object. A listing leaves the optional fields at None where it does not tell.

    `etag` stands without quotes and is None where the store has none for this object. `modified_ns` is
    nanoseconds since the epoch on the store's clock (0: unknown). `tag_count` is None where unknown.
    `parts_count` is the number of parts the store reports, None where it does not say. `opaque_etag`: the store says
    that the content is encrypted under a key, where an ETag may look like an MD5 and be none.
    """

    key: str
    size_bytes: int
    etag: str | None
    modified_ns: int
    storage_class: str | None = None
    version_id: str | None = None
    attributes: Attributes | None = None
    tag_count: int | None = None
    parts_count: int | None = None
    checksum: Checksum | None = None
    opaque_etag: bool = False

    @property
    def fingerprint(self) -> str:
        """A text that changes when the object does; what the inventory remembers of each side."""
        return f"{self.etag or ''}:{self.size_bytes}:{self.modified_ns}"


class PartInfo(NamedTuple):
    """One uploaded part: its number from 1, its size and the ETag the store answered.

    `checksum`: what the store has itself held the part's content to, told by stores whose ETags are no digests.
    """

    number: int
    size_bytes: int
    etag: str
    checksum: Checksum | None = None


class MultipartInfo(NamedTuple):
    """An upload that has begun and is neither completed nor aborted."""

    key: str
    upload_id: str
    initiated_ns: int


def is_md5_etag(etag: str | None) -> bool:
    """True for 32 hex digits: the MD5 of the content, if the store keeps S3's rule."""
    return etag is not None and _MD5_ETAG.fullmatch(etag) is not None


def multipart_count(etag: str | None) -> int | None:
    """The number of parts in a multipart ETag (`<md5 of the parts' md5s>-N`), None for any other."""
    if etag is None or "-" not in etag:
        return None
    match = _MULTIPART_ETAG.fullmatch(etag)
    return int(match.group(1)) if match else None


SEGMENTED = "slo-"
"""What the ETag of an object begins with that is made of others, as Swift's static large objects are."""


DYNAMIC = "dlo-"
"""What the ETag of an object begins with that others make up by their names, as Swift's dynamic large objects are."""


def has_parts(etag: str | None) -> bool:
    """True for the ETag of an object that was written in several parts, which may be worth keeping."""
    return multipart_count(etag) is not None or (etag is not None and etag.startswith(SEGMENTED))

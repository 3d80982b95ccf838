"""The contract of a store: one bucket of one endpoint, or one directory.

Prose first, because the conformance suite (`brigade.testing.conformance`) tests this prose:

- **Keys are opaque text.** A store keeps every key exactly, or raises `InvalidKey` (before it writes
  anything) for one it cannot hold. It never renames.
- **Listing.** `list_page` returns entries in the order that `capabilities.listing_order` declares, after
  `start_after` (exclusive, by that order) and under `prefix`. Only a page without a cursor ends the listing; a
  page that cannot be read whole raises. `start_after` and `cursor` exclude each other. A listing of a
  missing bucket raises `BucketMissing`, never an empty page.
- **Reading.** `get` opens one object (a range, or a part counted from 1) and gives a reader. Leaving the
  context early drops the connection. `Condition.if_match` is an ETag without quotes: another ETag raises
  `PreconditionFailed`. If the object changes while it is read, the reader raises `SourceChanged` or
  `Truncated` before the last byte has been handed out; it never hands out a mixture to its end.
- **Writing.** `put` makes the object visible whole or not at all, in one step; two puts of one key leave one
  of the two. With `expect` the store (or the adapter) checks the content: a mismatch raises `Corrupt` and
  leaves the old state. The info returned has the key, size and, where the store says it, the ETag.
- **Attributes.** What `capabilities` claims to carry comes back equal from `head`. `put` replaces all of
  them. Tags come back from `read_tags`, and `head` fills `attributes.tags` only if that costs no request
  more. `put` with `tags=None` writes no tags.
- **Multipart.** Parts may come in any order and again (the last wins); `complete_multipart` makes the object
  visible in one step and consumes the upload; `abort_multipart` of an unknown upload is fine.
- **Deleting** an absent key is fine. `delete` answers each key: None or its error. A condition goes with one key: where
  `conditional_deletes` is claimed, another object than the one meant stays, answered by `PreconditionFailed`.
- **Errors** are those of `brigade.errors`, translated here and nowhere else. `close` may be called twice.
- A store never retries, never limits, never counts: layers around it do.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple, Protocol, cast, runtime_checkable

from brigade.errors import StoreError, Unsupported
from brigade.objects import Attributes, Checksum, Grant, MultipartInfo, ObjectInfo, PartInfo


class ListingOrder(StrEnum):
    """The order in which a store lists keys.

    `BYTES`: by the UTF-8 bytes, as S3 documents. `COMPONENTS`: by path components, so `a/b` before `a-b`
    (byte order after `/` is replaced by NUL). `NONE`: no order that can be relied on.
    """

    BYTES = "bytes"
    COMPONENTS = "components"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a store can do, as data: engine and tests choose by these, never by a store's type.

    `content_etags`: ETags of single uploads are the MD5 of the content, of multipart uploads the MD5 of the
    parts' MD5s and `-N` (`objects.SEGMENTED`: the MD5 of those MD5s as text), unless they say `opaque_etag`.
    `strict_etags`: that is sure for every object that does not say `opaque_etag`, so other bytes are damage. `verifies_md5`: refuses a body that differs from `expect`. `part_reads`: serves
    `get(part=n)` along the parts of the upload. `local_reads`: reading content costs no network, so hashing
    beats copying. `reads_tell_class`: what is read tells its storage class, as `head` does. `listing_tells_tags`: a change of tags alone moves `modified_ns` in the listing.
    `multipart_tags`: `create_multipart` takes tags; a store without it leaves them out, and whoever wants them
    calls `write_tags` after completing. `narrow_tags`: at most ten tags, of ASCII letters, digits, space and `+-./:=_` only;
    others raise `Rejected`. `modified_is_write_time`: `modified_ns` is when the store took the object, and nobody can set it.
    `manifests`: large objects are made of others by a manifest, and the store has the calls of `Manifests`.
    `writable`: False for a view that is for reading only: it is refused as a target, and nothing is deleted there.
    `dynamic_parts`: an object whose ETag begins with `objects.DYNAMIC` has parts that may be worth keeping.
    """

    listing_order: ListingOrder = ListingOrder.BYTES
    start_after: bool = True
    content_etags: bool = True
    strict_etags: bool = False
    verifies_md5: bool = True
    proves_writes: bool = False
    part_reads: bool = False
    local_reads: bool = False
    reads_tell_class: bool = True
    conditional_reads: bool = True
    conditional_writes: bool = False
    conditional_deletes: bool = False
    multipart: bool = True
    server_copy: bool = True
    copy_keeps_etag: bool = False
    content_headers: bool = True
    metadata: bool = True
    empty_metadata_values: bool = True
    identifier_metadata: bool = False
    tags: bool = False
    narrow_tags: bool = False
    multipart_tags: bool = True
    listing_tells_tags: bool = False
    storage_classes: bool = False
    stored_classes: Mapping[str, str] = field(default_factory=dict)
    acl: bool = False
    object_lock: bool = False
    custom_time: bool = False
    delete_at: bool = False
    manifests: bool = False
    dynamic_parts: bool = False
    writable: bool = True
    modified_is_write_time: bool = True
    max_key_bytes: int = 1024
    max_put_bytes: int = 5 * 1024**3
    max_copy_bytes: int = 5 * 1024**3
    min_part_bytes: int = 5 * 1024**2
    max_part_bytes: int = 5 * 1024**3
    max_parts: int = 10_000
    delete_batch: int = 1000
    modified_resolution_ns: int = 1_000_000_000


class ListPage(NamedTuple):
    """One page of a listing. `cursor` None proves that the listing is complete."""

    entries: list[ObjectInfo]
    cursor: str | None


class Condition(NamedTuple):
    """When a call may go ahead: ETags without quotes; `if_none_match="*"` means the key must be absent.

    `if_unmodified_ns` means "exactly the version I saw" for an object without an ETag: its `modified_ns` must
    still be this number. A store whose objects always have ETags ignores it.
    """

    if_match: str | None = None
    if_none_match: str | None = None
    if_unmodified_ns: int | None = None


ALWAYS = Condition()


class ByteRange(NamedTuple):
    """`length_bytes` bytes from offset `first`."""

    first: int
    length_bytes: int


class Body(Protocol):
    """Content on its way into a store. A body that is not replayable can be read once: no retry below the engine."""

    @property
    def size_bytes(self) -> int: ...
    @property
    def replayable(self) -> bool: ...
    def chunks(self) -> AsyncIterator[bytes]:
        """The content, in pieces of any size above zero; from the start again if replayable."""


class BytesBody:
    """A body that is in memory: replayable."""

    __slots__ = ("data",)
    replayable = True

    def __init__(self, data: bytes) -> None:
        self.data = data

    @property
    def size_bytes(self) -> int:
        return len(self.data)

    async def chunks(self) -> AsyncIterator[bytes]:
        if self.data:
            yield self.data


class ObjectReader(Protocol):
    """An open object. `info` has attributes and, for a range or part, `size_bytes` of what will be read.

    For a range or a part `info.etag` is still that of the whole object, and `info.checksum`, if any, that of the part.
    """

    info: ObjectInfo

    def chunks(self) -> AsyncIterator[bytes]:
        """The content, once. Raises `Truncated` when fewer bytes come than promised."""

    async def read(self) -> bytes:
        """The whole content, for small objects."""


@runtime_checkable
class Expiring(Protocol):
    """What a store can do besides that lets objects expire by a rule for a prefix."""

    async def expire_under(self, prefix: str, days: int) -> None:
        """Have what lies under `prefix` deleted so many days after it was written, by a rule of ours and no other's."""


class ListsVersions(Protocol):
    """What a store can do besides that tells of older versions of its objects, or of snapshots of them."""

    @property
    def version_words(self) -> tuple[str, ...]:
        """How the service itself names versions in a URL, first the one that goes without saying: `versionid`, `snapshot`."""

    async def list_versions(self, prefix: str = "", *, cursor: str | None = None, limit: int = 1000) -> ListPage:
        """One page of all that `list_page` lists and of all that is older, in any order.

        `version_id` is None for what `list_page` lists, else what `head`, `get` and `read_tags` take for this version. One
        that not the first word names has its word before its value: `snapshot=…`.
        """


class Manifests(Protocol):
    """What a store can do besides whose `capabilities.manifests` says so; paths are `/container/object`."""

    async def read_manifest(self, key: str) -> bytes | None:
        """The manifest of a large object, None for any other object. Raises `NotFound`."""

    async def segment_etag(self, path: str) -> str | None:
        """The ETag of what lies there, None where nothing does. Raises `Rejected` where no segment may be put."""

    async def put_segment(self, path: str, body: Body, *, expect: Checksum | None = None) -> PartInfo:
        """Write a segment where nothing lies yet; other content that lies there raises `PreconditionFailed`."""

    async def write_manifest(self, key: str, manifest: bytes, *, attributes: Attributes) -> ObjectInfo:
        """Make the large object that `read_manifest` described; its segments must be in their places."""


class KeptManifest(NamedTuple):
    """A manifest kept beside a copy. `origin` says, in a digest, at which place (`Store.identity`) it was read."""

    document: bytes
    origin: str


@runtime_checkable
class KeepsManifests(Protocol):
    """A store that keeps manifests of another one beside the copies of its objects."""

    async def kept_manifest(self, key: str) -> KeptManifest | None:
        """The manifest kept for this key, None where there is none."""

    async def keep_manifest(self, key: str, kept: KeptManifest) -> None:
        """Keep it in place of what was kept for the key."""

    async def drop_manifest(self, key: str) -> None:
        """Keep none for this key; fine if there is none."""


class Store(Protocol):
    """One bucket of one endpoint; see the top of this file for what every method promises."""

    @property
    def name(self) -> str:
        """For people: `minio:photos`."""

    @property
    def identity(self) -> str:
        """The same text for the same place, however it is named: `s3://host:9000/photos`, `file:///srv/data`."""

    @property
    def capabilities(self) -> Capabilities: ...

    @property
    def clock_offset_ns(self) -> int:
        """The store's clock minus this machine's as `open` found it, to a second or so; 0 where it does not tell."""

    async def open(self) -> None:
        """Reach the store once and settle `capabilities`. Raises if bucket or credentials are wrong."""

    async def list_page(
        self, prefix: str = "", *, start_after: str = "", cursor: str | None = None, limit: int = 1000
    ) -> ListPage: ...

    async def head(self, key: str, *, version_id: str | None = None) -> ObjectInfo:
        """The object with its attributes. Raises `NotFound`."""

    async def part_sizes(self, key: str, *, etag: str) -> list[int] | None:
        """The sizes of the parts this object was uploaded in, None where the store cannot tell."""

    def get(
        self,
        key: str,
        *,
        byte_range: ByteRange | None = None,
        part: int | None = None,
        condition: Condition = ALWAYS,
        version_id: str | None = None,
    ) -> AbstractAsyncContextManager[ObjectReader]: ...

    async def put(
        self,
        key: str,
        body: Body,
        *,
        attributes: Attributes,
        condition: Condition = ALWAYS,
        expect: Checksum | None = None,
    ) -> ObjectInfo: ...

    async def copy(
        self,
        source_key: str,
        target_key: str,
        *,
        attributes: Attributes | None = None,
        condition: Condition = ALWAYS,
    ) -> ObjectInfo:
        """Copy inside this store; `attributes` replaces all of them; `condition` is on the source object."""

    async def delete(self, keys: Sequence[str], *, condition: Condition = ALWAYS) -> dict[str, StoreError | None]: ...

    async def read_tags(self, key: str, *, version_id: str | None = None) -> dict[str, str]: ...
    async def write_tags(self, key: str, tags: Mapping[str, str]) -> None: ...
    async def read_acl(self, key: str) -> tuple[Grant, ...]: ...
    async def write_acl(self, key: str, acl: Sequence[Grant]) -> None: ...

    async def create_multipart(self, key: str, *, attributes: Attributes) -> str: ...
    async def put_part(
        self, key: str, upload_id: str, number: int, body: Body, *, expect: Checksum | None = None
    ) -> PartInfo: ...
    async def list_parts(self, key: str, upload_id: str) -> list[PartInfo]: ...
    async def complete_multipart(
        self, key: str, upload_id: str, parts: Sequence[PartInfo], *, condition: Condition = ALWAYS
    ) -> ObjectInfo: ...
    async def abort_multipart(self, key: str, upload_id: str) -> None: ...
    async def list_multiparts(self, prefix: str = "") -> list[MultipartInfo]: ...

    async def create_bucket(self) -> None:
        """Make the bucket or directory; fine if it is there and ours."""

    async def delete_bucket(self) -> None:
        """Remove the bucket, never anything in it: one that holds something raises `Rejected`. Fine if it is absent.

        Where there is no bucket (a directory, a prefix) it raises `Unsupported`.
        """

    async def close(self) -> None: ...


def with_manifests(store: Store) -> Manifests:
    """The same store with its calls for manifests. Raises `Unsupported` where it has none."""
    if not store.capabilities.manifests:
        raise Unsupported("the store has no manifests", store=store.name)
    return cast("Manifests", store)

"""A store in memory that behaves like S3: for tests, dry exercises and playing poor servers.

What it can do is configured by `Capabilities`. Where a capability is off, the store does what poor servers do: it
drops headers, metadata and storage classes, ignores conditions, and refuses tags, ACLs and locks.
"""

from __future__ import annotations

import hashlib
import zlib
from bisect import bisect_left, bisect_right, insort
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import TypeVar

from brigade.clock import Clock
from brigade.errors import (
    BucketMissing,
    Corrupt,
    InvalidKey,
    NotFound,
    PreconditionFailed,
    Rejected,
    StoreError,
    Truncated,
    Unsupported,
)
from brigade.objects import (
    Attributes,
    Checksum,
    ChecksumAlgorithm,
    Grant,
    MultipartInfo,
    ObjectInfo,
    PartInfo,
)
from brigade.stores.base import (
    ALWAYS,
    Body,
    ByteRange,
    BytesBody,
    Capabilities,
    Condition,
    ListingOrder,
    ListPage,
)

E = TypeVar("E", bound=StoreError)

CHUNK_BYTES = 256 * 1024

MEMORY_CAPABILITIES = Capabilities(
    part_reads=True,
    conditional_writes=True,
    tags=True,
    storage_classes=True,
    acl=True,
    object_lock=True,
    min_part_bytes=1,
    modified_resolution_ns=1,
)


def _by_components(key: str) -> str:
    return key.replace("/", "\0")


def _by_reversed_key(key: str) -> str:
    return key[::-1]


# Python compares text by code points, and UTF-8 keeps their order: no key function is needed for byte order.
_SORT_KEYS: dict[ListingOrder, Callable[[str], str] | None] = {
    ListingOrder.BYTES: None,
    ListingOrder.COMPONENTS: _by_components,
    ListingOrder.NONE: _by_reversed_key,
}


@dataclass(slots=True)
class _Stored:
    data: bytes
    etag: str
    modified_ns: int
    attributes: Attributes
    part_sizes: tuple[int, ...] | None = None
    checksum: Checksum | None = None


@dataclass(slots=True)
class _Upload:
    key: str
    attributes: Attributes
    initiated_ns: int
    parts: dict[int, tuple[bytes, str]] = field(default_factory=dict)


class MemoryReader:
    """Holds the bytes as they were when the object was opened."""

    __slots__ = ("_data", "info")

    def __init__(self, info: ObjectInfo, data: bytes) -> None:
        self.info = info
        self._data = data

    async def chunks(self) -> AsyncIterator[bytes]:
        data = self._data
        for first in range(0, len(data), CHUNK_BYTES):
            yield data[first : first + CHUNK_BYTES]

    async def read(self) -> bytes:
        return self._data


class MemoryStore:
    """One bucket in memory. `exists=False` starts without the bucket, until `create_bucket`."""

    def __init__(
        self,
        name: str,
        bucket: str,
        *,
        clock: Clock,
        capabilities: Capabilities = MEMORY_CAPABILITIES,
        exists: bool = True,
    ) -> None:
        self.name = f"{name}:{bucket}"
        self.identity = f"memory://{name}/{bucket}"
        self.capabilities = capabilities
        self._clock = clock
        self._exists = exists
        self._objects: dict[str, _Stored] = {}
        self._keys: list[str] = []
        self._uploads: dict[str, _Upload] = {}
        self._serial = 0

    async def open(self) -> None:
        self._require_bucket("open")

    async def create_bucket(self) -> None:
        self._exists = True

    async def close(self) -> None:
        """Nothing to give back; the objects stay, so that a test may open the store again."""

    # Listing and looking

    async def list_page(
        self, prefix: str = "", *, start_after: str = "", cursor: str | None = None, limit: int = 1000
    ) -> ListPage:
        self._require_bucket("list")
        if cursor is not None and start_after:
            raise self._error(Rejected, "list", None, "start_after and cursor exclude each other")
        after = cursor if cursor is not None else start_after
        if after and cursor is None and not self.capabilities.start_after:
            raise self._error(Unsupported, "list", None, "this store cannot start a listing after a key")
        if self.capabilities.listing_order is ListingOrder.BYTES:
            return self._ordered_page(prefix, after, limit)
        return self._filtered_page(prefix, after, limit)

    def _ordered_page(self, prefix: str, after: str, limit: int) -> ListPage:
        keys = self._keys
        first = bisect_right(keys, after) if after >= prefix and after else bisect_left(keys, prefix)
        page = keys[first : first + limit]
        more = first + limit < len(keys) and keys[first + limit].startswith(prefix)
        if page and not page[-1].startswith(prefix):
            page = [key for key in page if key.startswith(prefix)]
            more = False
        return self._page(page, more)

    def _filtered_page(self, prefix: str, after: str, limit: int) -> ListPage:
        sort_key = _SORT_KEYS[self.capabilities.listing_order]
        assert sort_key is not None
        position = bisect_right(self._keys, sort_key(after), key=sort_key) if after else 0
        page: list[str] = []
        for index in range(position, len(self._keys)):
            key = self._keys[index]
            if key.startswith(prefix):
                if len(page) == limit:
                    return self._page(page, more=True)
                page.append(key)
        return self._page(page, more=False)

    def _page(self, keys: list[str], more: bool) -> ListPage:
        objects = self._objects
        entries = []
        for key in keys:
            stored = objects[key]
            entries.append(
                ObjectInfo(key, len(stored.data), stored.etag, stored.modified_ns, stored.attributes.storage_class)
            )
        return ListPage(entries, keys[-1] if more else None)

    async def head(self, key: str, *, version_id: str | None = None) -> ObjectInfo:
        return self._described(key, self._find("head", key, version_id))

    async def part_sizes(self, key: str, *, etag: str) -> list[int] | None:
        stored = self._find("part_sizes", key)
        self._check("part_sizes", key, stored, Condition(if_match=etag))
        if not self.capabilities.part_reads:
            return None
        return list(stored.part_sizes or (len(stored.data),))

    # Reading

    @asynccontextmanager
    async def get(
        self,
        key: str,
        *,
        byte_range: ByteRange | None = None,
        part: int | None = None,
        condition: Condition = ALWAYS,
        version_id: str | None = None,
    ) -> AsyncIterator[MemoryReader]:
        stored = self._find("get", key, version_id)
        if self.capabilities.conditional_reads:
            self._check("get", key, stored, condition)
        data = self._piece(key, stored, byte_range, part)
        yield MemoryReader(self._described(key, stored)._replace(size_bytes=len(data)), data)

    def _piece(self, key: str, stored: _Stored, byte_range: ByteRange | None, part: int | None) -> bytes:
        data = stored.data
        if part is not None:
            byte_range = self._part_range(key, stored, part)
        if byte_range is not None:
            first, length_bytes = byte_range
            if first >= len(data) and (first, part) != (0, 1):
                raise self._error(Rejected, "get", key, f"offset {first} is behind the end", "InvalidRange")
            data = data[first : first + length_bytes]
        return data

    def _part_range(self, key: str, stored: _Stored, part: int) -> ByteRange:
        if not self.capabilities.part_reads:
            raise self._error(Unsupported, "get", key, "this store cannot read single parts")
        sizes = stored.part_sizes or (len(stored.data),)
        if not 1 <= part <= len(sizes):
            raise self._error(Rejected, "get", key, f"there is no part {part} of {len(sizes)}", "InvalidPartNumber")
        return ByteRange(sum(sizes[: part - 1]), sizes[part - 1])

    # Writing

    async def put(
        self,
        key: str,
        body: Body,
        *,
        attributes: Attributes,
        condition: Condition = ALWAYS,
        expect: Checksum | None = None,
    ) -> ObjectInfo:
        self._require_key("put", key)
        if body.size_bytes > self.capabilities.max_put_bytes:
            raise self._error(Rejected, "put", key, "the object is too large for one put", "EntityTooLarge")
        carried = self._carried("put", key, attributes)
        data = await self._collect("put", key, body, expect)
        self._check_write("put", key, condition)
        kept = None if expect is None or expect.algorithm is ChecksumAlgorithm.MD5 else expect
        return self._store(key, data, self._etag_of(data), carried, checksum=kept)

    async def copy(
        self,
        source_key: str,
        target_key: str,
        *,
        attributes: Attributes | None = None,
        condition: Condition = ALWAYS,
    ) -> ObjectInfo:
        if not self.capabilities.server_copy:
            raise self._error(Unsupported, "copy", target_key, "this store cannot copy by itself")
        self._require_key("copy", target_key)
        source = self._find("copy", source_key)
        if self.capabilities.conditional_reads:
            self._check("copy", source_key, source, condition)
        if len(source.data) > self.capabilities.max_copy_bytes:
            raise self._error(Rejected, "copy", source_key, "the object is too large for one copy", "EntityTooLarge")
        carried = source.attributes if attributes is None else self._carried("copy", target_key, attributes)
        keeps = self.capabilities.copy_keeps_etag
        etag = source.etag if keeps else self._etag_of(source.data)
        parts = source.part_sizes if keeps else None
        return self._store(target_key, source.data, etag, carried, parts, source.checksum)

    async def delete(self, keys: Sequence[str]) -> dict[str, StoreError | None]:
        self._require_bucket("delete")
        if len(keys) > self.capabilities.delete_batch:
            raise self._error(Rejected, "delete", None, f"more than {self.capabilities.delete_batch} keys at once")
        for key in keys:
            if self._objects.pop(key, None) is not None:
                del self._keys[self._position(key)]
        return dict.fromkeys(keys)

    # Tags and ACL

    async def read_tags(self, key: str, *, version_id: str | None = None) -> dict[str, str]:
        self._require(self.capabilities.tags, "read_tags", key, "tags")
        return dict(self._find("read_tags", key, version_id).attributes.tags or {})

    async def write_tags(self, key: str, tags: Mapping[str, str]) -> None:
        self._require(self.capabilities.tags, "write_tags", key, "tags")
        stored = self._find("write_tags", key)
        stored.attributes = stored.attributes.with_tags(dict(tags))
        if self.capabilities.listing_tells_tags:
            stored.modified_ns = self._now_ns()

    async def read_acl(self, key: str) -> tuple[Grant, ...]:
        self._require(self.capabilities.acl, "read_acl", key, "ACLs")
        return self._find("read_acl", key).attributes.acl or ()

    async def write_acl(self, key: str, acl: Sequence[Grant]) -> None:
        self._require(self.capabilities.acl, "write_acl", key, "ACLs")
        stored = self._find("write_acl", key)
        stored.attributes = replace(stored.attributes, acl=tuple(acl))

    # Multipart

    async def create_multipart(self, key: str, *, attributes: Attributes) -> str:
        self._require(self.capabilities.multipart, "create_multipart", key, "multipart uploads")
        self._require_key("create_multipart", key)
        carried = self._carried("create_multipart", key, attributes)
        self._serial += 1
        upload_id = f"upload-{self._serial:06d}"
        self._uploads[upload_id] = _Upload(key, carried, self._now_ns())
        return upload_id

    async def put_part(
        self, key: str, upload_id: str, number: int, body: Body, *, expect: Checksum | None = None
    ) -> PartInfo:
        upload = self._upload("put_part", key, upload_id)
        if not 1 <= number <= self.capabilities.max_parts:
            raise self._error(Rejected, "put_part", key, f"part {number} is out of bounds", "InvalidArgument")
        if body.size_bytes > self.capabilities.max_part_bytes:
            raise self._error(Rejected, "put_part", key, "the part is too large", "EntityTooLarge")
        data = await self._collect("put_part", key, body, expect)
        etag = hashlib.md5(data, usedforsecurity=False).hexdigest()
        upload.parts[number] = (data, etag)
        return PartInfo(number, len(data), etag)

    async def list_parts(self, key: str, upload_id: str) -> list[PartInfo]:
        parts = self._upload("list_parts", key, upload_id).parts
        return [PartInfo(number, len(parts[number][0]), parts[number][1]) for number in sorted(parts)]

    async def complete_multipart(
        self, key: str, upload_id: str, parts: Sequence[PartInfo], *, condition: Condition = ALWAYS
    ) -> ObjectInfo:
        upload = self._upload("complete_multipart", key, upload_id)
        pieces = self._chosen_pieces(key, upload, parts)
        self._check_write("complete_multipart", key, condition)
        data = b"".join(pieces)
        digests = b"".join(bytes.fromhex(part.etag) for part in parts)
        composite = f"{hashlib.md5(digests, usedforsecurity=False).hexdigest()}-{len(parts)}"
        etag = composite if self.capabilities.content_etags else self._etag_of(data)
        info = self._store(key, data, etag, upload.attributes, tuple(map(len, pieces)))
        del self._uploads[upload_id]
        return info

    def _chosen_pieces(self, key: str, upload: _Upload, parts: Sequence[PartInfo]) -> list[bytes]:
        numbers = [part.number for part in parts]
        if not parts or numbers != sorted(set(numbers)):
            raise self._error(Rejected, "complete_multipart", key, "parts must be given once, in order", "InvalidPart")
        pieces = []
        for part in parts:
            data, etag = upload.parts.get(part.number, (b"", ""))
            if etag != part.etag:
                raise self._error(
                    Rejected, "complete_multipart", key, f"part {part.number} is not as uploaded", "InvalidPart"
                )
            pieces.append(data)
        if any(len(piece) < self.capabilities.min_part_bytes for piece in pieces[:-1]):
            raise self._error(Rejected, "complete_multipart", key, "a part is too small", "EntityTooSmall")
        return pieces

    async def abort_multipart(self, key: str, upload_id: str) -> None:
        self._require_bucket("abort_multipart")
        upload = self._uploads.get(upload_id)
        if upload is not None and upload.key == key:
            del self._uploads[upload_id]

    async def list_multiparts(self, prefix: str = "") -> list[MultipartInfo]:
        self._require_bucket("list_multiparts")
        found = [
            MultipartInfo(upload.key, upload_id, upload.initiated_ns)
            for upload_id, upload in self._uploads.items()
            if upload.key.startswith(prefix)
        ]
        return sorted(found)

    # What the methods above share

    def _store(
        self,
        key: str,
        data: bytes,
        etag: str,
        attributes: Attributes,
        part_sizes: tuple[int, ...] | None = None,
        checksum: Checksum | None = None,
    ) -> ObjectInfo:
        if key not in self._objects:
            keys = self._keys
            sort_key = _SORT_KEYS[self.capabilities.listing_order]
            if sort_key is not None:
                insort(keys, key, key=sort_key)
            elif not keys or key > keys[-1]:
                keys.append(key)
            else:
                insort(keys, key)
        modified_ns = self._now_ns()
        self._objects[key] = _Stored(data, etag, modified_ns, attributes, part_sizes, checksum)
        return ObjectInfo(key, len(data), etag, modified_ns)

    def _position(self, key: str) -> int:
        sort_key = _SORT_KEYS[self.capabilities.listing_order]
        if sort_key is None:
            return bisect_left(self._keys, key)
        position = bisect_left(self._keys, sort_key(key), key=sort_key)
        while self._keys[position] != key:
            position += 1  # Two keys may sort equal by components: `a/b` and `a\0b`.
        return position

    def _described(self, key: str, stored: _Stored) -> ObjectInfo:
        attributes = stored.attributes
        return ObjectInfo(
            key,
            len(stored.data),
            stored.etag,
            stored.modified_ns,
            attributes.storage_class,
            attributes=replace(attributes, tags=None, acl=None),
            tag_count=len(attributes.tags or {}) if self.capabilities.tags else None,
            parts_count=len(stored.part_sizes) if stored.part_sizes and self.capabilities.part_reads else None,
            checksum=stored.checksum,
        )

    def _carried(self, operation: str, key: str, attributes: Attributes) -> Attributes:
        can = self.capabilities
        for wanted, able, word in (
            (attributes.tags, can.tags, "tags"),
            (attributes.acl, can.acl, "ACLs"),
            (attributes.lock, can.object_lock, "object lock"),
        ):
            if wanted:
                self._require(able, operation, key, word)
        metadata = {
            name: value
            for name, value in attributes.metadata.items()
            if can.metadata and (value or can.empty_metadata_values)
        }
        storage_class = attributes.storage_class if can.storage_classes else None
        if can.content_headers:
            return replace(attributes, metadata=metadata, storage_class=storage_class)
        return Attributes(
            metadata=metadata,
            tags=attributes.tags,
            storage_class=storage_class,
            lock=attributes.lock,
            acl=attributes.acl,
        )

    async def _collect(self, operation: str, key: str, body: Body, expect: Checksum | None) -> bytes:
        data = body.data if isinstance(body, BytesBody) else b"".join([chunk async for chunk in body.chunks()])
        if len(data) != body.size_bytes:
            raise self._error(Truncated, operation, key, f"{len(data)} of {body.size_bytes} promised bytes came")
        if expect is not None and self._digest(operation, key, data, expect.algorithm) != expect.hex:
            raise self._error(Corrupt, operation, key, f"the {expect.algorithm} differs", "BadDigest")
        return data

    def _digest(self, operation: str, key: str, data: bytes, algorithm: ChecksumAlgorithm) -> str:
        if algorithm is ChecksumAlgorithm.CRC32:
            return f"{zlib.crc32(data):08x}"
        if algorithm in (ChecksumAlgorithm.MD5, ChecksumAlgorithm.SHA1, ChecksumAlgorithm.SHA256):
            return hashlib.new(algorithm.value, data, usedforsecurity=False).hexdigest()
        raise self._error(Unsupported, operation, key, f"this store cannot compute {algorithm}")

    def _etag_of(self, data: bytes) -> str:
        if self.capabilities.content_etags:
            return hashlib.md5(data, usedforsecurity=False).hexdigest()
        self._serial += 1
        return f"opaque-{self._serial}"

    def _now_ns(self) -> int:
        now_ns = self._clock.now_ns()
        return now_ns - now_ns % self.capabilities.modified_resolution_ns

    def _find(self, operation: str, key: str, version_id: str | None = None) -> _Stored:
        self._require_bucket(operation)
        if version_id is not None:
            raise self._error(Unsupported, operation, key, "this store keeps no versions")
        stored = self._objects.get(key)
        if stored is None:
            raise self._error(NotFound, operation, key, "there is no such object", "NoSuchKey")
        return stored

    def _upload(self, operation: str, key: str, upload_id: str) -> _Upload:
        self._require_bucket(operation)
        upload = self._uploads.get(upload_id)
        if upload is None or upload.key != key:
            raise self._error(NotFound, operation, key, f"there is no upload {upload_id}", "NoSuchUpload")
        return upload

    def _check(self, operation: str, key: str, stored: _Stored, condition: Condition) -> None:
        if (
            (condition.if_match is not None and condition.if_match not in (stored.etag, "*"))
            or (condition.if_none_match is not None and condition.if_none_match in (stored.etag, "*"))
            or condition.if_unmodified_ns not in (None, stored.modified_ns)
        ):
            raise self._error(PreconditionFailed, operation, key, "the object is another one", "PreconditionFailed")

    def _check_write(self, operation: str, key: str, condition: Condition) -> None:
        if condition is ALWAYS or not self.capabilities.conditional_writes:
            return
        stored = self._objects.get(key)
        if stored is not None:
            self._check(operation, key, stored, condition)
        elif condition.if_match is not None:
            raise self._error(PreconditionFailed, operation, key, "the object is not there", "PreconditionFailed")

    def _require_bucket(self, operation: str) -> None:
        if not self._exists:
            raise self._error(BucketMissing, operation, None, "there is no such bucket", "NoSuchBucket")

    def _require_key(self, operation: str, key: str) -> None:
        self._require_bucket(operation)
        try:
            size_bytes = len(key.encode())
        except UnicodeEncodeError:
            raise self._error(InvalidKey, operation, key, "the key is not valid Unicode") from None
        if not 0 < size_bytes <= self.capabilities.max_key_bytes:
            limit = self.capabilities.max_key_bytes
            raise self._error(InvalidKey, operation, key, f"the key has {size_bytes} bytes, 1 to {limit} are allowed")

    def _require(self, able: bool, operation: str, key: str, what: str) -> None:
        if not able:
            raise self._error(Unsupported, operation, key, f"this store has no {what}", "NotImplemented")

    def _error(self, kind: type[E], operation: str, key: str | None, message: str, code: str = "") -> E:
        return kind(message, store=self.name, operation=operation, key=key, code=code)

"""A store in memory that behaves like S3: for tests, dry exercises and playing poor servers.

What it can do is configured by `Capabilities`. Where a capability is off, the store does what poor servers do: it
drops headers, metadata and storage classes, ignores conditions, and refuses tags, ACLs and locks.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from sys import intern
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
    ListPage,
)
from brigade.stores.conditions import holds
from brigade.stores.digests import composite_etag, md5_hex, new_digest
from brigade.stores.keyindex import KeyIndex
from brigade.stores.memory_objects import MEMORY_CAPABILITIES as MEMORY_CAPABILITIES
from brigade.stores.memory_objects import MemoryReader, Stored, Upload, carried

E = TypeVar("E", bound=StoreError)


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
        self.clock_offset_ns = 0
        self._clock = clock
        self._exists = exists
        self._objects: dict[str, Stored] = {}
        self._keys = KeyIndex(capabilities.listing_order)
        self._uploads: dict[str, Upload] = {}
        self._serial = 0

    async def open(self) -> None:
        self._require_bucket("open")

    async def create_bucket(self) -> None:
        self._exists = True

    async def delete_bucket(self) -> None:
        if self._objects:
            raise self._error(Rejected, "delete_bucket", None, "the bucket is not empty", "BucketNotEmpty")
        self._exists = False

    async def close(self) -> None:
        """The objects stay, so that a test may open the store again."""

    async def list_page(
        self, prefix: str = "", *, start_after: str = "", cursor: str | None = None, limit: int = 1000
    ) -> ListPage:
        self._require_bucket("list")
        if cursor is not None and start_after:
            raise self._error(Rejected, "list", None, "start_after and cursor exclude each other")
        after = cursor if cursor is not None else start_after
        if after and cursor is None and not self.capabilities.start_after:
            raise self._error(Unsupported, "list", None, "this store cannot start a listing after a key")
        keys, more = self._keys.page(prefix, after, limit)
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

    def _piece(self, key: str, stored: Stored, byte_range: ByteRange | None, part: int | None) -> bytes:
        data = stored.data
        if part is not None:
            byte_range = self._part_range(key, stored, part)
        if byte_range is not None:
            first, length_bytes = byte_range
            if first >= len(data) and (first, part) != (0, 1):
                raise self._error(Rejected, "get", key, f"offset {first} is behind the end", "InvalidRange")
            data = data[first : first + length_bytes]
        return data

    def _part_range(self, key: str, stored: Stored, part: int) -> ByteRange:
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

    async def delete(self, keys: Sequence[str], *, condition: Condition = ALWAYS) -> dict[str, StoreError | None]:
        self._require_bucket("delete")
        if len(keys) > self.capabilities.delete_batch:
            raise self._error(Rejected, "delete", None, f"more than {self.capabilities.delete_batch} keys at once")
        return {key: self._delete_one(key, condition) for key in keys}

    def _delete_one(self, key: str, condition: Condition) -> StoreError | None:
        if (stored := self._objects.get(key)) is not None:
            try:
                self._check("delete", key, stored, condition if self.capabilities.conditional_deletes else ALWAYS)
            except StoreError as error:
                return error
            del self._objects[key]
            self._keys.remove(key)
        return None

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
        self._uploads[upload_id] = Upload(key, carried, self._now_ns())
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
        etag = md5_hex(data)
        upload.parts[number] = (data, etag)
        return PartInfo(number, len(data), etag)

    async def list_parts(self, key: str, upload_id: str) -> list[PartInfo]:
        parts = self._upload("list_parts", key, upload_id).parts
        return [PartInfo(number, len(parts[number][0]), parts[number][1]) for number in sorted(parts)]

    async def complete_multipart(
        self, key: str, upload_id: str, parts: Sequence[PartInfo], *, condition: Condition = ALWAYS
    ) -> ObjectInfo:
        upload = self._upload("complete_multipart", key, upload_id)
        pieces, problem = upload.chosen(parts, self.capabilities.min_part_bytes)
        if problem:
            raise self._error(Rejected, "complete_multipart", key, problem, "InvalidPart")
        self._check_write("complete_multipart", key, condition)
        data = b"".join(pieces)
        composite = composite_etag([part.etag for part in parts])
        etag = composite if self.capabilities.content_etags else self._etag_of(data)
        info = self._store(key, data, etag, upload.attributes, tuple(map(len, pieces)))
        del self._uploads[upload_id]
        return info

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
            self._keys.add(key)
        modified_ns = self._now_ns()
        self._objects[key] = Stored(data, intern(etag), modified_ns, attributes, part_sizes, checksum)
        return ObjectInfo(key, len(data), etag, modified_ns)

    def _described(self, key: str, stored: Stored) -> ObjectInfo:
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
        kept, lacking = carried(attributes, self.capabilities)
        self._require(not lacking, operation, key, lacking)
        return kept

    async def _collect(self, operation: str, key: str, body: Body, expect: Checksum | None) -> bytes:
        data = body.data if isinstance(body, BytesBody) else b"".join([chunk async for chunk in body.chunks()])
        if len(data) != body.size_bytes:
            raise self._error(Truncated, operation, key, f"{len(data)} of {body.size_bytes} promised bytes came")
        if expect is None or (expect.algorithm is ChecksumAlgorithm.MD5 and not self.capabilities.verifies_md5):
            return data
        digest = new_digest(expect.algorithm)
        digest.update(data)
        if digest.hexdigest() != expect.hex:
            raise self._error(Corrupt, operation, key, f"the {expect.algorithm} differs", "BadDigest")
        return data

    def _etag_of(self, data: bytes) -> str:
        if self.capabilities.content_etags:
            return md5_hex(data)
        self._serial += 1
        return f"opaque-{self._serial}"

    def _now_ns(self) -> int:
        now_ns = self._clock.now_ns()
        return now_ns - now_ns % self.capabilities.modified_resolution_ns

    def _find(self, operation: str, key: str, version_id: str | None = None) -> Stored:
        self._require_bucket(operation)
        if version_id is not None:
            raise self._error(Unsupported, operation, key, "this store keeps no versions")
        stored = self._objects.get(key)
        if stored is None:
            raise self._error(NotFound, operation, key, "there is no such object", "NoSuchKey")
        return stored

    def _upload(self, operation: str, key: str, upload_id: str) -> Upload:
        self._require_bucket(operation)
        upload = self._uploads.get(upload_id)
        if upload is None or upload.key != key:
            raise self._error(NotFound, operation, key, f"there is no upload {upload_id}", "NoSuchUpload")
        return upload

    def _check(self, operation: str, key: str, stored: Stored, condition: Condition) -> None:
        if not holds(condition, present=True, etag=stored.etag, modified_ns=stored.modified_ns):
            raise self._error(PreconditionFailed, operation, key, "the object is another one", "PreconditionFailed")

    def _check_write(self, operation: str, key: str, condition: Condition) -> None:
        if condition is ALWAYS or not self.capabilities.conditional_writes:
            return
        stored = self._objects.get(key)
        if stored is not None:
            self._check(operation, key, stored, condition)
        elif not holds(condition, present=False, etag=None, modified_ns=0):
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

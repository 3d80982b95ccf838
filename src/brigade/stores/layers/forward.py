"""A store that passes every call on to the store inside: the ground that each layer stands on.

Every method of the contract is spelled out, so that a layer forgets none; a test holds the two lists together.
"""

from __future__ import annotations

from collections.abc import Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Any

from brigade.errors import StoreError
from brigade.objects import Attributes, Checksum, Grant, MultipartInfo, ObjectInfo, PartInfo
from brigade.stores.base import (
    ALWAYS,
    Body,
    ByteRange,
    Capabilities,
    Condition,
    ListPage,
    ObjectReader,
    Store,
    with_manifests,
)


class ForwardingStore:
    """Changes nothing. A layer overrides what it changes and leaves the rest."""

    def __init__(self, inner: Store) -> None:
        self.inner = inner

    @property
    def name(self) -> str:
        return self.inner.name

    @property
    def identity(self) -> str:
        return self.inner.identity

    @property
    def capabilities(self) -> Capabilities:
        return self.inner.capabilities

    @property
    def clock_offset_ns(self) -> int:
        return self.inner.clock_offset_ns

    async def open(self) -> None:
        await self.inner.open()

    async def list_page(
        self, prefix: str = "", *, start_after: str = "", cursor: str | None = None, limit: int = 1000
    ) -> ListPage:
        return await self.inner.list_page(prefix, start_after=start_after, cursor=cursor, limit=limit)

    async def head(self, key: str, *, version_id: str | None = None) -> ObjectInfo:
        return await self.inner.head(key, version_id=version_id)

    async def part_sizes(self, key: str, *, etag: str) -> list[int] | None:
        return await self.inner.part_sizes(key, etag=etag)

    def get(
        self,
        key: str,
        *,
        byte_range: ByteRange | None = None,
        part: int | None = None,
        condition: Condition = ALWAYS,
        version_id: str | None = None,
    ) -> AbstractAsyncContextManager[ObjectReader]:
        return self.inner.get(key, byte_range=byte_range, part=part, condition=condition, version_id=version_id)

    async def put(
        self,
        key: str,
        body: Body,
        *,
        attributes: Attributes,
        condition: Condition = ALWAYS,
        expect: Checksum | None = None,
    ) -> ObjectInfo:
        return await self.inner.put(key, body, attributes=attributes, condition=condition, expect=expect)

    async def copy(
        self,
        source_key: str,
        target_key: str,
        *,
        attributes: Attributes | None = None,
        condition: Condition = ALWAYS,
    ) -> ObjectInfo:
        return await self.inner.copy(source_key, target_key, attributes=attributes, condition=condition)

    async def delete(self, keys: Sequence[str], *, condition: Condition = ALWAYS) -> dict[str, StoreError | None]:
        return await self.inner.delete(keys, condition=condition)

    async def read_tags(self, key: str, *, version_id: str | None = None) -> dict[str, str]:
        return await self.inner.read_tags(key, version_id=version_id)

    async def write_tags(self, key: str, tags: Mapping[str, str]) -> None:
        await self.inner.write_tags(key, tags)

    async def read_acl(self, key: str) -> tuple[Grant, ...]:
        return await self.inner.read_acl(key)

    async def write_acl(self, key: str, acl: Sequence[Grant]) -> None:
        await self.inner.write_acl(key, acl)

    async def create_multipart(self, key: str, *, attributes: Attributes) -> str:
        return await self.inner.create_multipart(key, attributes=attributes)

    async def put_part(
        self, key: str, upload_id: str, number: int, body: Body, *, expect: Checksum | None = None
    ) -> PartInfo:
        return await self.inner.put_part(key, upload_id, number, body, expect=expect)

    async def list_parts(self, key: str, upload_id: str) -> list[PartInfo]:
        return await self.inner.list_parts(key, upload_id)

    async def complete_multipart(
        self, key: str, upload_id: str, parts: Sequence[PartInfo], *, condition: Condition = ALWAYS
    ) -> ObjectInfo:
        return await self.inner.complete_multipart(key, upload_id, parts, condition=condition)

    async def abort_multipart(self, key: str, upload_id: str) -> None:
        await self.inner.abort_multipart(key, upload_id)

    async def list_multiparts(self, prefix: str = "") -> list[MultipartInfo]:
        return await self.inner.list_multiparts(prefix)

    async def read_manifest(self, key: str) -> bytes | None:
        return await with_manifests(self.inner).read_manifest(key)

    async def segment_etag(self, path: str) -> str | None:
        return await with_manifests(self.inner).segment_etag(path)

    async def put_segment(self, path: str, body: Body, *, expect: Checksum | None = None) -> PartInfo:
        return await with_manifests(self.inner).put_segment(path, body, expect=expect)

    async def write_manifest(self, key: str, manifest: bytes, *, attributes: Attributes) -> ObjectInfo:
        return await with_manifests(self.inner).write_manifest(key, manifest, attributes=attributes)

    async def create_bucket(self) -> None:
        await self.inner.create_bucket()

    async def delete_bucket(self) -> None:
        await self.inner.delete_bucket()

    async def close(self) -> None:
        await self.inner.close()


class ForwardingGet:
    """The context of a `get`, passed on; a layer overrides `__aenter__` to act on the opening or the reader."""

    __slots__ = ("_opened",)

    def __init__(self, opened: AbstractAsyncContextManager[ObjectReader]) -> None:
        self._opened = opened

    async def __aenter__(self) -> ObjectReader:
        return await self._opened.__aenter__()

    def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> Coroutine[Any, Any, bool | None]:
        # Not `async`: the inner coroutine is handed out as it is, so that six layers cost one and not six.
        return self._opened.__aexit__(kind, error, trace)

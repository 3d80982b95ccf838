"""Keeps a store within limits: calls at once, requests per second, bytes per second in both directions."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import TypeVar

from brigade.errors import StoreError, Throttled
from brigade.objects import Attributes, Checksum, Grant, MultipartInfo, ObjectInfo, PartInfo
from brigade.stores.base import (
    ALWAYS,
    Body,
    ByteRange,
    BytesBody,
    Condition,
    ListPage,
    ObjectReader,
    Store,
    with_manifests,
)
from brigade.stores.layers.forward import ForwardingGet, ForwardingStore
from brigade.stores.layers.shared_limits import Lane, SharedLimits

T = TypeVar("T")


class LimitedStore(ForwardingStore):
    """Waits for a place before each call; `limits` may be shared by all stores of one endpoint."""

    def __init__(self, inner: Store, limits: SharedLimits) -> None:
        super().__init__(inner)
        self.limits = limits

    async def _limited(self, call: Callable[[], Awaitable[T]]) -> T:
        return await _in_lane(self.limits, self.limits.calls, call)

    async def _paid(self, body: Body) -> Body:
        if self.limits.bytes is None:
            return body
        if type(body) is BytesBody:
            await self.limits.pay(body.size_bytes)
            return body
        return _PaidBody(body, self.limits)

    async def open(self) -> None:
        await self._limited(self.inner.open)

    async def list_page(
        self, prefix: str = "", *, start_after: str = "", cursor: str | None = None, limit: int = 1000
    ) -> ListPage:
        return await self._limited(
            lambda: self.inner.list_page(prefix, start_after=start_after, cursor=cursor, limit=limit)
        )

    async def head(self, key: str, *, version_id: str | None = None) -> ObjectInfo:
        return await self._limited(lambda: self.inner.head(key, version_id=version_id))

    async def part_sizes(self, key: str, *, etag: str) -> list[int] | None:
        return await self._limited(lambda: self.inner.part_sizes(key, etag=etag))

    def get(
        self,
        key: str,
        *,
        byte_range: ByteRange | None = None,
        part: int | None = None,
        condition: Condition = ALWAYS,
        version_id: str | None = None,
    ) -> AbstractAsyncContextManager[ObjectReader]:
        opened = self.inner.get(key, byte_range=byte_range, part=part, condition=condition, version_id=version_id)
        return _LimitedGet(opened, self.limits)

    async def put(
        self,
        key: str,
        body: Body,
        *,
        attributes: Attributes,
        condition: Condition = ALWAYS,
        expect: Checksum | None = None,
    ) -> ObjectInfo:
        paid = await self._paid(body)
        return await self._limited(
            lambda: self.inner.put(key, paid, attributes=attributes, condition=condition, expect=expect)
        )

    async def copy(
        self,
        source_key: str,
        target_key: str,
        *,
        attributes: Attributes | None = None,
        condition: Condition = ALWAYS,
    ) -> ObjectInfo:
        return await self._limited(
            lambda: self.inner.copy(source_key, target_key, attributes=attributes, condition=condition)
        )

    async def delete(self, keys: Sequence[str], *, condition: Condition = ALWAYS) -> dict[str, StoreError | None]:
        return await self._limited(partial(self.inner.delete, keys, condition=condition))

    async def read_tags(self, key: str, *, version_id: str | None = None) -> dict[str, str]:
        return await self._limited(lambda: self.inner.read_tags(key, version_id=version_id))

    async def write_tags(self, key: str, tags: Mapping[str, str]) -> None:
        await self._limited(partial(self.inner.write_tags, key, tags))

    async def read_acl(self, key: str) -> tuple[Grant, ...]:
        return await self._limited(partial(self.inner.read_acl, key))

    async def write_acl(self, key: str, acl: Sequence[Grant]) -> None:
        await self._limited(partial(self.inner.write_acl, key, acl))

    async def create_multipart(self, key: str, *, attributes: Attributes) -> str:
        return await self._limited(lambda: self.inner.create_multipart(key, attributes=attributes))

    async def put_part(
        self, key: str, upload_id: str, number: int, body: Body, *, expect: Checksum | None = None
    ) -> PartInfo:
        paid = await self._paid(body)
        return await self._limited(lambda: self.inner.put_part(key, upload_id, number, paid, expect=expect))

    async def list_parts(self, key: str, upload_id: str) -> list[PartInfo]:
        return await self._limited(partial(self.inner.list_parts, key, upload_id))

    async def complete_multipart(
        self, key: str, upload_id: str, parts: Sequence[PartInfo], *, condition: Condition = ALWAYS
    ) -> ObjectInfo:
        return await self._limited(lambda: self.inner.complete_multipart(key, upload_id, parts, condition=condition))

    async def abort_multipart(self, key: str, upload_id: str) -> None:
        await self._limited(partial(self.inner.abort_multipart, key, upload_id))

    async def list_multiparts(self, prefix: str = "") -> list[MultipartInfo]:
        return await self._limited(partial(self.inner.list_multiparts, prefix))

    async def read_manifest(self, key: str) -> bytes | None:
        return await self._limited(lambda: with_manifests(self.inner).read_manifest(key))

    async def segment_etag(self, path: str) -> str | None:
        return await self._limited(lambda: with_manifests(self.inner).segment_etag(path))

    async def put_segment(self, path: str, body: Body, *, expect: Checksum | None = None) -> PartInfo:
        paid = await self._paid(body)
        return await self._limited(lambda: with_manifests(self.inner).put_segment(path, paid, expect=expect))

    async def write_manifest(self, key: str, manifest: bytes, *, attributes: Attributes) -> ObjectInfo:
        return await self._limited(
            lambda: with_manifests(self.inner).write_manifest(key, manifest, attributes=attributes)
        )

    async def create_bucket(self) -> None:
        await self._limited(self.inner.create_bucket)

    async def delete_bucket(self) -> None:
        await self._limited(self.inner.delete_bucket)


async def _in_lane(limits: SharedLimits, lane: Lane, call: Callable[[], Awaitable[T]]) -> T:
    epoch = await limits.enter(lane)
    throttled = False
    try:
        return await call()
    except Throttled:
        throttled = True
        raise
    finally:
        limits.leave(lane, epoch, throttled=throttled)


class _PaidBody:
    """Delays each piece until it fits into the rate."""

    __slots__ = ("_body", "_limits", "replayable", "size_bytes")

    def __init__(self, body: Body, limits: SharedLimits) -> None:
        self._body = body
        self._limits = limits
        self.size_bytes = body.size_bytes
        self.replayable = body.replayable

    async def chunks(self) -> AsyncIterator[bytes]:
        async for chunk in self._body.chunks():
            await self._limits.pay(len(chunk))
            yield chunk


class _LimitedGet(ForwardingGet):
    """Holds a place while the object is being opened; `SharedLimits` says why no longer."""

    __slots__ = ("_limits",)

    def __init__(self, opened: AbstractAsyncContextManager[ObjectReader], limits: SharedLimits) -> None:
        super().__init__(opened)
        self._limits = limits

    async def __aenter__(self) -> ObjectReader:
        limits = self._limits
        reader = await _in_lane(limits, limits.reads, self._opened.__aenter__)
        return reader if limits.bytes is None else _PaidReader(reader, limits)


class _PaidReader:
    """Delays each piece until it fits into the rate."""

    __slots__ = ("_limits", "_reader", "info")

    def __init__(self, reader: ObjectReader, limits: SharedLimits) -> None:
        self.info = reader.info
        self._reader = reader
        self._limits = limits

    async def chunks(self) -> AsyncIterator[bytes]:
        async for chunk in self._reader.chunks():
            await self._limits.pay(len(chunk))
            yield chunk

    async def read(self) -> bytes:
        await self._limits.pay(self.info.size_bytes)
        return await self._reader.read()

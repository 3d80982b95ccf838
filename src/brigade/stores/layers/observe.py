"""Counts requests, outcomes and bytes, and tells a callback of bytes that reached the store."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import TypeVar

from brigade.errors import StoreError
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
from brigade.telemetry import Telemetry

T = TypeVar("T")


def _ignore(_size_bytes: int) -> None:
    """Nobody watches."""


class ObservedStore(ForwardingStore):
    """Feeds `telemetry` under a label, the store's name if there is none.

    `moved` hears of bytes as the store takes them; when the call fails in the end it hears the same number again,
    negative, so that a progress bar does not count an attempt that is made once more.
    """

    def __init__(
        self, inner: Store, telemetry: Telemetry, moved: Callable[[int], None] | None = None, *, label: str = ""
    ) -> None:
        super().__init__(inner)
        self._telemetry = telemetry
        self._count = telemetry.count_request
        self._name = label or inner.name
        self._moved = moved or _ignore

    async def _counted(self, operation: str, call: Awaitable[T]) -> T:
        try:
            result = await call
        except BaseException as error:
            self._count(self._name, operation, type(error).__name__)
            raise
        self._count(self._name, operation, "ok")
        return result

    async def _counted_body(self, operation: str, body: Body, send: Callable[[Body], Awaitable[T]]) -> T:
        # A body in memory goes in as it is: stores have a faster way for it, and its size says all.
        counted = None if type(body) is BytesBody else _CountedBody(body, self._moved)
        try:
            result = await send(counted or body)
        except BaseException as error:
            self._count(self._name, operation, type(error).__name__)
            if counted is not None and counted.passed_bytes:
                self._moved(-counted.passed_bytes)
            raise
        self._count(self._name, operation, "ok")
        size_bytes = body.size_bytes
        self._telemetry.written_bytes[self._name] += size_bytes
        if counted is None:
            self._moved(size_bytes)
        return result

    async def open(self) -> None:
        await self._counted("open", self.inner.open())

    async def list_page(
        self, prefix: str = "", *, start_after: str = "", cursor: str | None = None, limit: int = 1000
    ) -> ListPage:
        call = self.inner.list_page(prefix, start_after=start_after, cursor=cursor, limit=limit)
        return await self._counted("list_page", call)

    async def head(self, key: str, *, version_id: str | None = None) -> ObjectInfo:
        return await self._counted("head", self.inner.head(key, version_id=version_id))

    async def part_sizes(self, key: str, *, etag: str) -> list[int] | None:
        return await self._counted("part_sizes", self.inner.part_sizes(key, etag=etag))

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
        return _CountedGet(opened, self._telemetry, self._name)

    async def put(
        self,
        key: str,
        body: Body,
        *,
        attributes: Attributes,
        condition: Condition = ALWAYS,
        expect: Checksum | None = None,
    ) -> ObjectInfo:
        return await self._counted_body(
            "put",
            body,
            lambda body: self.inner.put(key, body, attributes=attributes, condition=condition, expect=expect),
        )

    async def copy(
        self,
        source_key: str,
        target_key: str,
        *,
        attributes: Attributes | None = None,
        condition: Condition = ALWAYS,
    ) -> ObjectInfo:
        call = self.inner.copy(source_key, target_key, attributes=attributes, condition=condition)
        return await self._counted("copy", call)

    async def delete(self, keys: Sequence[str], *, condition: Condition = ALWAYS) -> dict[str, StoreError | None]:
        return await self._counted("delete", self.inner.delete(keys, condition=condition))

    async def read_tags(self, key: str, *, version_id: str | None = None) -> dict[str, str]:
        return await self._counted("read_tags", self.inner.read_tags(key, version_id=version_id))

    async def write_tags(self, key: str, tags: Mapping[str, str]) -> None:
        await self._counted("write_tags", self.inner.write_tags(key, tags))

    async def read_acl(self, key: str) -> tuple[Grant, ...]:
        return await self._counted("read_acl", self.inner.read_acl(key))

    async def write_acl(self, key: str, acl: Sequence[Grant]) -> None:
        await self._counted("write_acl", self.inner.write_acl(key, acl))

    async def create_multipart(self, key: str, *, attributes: Attributes) -> str:
        return await self._counted("create_multipart", self.inner.create_multipart(key, attributes=attributes))

    async def put_part(
        self, key: str, upload_id: str, number: int, body: Body, *, expect: Checksum | None = None
    ) -> PartInfo:
        return await self._counted_body(
            "put_part", body, lambda body: self.inner.put_part(key, upload_id, number, body, expect=expect)
        )

    async def list_parts(self, key: str, upload_id: str) -> list[PartInfo]:
        return await self._counted("list_parts", self.inner.list_parts(key, upload_id))

    async def complete_multipart(
        self, key: str, upload_id: str, parts: Sequence[PartInfo], *, condition: Condition = ALWAYS
    ) -> ObjectInfo:
        call = self.inner.complete_multipart(key, upload_id, parts, condition=condition)
        return await self._counted("complete_multipart", call)

    async def abort_multipart(self, key: str, upload_id: str) -> None:
        await self._counted("abort_multipart", self.inner.abort_multipart(key, upload_id))

    async def list_multiparts(self, prefix: str = "") -> list[MultipartInfo]:
        return await self._counted("list_multiparts", self.inner.list_multiparts(prefix))

    async def read_manifest(self, key: str) -> bytes | None:
        return await self._counted("read_manifest", with_manifests(self.inner).read_manifest(key))

    async def segment_etag(self, path: str) -> str | None:
        return await self._counted("segment_etag", with_manifests(self.inner).segment_etag(path))

    async def put_segment(self, path: str, body: Body, *, expect: Checksum | None = None) -> PartInfo:
        return await self._counted_body(
            "put_segment", body, lambda body: with_manifests(self.inner).put_segment(path, body, expect=expect)
        )

    async def write_manifest(self, key: str, manifest: bytes, *, attributes: Attributes) -> ObjectInfo:
        call = with_manifests(self.inner).write_manifest(key, manifest, attributes=attributes)
        return await self._counted("write_manifest", call)

    async def create_bucket(self) -> None:
        await self._counted("create_bucket", self.inner.create_bucket())

    async def delete_bucket(self) -> None:
        await self._counted("delete_bucket", self.inner.delete_bucket())


class _CountedBody:
    """Tells of each chunk that the store took. Started again (a replay inside the store), it takes back the first go."""

    __slots__ = ("_body", "_moved", "passed_bytes", "replayable", "size_bytes")

    def __init__(self, body: Body, moved: Callable[[int], None]) -> None:
        self._body = body
        self._moved = moved
        self.size_bytes = body.size_bytes
        self.replayable = body.replayable
        self.passed_bytes = 0

    async def chunks(self) -> AsyncIterator[bytes]:
        if self.passed_bytes:
            self._moved(-self.passed_bytes)
            self.passed_bytes = 0
        moved = self._moved
        async for chunk in self._body.chunks():
            yield chunk
            self.passed_bytes += len(chunk)
            moved(len(chunk))


class _CountedGet(ForwardingGet):
    """Counts the opening as one request and what is read afterwards as bytes."""

    __slots__ = ("_name", "_telemetry")

    def __init__(self, opened: AbstractAsyncContextManager[ObjectReader], telemetry: Telemetry, name: str) -> None:
        super().__init__(opened)
        self._telemetry = telemetry
        self._name = name

    async def __aenter__(self) -> ObjectReader:
        try:
            reader = await self._opened.__aenter__()
        except BaseException as error:
            self._telemetry.count_request(self._name, "get", type(error).__name__)
            raise
        self._telemetry.count_request(self._name, "get", "ok")
        return _CountedReader(reader, self._telemetry, self._name)


class _CountedReader:
    """Adds what was handed out to `read_bytes`."""

    __slots__ = ("_name", "_reader", "_telemetry", "info")

    def __init__(self, reader: ObjectReader, telemetry: Telemetry, name: str) -> None:
        self.info = reader.info
        self._reader = reader
        self._telemetry = telemetry
        self._name = name

    async def chunks(self) -> AsyncIterator[bytes]:
        read_bytes, name = self._telemetry.read_bytes, self._name
        async for chunk in self._reader.chunks():
            read_bytes[name] += len(chunk)
            yield chunk

    async def read(self) -> bytes:
        data = await self._reader.read()
        self._telemetry.read_bytes[self._name] += len(data)
        return data

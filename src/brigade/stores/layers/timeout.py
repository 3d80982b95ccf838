"""Bounds each call in time: short ones by their total, bodies by how long nothing moves.

A call that runs out of time raises `Unavailable`, like a connection that broke: the layer that retries treats both
alike. Time that a body takes to bring its next piece is not held against the store that waits for it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

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
from brigade.stores.layers.guard import Guard, Watch


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long a call may take.

    `call_seconds` holds for calls that move no content. `slow_call_seconds` holds for the two that make the store
    itself move content, `copy` and `complete_multipart`: S3 takes minutes for some of them. `idle_seconds` bounds
    the time without progress of a body. A body in memory shows no progress, so it is given its time by size, at
    `slowest_bytes_per_second`.
    """

    call_seconds: float = 60.0
    slow_call_seconds: float = 900.0
    idle_seconds: float = 60.0
    slowest_bytes_per_second: float = 16 * 1024

    def whole_seconds(self, size_bytes: int) -> float:
        """The time for a body that moves in one piece."""
        return self.idle_seconds + size_bytes / self.slowest_bytes_per_second


class TimedStore(ForwardingStore):
    """Gives up on calls that take too long."""

    def __init__(self, inner: Store, timeouts: Timeouts | None = None) -> None:
        super().__init__(inner)
        self.timeouts = timeouts or Timeouts()
        self._call_seconds = self.timeouts.call_seconds
        self._watch = Watch(
            min(self.timeouts.call_seconds, self.timeouts.slow_call_seconds, self.timeouts.idle_seconds)
        )
        self._name = inner.name

    def guard(self, operation: str, seconds: float, key: str | None = None) -> Guard:
        """Bounds what runs inside its context."""
        return Guard(self._watch, seconds, self._name, operation, key)

    def _guard(self, operation: str, key: str | None = None) -> Guard:
        return Guard(self._watch, self._call_seconds, self._name, operation, key)

    async def open(self) -> None:
        with self._guard("open"):
            await self.inner.open()

    async def list_page(
        self, prefix: str = "", *, start_after: str = "", cursor: str | None = None, limit: int = 1000
    ) -> ListPage:
        with self._guard("list_page"):
            return await self.inner.list_page(prefix, start_after=start_after, cursor=cursor, limit=limit)

    async def head(self, key: str, *, version_id: str | None = None) -> ObjectInfo:
        with self._guard("head", key):
            return await self.inner.head(key, version_id=version_id)

    async def part_sizes(self, key: str, *, etag: str) -> list[int] | None:
        with self._guard("part_sizes", key):
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
        opened = self.inner.get(key, byte_range=byte_range, part=part, condition=condition, version_id=version_id)
        return _TimedGet(opened, self, key)

    async def put(
        self,
        key: str,
        body: Body,
        *,
        attributes: Attributes,
        condition: Condition = ALWAYS,
        expect: Checksum | None = None,
    ) -> ObjectInfo:
        with self._body_guard("put", key, body) as guard:
            body = guard.watched(body)
            return await self.inner.put(key, body, attributes=attributes, condition=condition, expect=expect)

    def _body_guard(self, operation: str, key: str, body: Body) -> Guard:
        in_memory = type(body) is BytesBody
        seconds = self.timeouts.whole_seconds(body.size_bytes) if in_memory else self.timeouts.idle_seconds
        return self.guard(operation, seconds, key)

    async def copy(
        self,
        source_key: str,
        target_key: str,
        *,
        attributes: Attributes | None = None,
        condition: Condition = ALWAYS,
    ) -> ObjectInfo:
        with self.guard("copy", self.timeouts.slow_call_seconds, target_key):
            return await self.inner.copy(source_key, target_key, attributes=attributes, condition=condition)

    async def delete(self, keys: Sequence[str], *, condition: Condition = ALWAYS) -> dict[str, StoreError | None]:
        with self._guard("delete"):
            return await self.inner.delete(keys, condition=condition)

    async def read_tags(self, key: str, *, version_id: str | None = None) -> dict[str, str]:
        with self._guard("read_tags", key):
            return await self.inner.read_tags(key, version_id=version_id)

    async def write_tags(self, key: str, tags: Mapping[str, str]) -> None:
        with self._guard("write_tags", key):
            await self.inner.write_tags(key, tags)

    async def read_acl(self, key: str) -> tuple[Grant, ...]:
        with self._guard("read_acl", key):
            return await self.inner.read_acl(key)

    async def write_acl(self, key: str, acl: Sequence[Grant]) -> None:
        with self._guard("write_acl", key):
            await self.inner.write_acl(key, acl)

    async def create_multipart(self, key: str, *, attributes: Attributes) -> str:
        with self._guard("create_multipart", key):
            return await self.inner.create_multipart(key, attributes=attributes)

    async def put_part(
        self, key: str, upload_id: str, number: int, body: Body, *, expect: Checksum | None = None
    ) -> PartInfo:
        with self._body_guard("put_part", key, body) as guard:
            return await self.inner.put_part(key, upload_id, number, guard.watched(body), expect=expect)

    async def list_parts(self, key: str, upload_id: str) -> list[PartInfo]:
        with self._guard("list_parts", key):
            return await self.inner.list_parts(key, upload_id)

    async def complete_multipart(
        self, key: str, upload_id: str, parts: Sequence[PartInfo], *, condition: Condition = ALWAYS
    ) -> ObjectInfo:
        with self.guard("complete_multipart", self.timeouts.slow_call_seconds, key):
            return await self.inner.complete_multipart(key, upload_id, parts, condition=condition)

    async def abort_multipart(self, key: str, upload_id: str) -> None:
        with self._guard("abort_multipart", key):
            await self.inner.abort_multipart(key, upload_id)

    async def list_multiparts(self, prefix: str = "") -> list[MultipartInfo]:
        with self._guard("list_multiparts"):
            return await self.inner.list_multiparts(prefix)

    async def read_manifest(self, key: str) -> bytes | None:
        with self._guard("read_manifest", key):
            return await with_manifests(self.inner).read_manifest(key)

    async def segment_etag(self, path: str) -> str | None:
        with self._guard("segment_etag", path):
            return await with_manifests(self.inner).segment_etag(path)

    async def put_segment(self, path: str, body: Body, *, expect: Checksum | None = None) -> PartInfo:
        with self._body_guard("put_segment", path, body) as guard:
            return await with_manifests(self.inner).put_segment(path, guard.watched(body), expect=expect)

    async def write_manifest(self, key: str, manifest: bytes, *, attributes: Attributes) -> ObjectInfo:
        with self.guard("write_manifest", self.timeouts.slow_call_seconds, key):
            return await with_manifests(self.inner).write_manifest(key, manifest, attributes=attributes)

    async def create_bucket(self) -> None:
        with self._guard("create_bucket"):
            await self.inner.create_bucket()

    async def delete_bucket(self) -> None:
        with self._guard("delete_bucket"):
            await self.inner.delete_bucket()


class _TimedGet(ForwardingGet):
    """Bounds the opening, then each wait of the reader."""

    __slots__ = ("_key", "_store")

    def __init__(self, opened: AbstractAsyncContextManager[ObjectReader], store: TimedStore, key: str) -> None:
        super().__init__(opened)
        self._store = store
        self._key = key

    async def __aenter__(self) -> ObjectReader:
        store = self._store
        with store.guard("get", store.timeouts.call_seconds, self._key):
            reader = await self._opened.__aenter__()
        return _TimedReader(reader, store, self._key)


class _TimedReader:
    """Bounds the time until the next piece comes."""

    __slots__ = ("_key", "_reader", "_store", "info")

    def __init__(self, reader: ObjectReader, store: TimedStore, key: str) -> None:
        self.info = reader.info
        self._reader = reader
        self._store = store
        self._key = key

    async def chunks(self) -> AsyncIterator[bytes]:
        chunks = self._reader.chunks()
        store = self._store
        idle_seconds = store.timeouts.idle_seconds
        while True:
            with store.guard("get", idle_seconds, self._key):
                chunk = await anext(chunks, None)
            if chunk is None:
                return
            yield chunk

    async def read(self) -> bytes:
        seconds = self._store.timeouts.whole_seconds(self.info.size_bytes)
        with self._store.guard("get", seconds, self._key):
            return await self._reader.read()

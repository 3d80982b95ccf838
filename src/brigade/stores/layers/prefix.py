"""A view of a store under a prefix: whoever uses it sees relative keys only.

Errors keep the whole key, because a person who reads one looks for the object in the bucket.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace

from brigade.errors import StoreError, Unsupported, UsageError
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
from brigade.stores.layers.forward import ForwardingGet, ForwardingStore


class PrefixedStore(ForwardingStore):
    """Keys under `prefix`, which must end with `/` so that the listing keeps its order and `foo` never meets `foobar`."""

    def __init__(self, inner: Store, prefix: str) -> None:
        super().__init__(inner)
        if not prefix.endswith("/"):
            raise UsageError(f"the prefix {prefix!r} does not end with a slash", hint=f"write {prefix + '/'!r}")
        self._prefix = prefix
        self._length = len(prefix)
        self._seen: Capabilities | None = None
        self._capabilities = Capabilities()

    @property
    def name(self) -> str:
        return f"{self.inner.name}/{self._prefix}"

    @property
    def identity(self) -> str:
        return f"{self.inner.identity}/{self._prefix}"

    @property
    def capabilities(self) -> Capabilities:
        """Those of the store inside, with less room for the key; made anew only when the store settles its own."""
        inner = self.inner.capabilities
        if inner is not self._seen:
            self._seen = inner
            self._capabilities = replace(inner, max_key_bytes=inner.max_key_bytes - len(self._prefix.encode()))
        return self._capabilities

    def relative(self, info: ObjectInfo) -> ObjectInfo:
        """The same info under the key that this view shows."""
        # Made once for each listed object: a plain tuple operation costs a third of `_replace`.
        return tuple.__new__(ObjectInfo, (info[0][self._length :], *info[1:]))

    async def list_page(
        self, prefix: str = "", *, start_after: str = "", cursor: str | None = None, limit: int = 1000
    ) -> ListPage:
        after = self._prefix + start_after if start_after else ""
        page = await self.inner.list_page(self._prefix + prefix, start_after=after, cursor=cursor, limit=limit)
        length = self._length
        entries = [tuple.__new__(ObjectInfo, (info[0][length:], *info[1:])) for info in page.entries]
        return ListPage(entries, page.cursor)

    async def head(self, key: str, *, version_id: str | None = None) -> ObjectInfo:
        return self.relative(await self.inner.head(self._prefix + key, version_id=version_id))

    async def part_sizes(self, key: str, *, etag: str) -> list[int] | None:
        return await self.inner.part_sizes(self._prefix + key, etag=etag)

    def get(
        self,
        key: str,
        *,
        byte_range: ByteRange | None = None,
        part: int | None = None,
        condition: Condition = ALWAYS,
        version_id: str | None = None,
    ) -> AbstractAsyncContextManager[ObjectReader]:
        opened = self.inner.get(
            self._prefix + key, byte_range=byte_range, part=part, condition=condition, version_id=version_id
        )
        return _RelativeGet(self, opened)

    async def put(
        self,
        key: str,
        body: Body,
        *,
        attributes: Attributes,
        condition: Condition = ALWAYS,
        expect: Checksum | None = None,
    ) -> ObjectInfo:
        return self.relative(
            await self.inner.put(self._prefix + key, body, attributes=attributes, condition=condition, expect=expect)
        )

    async def copy(
        self,
        source_key: str,
        target_key: str,
        *,
        attributes: Attributes | None = None,
        condition: Condition = ALWAYS,
    ) -> ObjectInfo:
        source, target = self._prefix + source_key, self._prefix + target_key
        return self.relative(await self.inner.copy(source, target, attributes=attributes, condition=condition))

    async def delete(self, keys: Sequence[str], *, condition: Condition = ALWAYS) -> dict[str, StoreError | None]:
        results = await self.inner.delete([self._prefix + key for key in keys], condition=condition)
        return {key[self._length :]: error for key, error in results.items()}

    async def read_tags(self, key: str, *, version_id: str | None = None) -> dict[str, str]:
        return await self.inner.read_tags(self._prefix + key, version_id=version_id)

    async def write_tags(self, key: str, tags: Mapping[str, str]) -> None:
        await self.inner.write_tags(self._prefix + key, tags)

    async def read_acl(self, key: str) -> tuple[Grant, ...]:
        return await self.inner.read_acl(self._prefix + key)

    async def write_acl(self, key: str, acl: Sequence[Grant]) -> None:
        await self.inner.write_acl(self._prefix + key, acl)

    async def create_multipart(self, key: str, *, attributes: Attributes) -> str:
        return await self.inner.create_multipart(self._prefix + key, attributes=attributes)

    async def put_part(
        self, key: str, upload_id: str, number: int, body: Body, *, expect: Checksum | None = None
    ) -> PartInfo:
        return await self.inner.put_part(self._prefix + key, upload_id, number, body, expect=expect)

    async def list_parts(self, key: str, upload_id: str) -> list[PartInfo]:
        return await self.inner.list_parts(self._prefix + key, upload_id)

    async def complete_multipart(
        self, key: str, upload_id: str, parts: Sequence[PartInfo], *, condition: Condition = ALWAYS
    ) -> ObjectInfo:
        return self.relative(
            await self.inner.complete_multipart(self._prefix + key, upload_id, parts, condition=condition)
        )

    async def abort_multipart(self, key: str, upload_id: str) -> None:
        await self.inner.abort_multipart(self._prefix + key, upload_id)

    async def list_multiparts(self, prefix: str = "") -> list[MultipartInfo]:
        uploads = await self.inner.list_multiparts(self._prefix + prefix)
        return [upload._replace(key=upload.key[self._length :]) for upload in uploads]

    async def read_manifest(self, key: str) -> bytes | None:
        return await with_manifests(self.inner).read_manifest(self._prefix + key)

    async def write_manifest(self, key: str, manifest: bytes, *, attributes: Attributes) -> ObjectInfo:
        written = await with_manifests(self.inner).write_manifest(self._prefix + key, manifest, attributes=attributes)
        return self.relative(written)

    async def delete_bucket(self) -> None:
        raise Unsupported("a prefix is a part of a bucket only", store=self.name, operation="delete_bucket")


class _RelativeGet(ForwardingGet):
    """Opens the inner object and makes the key in its info relative."""

    __slots__ = ("_store",)

    def __init__(self, store: PrefixedStore, opened: AbstractAsyncContextManager[ObjectReader]) -> None:
        super().__init__(opened)
        self._store = store

    async def __aenter__(self) -> ObjectReader:
        reader = await self._opened.__aenter__()
        reader.info = self._store.relative(reader.info)
        return reader

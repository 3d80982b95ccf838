"""Makes calls go wrong by a script, for tests: errors, hangs, damaged bodies, lies, broken listings."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Any, TypeVar, cast

from brigade.clock import Clock
from brigade.errors import StoreError
from brigade.objects import Attributes, Checksum, Grant, MultipartInfo, ObjectInfo, PartInfo
from brigade.stores.base import ALWAYS, Body, ByteRange, Condition, ListPage, ObjectReader, Store, with_manifests
from brigade.stores.layers.fault_script import Fault, FaultKind, FaultScript
from brigade.stores.layers.forward import ForwardingGet, ForwardingStore

T = TypeVar("T")

_BODY_KINDS = frozenset({FaultKind.BREAK_BODY, FaultKind.CUT_BODY, FaultKind.FLIP_BIT})
_LIES: dict[FaultKind, Callable[[Any], Any]] = {
    FaultKind.WRONG_SIZE: lambda info: info._replace(size_bytes=info.size_bytes + 1),
    FaultKind.WRONG_ETAG: lambda info: info._replace(etag="f" * 32),
}


class FaultyStore(ForwardingStore):
    """Plays `script` on the calls to the store inside."""

    def __init__(self, inner: Store, script: FaultScript, *, clock: Clock) -> None:
        super().__init__(inner)
        self.script = script
        self.clock = clock
        self._broken_listing: Fault | None = None

    async def _faulted(self, operation: str, key: str | None, call: Callable[[], Awaitable[T]]) -> T:
        fault = self.script.take(operation, key)
        if fault is None:
            return await call()
        await self.before(fault)
        result = await call()
        if fault.kind is FaultKind.LOSE_ANSWER:
            self.script.note_fired(fault)
            raise fault.error()
        return self.lied(fault, result)

    async def before(self, fault: Fault) -> None:
        """What happens instead of the call, or ahead of it."""
        if fault.kind in (FaultKind.RAISE, FaultKind.HANG, FaultKind.DELAY) or (
            fault.kind is FaultKind.CHANGE and not fault.after_bytes
        ):
            self.script.note_fired(fault)
        if fault.kind is FaultKind.RAISE:
            raise fault.error()
        if fault.kind is FaultKind.HANG:
            await asyncio.Event().wait()
        if fault.kind is FaultKind.DELAY:
            await self.clock.sleep(fault.delay_seconds)
        if fault.kind is FaultKind.CHANGE and not fault.after_bytes:
            await self.change(fault)

    async def change(self, fault: Fault) -> None:
        """Change the store behind everybody's back."""
        assert fault.change is not None, "a CHANGE needs `change`"
        await fault.change(self.inner)

    def lied(self, fault: Fault, result: T) -> T:
        """The answer with a wrong size or ETag, if that is the fault."""
        lie = _LIES.get(fault.kind)
        answer: Any = result
        if isinstance(result, ListPage) and result.entries and lie:
            answer = ListPage([lie(result.entries[0]), *result.entries[1:]], result.cursor)
        elif isinstance(result, ObjectInfo | PartInfo) and lie:
            answer = lie(result)
        if answer is not result:
            self.script.note_fired(fault)
        return cast("T", answer)

    async def _sent(self, operation: str, key: str, body: Body, send: Callable[[Body], Awaitable[T]]) -> T:
        fault = self.script.take(operation, key)
        if fault is None:
            return await send(body)
        await self.before(fault)
        result = await send(_FaultyBody(self, fault, body))
        if fault.kind is FaultKind.LOSE_ANSWER:
            self.script.note_fired(fault)
            raise fault.error()
        return self.lied(fault, result)

    async def open(self) -> None:
        await self._faulted("open", None, self.inner.open)

    async def list_page(
        self, prefix: str = "", *, start_after: str = "", cursor: str | None = None, limit: int = 1000
    ) -> ListPage:
        if self._broken_listing is not None:
            fault, self._broken_listing = self._broken_listing, None
            self.script.note_fired(fault)
            raise fault.error()
        listing = self.script.take("list_page", prefix)
        if listing is None:
            return await self.inner.list_page(prefix, start_after=start_after, cursor=cursor, limit=limit)
        await self.before(listing)
        shortened = listing.kind in (FaultKind.BREAK_LISTING, FaultKind.CUT_LISTING)
        if listing.kind is FaultKind.BREAK_LISTING and not listing.after_entries:
            self.script.note_fired(listing)
            raise listing.error()
        size = max(1, min(limit, listing.after_entries)) if shortened else limit
        page = await self.inner.list_page(prefix, start_after=start_after, cursor=cursor, limit=size)
        return self._listed(listing, page)

    def _listed(self, fault: Fault, page: ListPage) -> ListPage:
        if fault.kind is FaultKind.BREAK_LISTING and page.cursor is not None:
            self._broken_listing = fault
        if fault.kind is FaultKind.CUT_LISTING and (page.cursor is not None or len(page.entries) > fault.after_entries):
            self.script.note_fired(fault)
            return ListPage(page.entries[: fault.after_entries], None)
        if fault.kind is FaultKind.LOSE_ANSWER:
            self.script.note_fired(fault)
            raise fault.error()
        return self.lied(fault, page)

    async def head(self, key: str, *, version_id: str | None = None) -> ObjectInfo:
        return await self._faulted("head", key, lambda: self.inner.head(key, version_id=version_id))

    async def part_sizes(self, key: str, *, etag: str) -> list[int] | None:
        return await self._faulted("part_sizes", key, lambda: self.inner.part_sizes(key, etag=etag))

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
        return _FaultyGet(opened, self, key)

    async def put(
        self,
        key: str,
        body: Body,
        *,
        attributes: Attributes,
        condition: Condition = ALWAYS,
        expect: Checksum | None = None,
    ) -> ObjectInfo:
        return await self._sent(
            "put",
            key,
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
        return await self._faulted(
            "copy",
            target_key,
            lambda: self.inner.copy(source_key, target_key, attributes=attributes, condition=condition),
        )

    async def delete(self, keys: Sequence[str], *, condition: Condition = ALWAYS) -> dict[str, StoreError | None]:
        return await self._faulted(
            "delete", keys[0] if len(keys) == 1 else None, partial(self.inner.delete, keys, condition=condition)
        )

    async def read_tags(self, key: str, *, version_id: str | None = None) -> dict[str, str]:
        return await self._faulted("read_tags", key, lambda: self.inner.read_tags(key, version_id=version_id))

    async def write_tags(self, key: str, tags: Mapping[str, str]) -> None:
        await self._faulted("write_tags", key, partial(self.inner.write_tags, key, tags))

    async def read_acl(self, key: str) -> tuple[Grant, ...]:
        return await self._faulted("read_acl", key, partial(self.inner.read_acl, key))

    async def write_acl(self, key: str, acl: Sequence[Grant]) -> None:
        await self._faulted("write_acl", key, partial(self.inner.write_acl, key, acl))

    async def create_multipart(self, key: str, *, attributes: Attributes) -> str:
        return await self._faulted(
            "create_multipart", key, lambda: self.inner.create_multipart(key, attributes=attributes)
        )

    async def put_part(
        self, key: str, upload_id: str, number: int, body: Body, *, expect: Checksum | None = None
    ) -> PartInfo:
        return await self._sent(
            "put_part",
            key,
            body,
            lambda body: self.inner.put_part(key, upload_id, number, body, expect=expect),
        )

    async def list_parts(self, key: str, upload_id: str) -> list[PartInfo]:
        return await self._faulted("list_parts", key, partial(self.inner.list_parts, key, upload_id))

    async def complete_multipart(
        self, key: str, upload_id: str, parts: Sequence[PartInfo], *, condition: Condition = ALWAYS
    ) -> ObjectInfo:
        return await self._faulted(
            "complete_multipart",
            key,
            lambda: self.inner.complete_multipart(key, upload_id, parts, condition=condition),
        )

    async def abort_multipart(self, key: str, upload_id: str) -> None:
        await self._faulted("abort_multipart", key, partial(self.inner.abort_multipart, key, upload_id))

    async def list_multiparts(self, prefix: str = "") -> list[MultipartInfo]:
        return await self._faulted("list_multiparts", None, partial(self.inner.list_multiparts, prefix))

    async def read_manifest(self, key: str) -> bytes | None:
        return await self._faulted("read_manifest", key, lambda: with_manifests(self.inner).read_manifest(key))

    async def segment_etag(self, path: str) -> str | None:
        return await self._faulted("segment_etag", path, lambda: with_manifests(self.inner).segment_etag(path))

    async def put_segment(self, path: str, body: Body, *, expect: Checksum | None = None) -> PartInfo:
        return await self._sent(
            "put_segment", path, body, lambda body: with_manifests(self.inner).put_segment(path, body, expect=expect)
        )

    async def write_manifest(self, key: str, manifest: bytes, *, attributes: Attributes) -> ObjectInfo:
        return await self._faulted(
            "write_manifest",
            key,
            lambda: with_manifests(self.inner).write_manifest(key, manifest, attributes=attributes),
        )

    async def create_bucket(self) -> None:
        await self._faulted("create_bucket", None, self.inner.create_bucket)

    async def delete_bucket(self) -> None:
        await self._faulted("delete_bucket", None, self.inner.delete_bucket)

    async def damaged(self, fault: Fault, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """The content with the fault in it, at the byte where it belongs."""
        passed = 0
        changed = False
        async for chunk in chunks:
            here = fault.after_bytes - passed
            passed += len(chunk)
            if fault.kind in _BODY_KINDS and 0 <= here < len(chunk):
                self.script.note_fired(fault)
                if fault.kind is FaultKind.FLIP_BIT:
                    yield chunk[:here] + bytes([chunk[here] ^ 1]) + chunk[here + 1 :]
                    continue
                if here:
                    yield chunk[:here]
                if fault.kind is FaultKind.BREAK_BODY:
                    raise fault.error()
                return
            yield chunk
            if fault.kind is FaultKind.CHANGE and not changed and 0 < fault.after_bytes <= passed:
                changed = True
                self.script.note_fired(fault)
                await self.change(fault)


class _FaultyBody:
    """A body on its way into the store, with the fault in it."""

    __slots__ = ("_body", "_fault", "_store", "replayable", "size_bytes")

    def __init__(self, store: FaultyStore, fault: Fault, body: Body) -> None:
        self._store = store
        self._fault = fault
        self._body = body
        self.size_bytes = body.size_bytes
        self.replayable = body.replayable

    def chunks(self) -> AsyncIterator[bytes]:
        return self._store.damaged(self._fault, self._body.chunks())


class _FaultyGet(ForwardingGet):
    """Opens with the fault of this call, which may lie in the opening or in the body."""

    __slots__ = ("_key", "_store")

    def __init__(self, opened: AbstractAsyncContextManager[ObjectReader], store: FaultyStore, key: str) -> None:
        super().__init__(opened)
        self._store = store
        self._key = key

    async def __aenter__(self) -> ObjectReader:
        fault = self._store.script.take("get", self._key)
        if fault is None:
            return await self._opened.__aenter__()
        await self._store.before(fault)
        reader = await self._opened.__aenter__()
        if fault.kind is FaultKind.LOSE_ANSWER:
            await self._opened.__aexit__(None, None, None)
            self._store.script.note_fired(fault)
            raise fault.error()
        reader.info = self._store.lied(fault, reader.info)
        return _FaultyReader(self._store, fault, reader)


class _FaultyReader:
    """An open object with the fault in its content."""

    __slots__ = ("_fault", "_reader", "_store", "info")

    def __init__(self, store: FaultyStore, fault: Fault, reader: ObjectReader) -> None:
        self.info = reader.info
        self._store = store
        self._fault = fault
        self._reader = reader

    def chunks(self) -> AsyncIterator[bytes]:
        return self._store.damaged(self._fault, self._reader.chunks())

    async def read(self) -> bytes:
        return b"".join([chunk async for chunk in self.chunks()])

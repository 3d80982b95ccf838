"""Makes a call again when its error may pass, with growing, jittered pauses and within bounds.

What is retried: every error whose class says `Retry.MAYBE`, except two that sending the same again cannot mend.
`SourceChanged` takes a fresh look at both sides. `Corrupt` takes reading the source again, to tell damage on the way
from an ETag that is no digest. The engine does both. An answer may be lost after the store has done the work, so each call must bear being made twice:

- `put`, `put_part`, `copy`, `write_tags`, `write_acl`, `create_bucket`, `abort_multipart` leave the same state. A
  `put` or `put_part` is made again only if its body is replayable. A put with a condition may meet its own first
  success; it then raises `PreconditionFailed`, and whoever set the condition looks again.
- `delete` of an absent key is fine, and so is `delete_bucket` of an absent bucket. Only the keys that failed are tried
  again. On a condition it is not made again here: another object may have come since, and not every store looks at
  the condition. Whoever set it looks again.
- `create_multipart` is not made again here: a lost answer hides an upload whose id nobody knows, and only the engine,
  which has its intent on record, can find and abort it before it begins another.
- `complete_multipart` consumes the upload. After a failure both are looked at: when the upload is gone and the object's
  ETag is the one these parts must give, it had worked and only the answer was lost. An upload that is still there
  beside an object with that ETag proves nothing, since the object may be older and carry other metadata.
- `get` is retried until it is open. A body that breaks off later is the reader's to handle, since a part of it has
  been handed out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import TypeVar

from brigade.clock import Clock
from brigade.decide.backoff import Backoff, delay_seconds
from brigade.errors import Corrupt, NotFound, Retry, SourceChanged, StoreError
from brigade.objects import Attributes, Checksum, Grant, MultipartInfo, ObjectInfo, PartInfo, is_md5_etag
from brigade.stores.base import ALWAYS, Body, ByteRange, Condition, ListPage, ObjectReader, Store, with_manifests
from brigade.stores.layers.forward import ForwardingGet, ForwardingStore
from brigade.telemetry import Telemetry

T = TypeVar("T")


class RetryingStore(ForwardingStore):
    """Attempts each call as often as `backoff` allows; the last error is raised as it came."""

    def __init__(
        self,
        inner: Store,
        *,
        clock: Clock,
        telemetry: Telemetry,
        backoff: Backoff | None = None,
        label: str = "",
    ) -> None:
        super().__init__(inner)
        self.clock = clock
        self.telemetry = telemetry
        self.label = label or inner.name
        self.backoff = backoff or Backoff()

    async def _again(self, operation: str, call: Callable[[], Awaitable[T]]) -> T:
        try:
            return await call()
        except StoreError as error:
            tries = _Tries(self, operation)
            await tries.pause(error)
        while True:
            try:
                return await call()
            except StoreError as error:
                await tries.pause(error)

    async def open(self) -> None:
        await self._again("open", self.inner.open)

    async def list_page(
        self, prefix: str = "", *, start_after: str = "", cursor: str | None = None, limit: int = 1000
    ) -> ListPage:
        return await self._again(
            "list_page",
            lambda: self.inner.list_page(prefix, start_after=start_after, cursor=cursor, limit=limit),
        )

    async def head(self, key: str, *, version_id: str | None = None) -> ObjectInfo:
        return await self._again("head", lambda: self.inner.head(key, version_id=version_id))

    async def part_sizes(self, key: str, *, etag: str) -> list[int] | None:
        return await self._again("part_sizes", lambda: self.inner.part_sizes(key, etag=etag))

    def get(
        self,
        key: str,
        *,
        byte_range: ByteRange | None = None,
        part: int | None = None,
        condition: Condition = ALWAYS,
        version_id: str | None = None,
    ) -> AbstractAsyncContextManager[ObjectReader]:
        return _RetryingGet(
            self,
            lambda: self.inner.get(key, byte_range=byte_range, part=part, condition=condition, version_id=version_id),
        )

    async def put(
        self,
        key: str,
        body: Body,
        *,
        attributes: Attributes,
        condition: Condition = ALWAYS,
        expect: Checksum | None = None,
    ) -> ObjectInfo:
        if not body.replayable:
            return await self.inner.put(key, body, attributes=attributes, condition=condition, expect=expect)
        return await self._again(
            "put",
            lambda: self.inner.put(key, body, attributes=attributes, condition=condition, expect=expect),
        )

    async def copy(
        self,
        source_key: str,
        target_key: str,
        *,
        attributes: Attributes | None = None,
        condition: Condition = ALWAYS,
    ) -> ObjectInfo:
        return await self._again(
            "copy",
            lambda: self.inner.copy(source_key, target_key, attributes=attributes, condition=condition),
        )

    async def delete(self, keys: Sequence[str], *, condition: Condition = ALWAYS) -> dict[str, StoreError | None]:
        if condition != ALWAYS:
            return await self.inner.delete(keys, condition=condition)
        tries = _Tries(self, "delete")
        results: dict[str, StoreError | None] = {}
        left = list(keys)
        while True:
            results.update(await self._again("delete", partial(self.inner.delete, left)))
            failed = [(key, error) for key in left if (error := results[key]) is not None and _may_pass(error)]
            if not failed:
                return results
            left = [key for key, _ in failed]
            if not await tries.paused(failed[0][1]):
                return results

    async def read_tags(self, key: str, *, version_id: str | None = None) -> dict[str, str]:
        return await self._again("read_tags", lambda: self.inner.read_tags(key, version_id=version_id))

    async def write_tags(self, key: str, tags: Mapping[str, str]) -> None:
        await self._again("write_tags", lambda: self.inner.write_tags(key, tags))

    async def read_acl(self, key: str) -> tuple[Grant, ...]:
        return await self._again("read_acl", lambda: self.inner.read_acl(key))

    async def write_acl(self, key: str, acl: Sequence[Grant]) -> None:
        await self._again("write_acl", lambda: self.inner.write_acl(key, acl))

    async def create_multipart(self, key: str, *, attributes: Attributes) -> str:
        return await self.inner.create_multipart(key, attributes=attributes)

    async def put_part(
        self, key: str, upload_id: str, number: int, body: Body, *, expect: Checksum | None = None
    ) -> PartInfo:
        if not body.replayable:
            return await self.inner.put_part(key, upload_id, number, body, expect=expect)
        return await self._again("put_part", lambda: self.inner.put_part(key, upload_id, number, body, expect=expect))

    async def list_parts(self, key: str, upload_id: str) -> list[PartInfo]:
        return await self._again("list_parts", lambda: self.inner.list_parts(key, upload_id))

    async def complete_multipart(
        self, key: str, upload_id: str, parts: Sequence[PartInfo], *, condition: Condition = ALWAYS
    ) -> ObjectInfo:
        try:
            return await self.inner.complete_multipart(key, upload_id, parts, condition=condition)
        except StoreError as error:
            failure = error
        tries = _Tries(self, "complete_multipart")
        while True:
            if not isinstance(failure, NotFound):
                await tries.pause(failure)
            landed = await self._landed(key, upload_id, parts)
            if landed is not None:
                return landed
            if isinstance(failure, NotFound):
                raise failure
            try:
                return await self.inner.complete_multipart(key, upload_id, parts, condition=condition)
            except StoreError as error:
                failure = error

    async def _landed(self, key: str, upload_id: str, parts: Sequence[PartInfo]) -> ObjectInfo | None:
        """The object, if the upload is consumed and the object is the one that these parts make."""
        if not all(is_md5_etag(part.etag) for part in parts):
            return None
        digests = b"".join(bytes.fromhex(part.etag) for part in parts)
        etag = f"{hashlib.md5(digests, usedforsecurity=False).hexdigest()}-{len(parts)}"
        try:
            await self.list_parts(key, upload_id)
        except NotFound:
            pass
        else:
            return None
        try:
            info = await self.head(key)
        except NotFound:
            return None
        return info if info.etag == etag else None

    async def abort_multipart(self, key: str, upload_id: str) -> None:
        await self._again("abort_multipart", lambda: self.inner.abort_multipart(key, upload_id))

    async def list_multiparts(self, prefix: str = "") -> list[MultipartInfo]:
        return await self._again("list_multiparts", lambda: self.inner.list_multiparts(prefix))

    async def read_manifest(self, key: str) -> bytes | None:
        return await self._again("read_manifest", lambda: with_manifests(self.inner).read_manifest(key))

    async def segment_etag(self, path: str) -> str | None:
        return await self._again("segment_etag", lambda: with_manifests(self.inner).segment_etag(path))

    async def put_segment(self, path: str, body: Body, *, expect: Checksum | None = None) -> PartInfo:
        if not body.replayable:
            return await with_manifests(self.inner).put_segment(path, body, expect=expect)
        return await self._again(
            "put_segment", lambda: with_manifests(self.inner).put_segment(path, body, expect=expect)
        )

    async def write_manifest(self, key: str, manifest: bytes, *, attributes: Attributes) -> ObjectInfo:
        return await self._again(
            "write_manifest", lambda: with_manifests(self.inner).write_manifest(key, manifest, attributes=attributes)
        )

    async def create_bucket(self) -> None:
        await self._again("create_bucket", self.inner.create_bucket)

    async def delete_bucket(self) -> None:
        await self._again("delete_bucket", self.inner.delete_bucket)


def _may_pass(error: StoreError) -> bool:
    return error.retry is Retry.MAYBE and not isinstance(error, SourceChanged | Corrupt)


class _Tries:
    """The failed attempts of one call. Made at the first failure, so that a call that succeeds pays nothing."""

    __slots__ = ("_began_seconds", "_failed", "_operation", "_store")

    def __init__(self, store: RetryingStore, operation: str) -> None:
        self._store = store
        self._operation = operation
        self._failed = 0
        self._began_seconds = store.clock.monotonic_seconds()

    async def pause(self, error: StoreError) -> None:
        """Wait for the next attempt, or raise `error` if there is none."""
        if not _may_pass(error) or not await self.paused(error):
            raise error

    async def paused(self, error: StoreError) -> bool:
        """Wait for the next attempt; False if there is none."""
        store, clock = self._store, self._store.clock
        self._failed += 1
        delay = delay_seconds(
            store.backoff,
            attempt=self._failed,
            waited_seconds=clock.monotonic_seconds() - self._began_seconds,
            retry_after_seconds=error.retry_after_seconds,
            random=clock.random(),
        )
        if delay is None:
            error.exhausted = True
            return False
        store.telemetry.retries[store.label, self._operation] += 1
        await clock.sleep(delay)
        return True


class _RetryingGet(ForwardingGet):
    """Opens again until it is open; from then on the reader is the store's own."""

    __slots__ = ("_open", "_store")

    def __init__(self, store: RetryingStore, opening: Callable[[], AbstractAsyncContextManager[ObjectReader]]) -> None:
        super().__init__(opening())
        self._store = store
        self._open = opening

    async def __aenter__(self) -> ObjectReader:
        tries: _Tries | None = None
        while True:
            try:
                return await self._opened.__aenter__()
            except StoreError as error:
                tries = tries or _Tries(self._store, "get")
                await tries.pause(error)
                self._opened = self._open()

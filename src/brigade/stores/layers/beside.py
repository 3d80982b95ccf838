"""Keeps the manifests of another store's large objects beside their copies, where no listing shows them.

They are objects below `.manifests/`. A store whose objects were not made from manifests holds none, and then nobody
asks for one: that is looked up by a listing of a single key, at most once a minute.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager

from brigade.clock import Clock
from brigade.errors import InvalidKey, NotFound, StoreError
from brigade.objects import Attributes, Checksum, ChecksumAlgorithm, ObjectInfo
from brigade.stores.base import (
    ALWAYS,
    Body,
    ByteRange,
    BytesBody,
    Condition,
    KeptManifest,
    ListPage,
    ObjectReader,
    Store,
)
from brigade.stores.digests import md5_hex
from brigade.stores.layers.forward import ForwardingStore

FOLDER = ".manifests/"
# Behind all manifests, whose names begin with a digest in hex: a listing goes on from here and does not read them.
_BEHIND = f"{FOLDER}g"
_ORIGIN = "origin"
_LOOK_AGAIN_SECONDS = 60.0
# Swift takes none that is larger, unless its operator has raised that: 8 MiB for 1,000 segments.
_LARGEST_BYTES = 64 * 1024 * 1024


def manifest_name(key: str) -> str:
    """The key under which the manifest of an object is kept."""
    return f"{FOLDER}{hashlib.sha256(key.encode('utf-8', 'surrogatepass')).hexdigest()}.swift_slo_manifest"


class BesideStore(ForwardingStore):
    """The store without its `.manifests/`, which are reached by the calls of `KeepsManifests` only."""

    def __init__(self, inner: Store, clock: Clock) -> None:
        super().__init__(inner)
        self._clock = clock
        self._has_some = False
        self._look_again_seconds = float("-inf")

    async def kept_manifest(self, key: str) -> KeptManifest | None:
        """See `brigade.stores.base.KeepsManifests`."""
        if not await self._holds_some():
            return None
        try:
            async with self.inner.get(manifest_name(key)) as reader:
                if reader.info.size_bytes > _LARGEST_BYTES:
                    return None
                document, info = await reader.read(), reader.info
        except NotFound:
            return None
        return KeptManifest(document, info.attributes.metadata.get(_ORIGIN, "") if info.attributes else "")

    async def keep_manifest(self, key: str, kept: KeptManifest) -> None:
        """See `brigade.stores.base.KeepsManifests`."""
        metadata = {_ORIGIN: kept.origin} if self.capabilities.metadata else {}
        await self.inner.put(
            manifest_name(key),
            BytesBody(kept.document),
            attributes=Attributes(content_type="application/json", metadata=metadata),
            expect=Checksum(ChecksumAlgorithm.MD5, md5_hex(kept.document)),
        )
        self._has_some = True

    async def drop_manifest(self, key: str) -> None:
        """See `brigade.stores.base.KeepsManifests`."""
        if error := (await self._drop([key])).get(key):
            raise error

    async def _drop(self, keys: Sequence[str]) -> dict[str, StoreError | None]:
        """Drop the manifests of these keys; nothing where none is kept at all."""
        if not keys or not await self._holds_some():
            return {}
        answers = await self.inner.delete([manifest_name(key) for key in keys])
        return {key: answers[manifest_name(key)] for key in keys}

    async def _holds_some(self) -> bool:
        now_seconds = self._clock.monotonic_seconds()
        if not self._has_some and now_seconds >= self._look_again_seconds:
            page = await self.inner.list_page(FOLDER, limit=1)
            self._has_some = bool(page.entries) or page.cursor is not None
            self._look_again_seconds = now_seconds + _LOOK_AGAIN_SECONDS
        return self._has_some

    async def list_page(
        self, prefix: str = "", *, start_after: str = "", cursor: str | None = None, limit: int = 1000
    ) -> ListPage:
        entries: list[ObjectInfo] = []
        while True:
            page = await self.inner.list_page(
                prefix, start_after=start_after, cursor=cursor, limit=limit - len(entries)
            )
            shown = [info for info in page.entries if not info[0].startswith(FOLDER)]
            if not entries and len(shown) == len(page.entries):
                return page
            entries += shown
            if page.cursor is None or len(entries) >= limit or page.cursor == cursor:
                return ListPage(entries, page.cursor)
            start_after, cursor = "", page.cursor
            last = page.entries[-1].key if page.entries else ""
            if FOLDER < last < _BEHIND and self.capabilities.start_after:
                start_after, cursor = _BEHIND, None

    async def head(self, key: str, *, version_id: str | None = None) -> ObjectInfo:
        self._hide("head", key)
        return await self.inner.head(key, version_id=version_id)

    def get(
        self,
        key: str,
        *,
        byte_range: ByteRange | None = None,
        part: int | None = None,
        condition: Condition = ALWAYS,
        version_id: str | None = None,
    ) -> AbstractAsyncContextManager[ObjectReader]:
        self._hide("get", key)
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
        self._refuse("put", key)
        return await self.inner.put(key, body, attributes=attributes, condition=condition, expect=expect)

    async def copy(
        self,
        source_key: str,
        target_key: str,
        *,
        attributes: Attributes | None = None,
        condition: Condition = ALWAYS,
    ) -> ObjectInfo:
        self._hide("copy", source_key)
        self._refuse("copy", target_key)
        return await self.inner.copy(source_key, target_key, attributes=attributes, condition=condition)

    async def delete(self, keys: Sequence[str], *, condition: Condition = ALWAYS) -> dict[str, StoreError | None]:
        """An object goes first and its manifest after it: one that is left over fits no other object."""
        results: dict[str, StoreError | None] = {
            key: self._refusal("delete", key) for key in keys if key.startswith(FOLDER)
        }
        if wanted := [key for key in keys if key not in results]:
            results |= await self.inner.delete(wanted, condition=condition)
        gone = [key for key, error in results.items() if error is None]
        return results | await self._drop(gone)

    async def create_multipart(self, key: str, *, attributes: Attributes) -> str:
        self._refuse("create_multipart", key)
        return await self.inner.create_multipart(key, attributes=attributes)

    def _hide(self, operation: str, key: str) -> None:
        if key.startswith(FOLDER):
            raise NotFound("manifests are no objects of their own", store=self.name, operation=operation, key=key)

    def _refuse(self, operation: str, key: str) -> None:
        if key.startswith(FOLDER):
            raise self._refusal(operation, key)

    def _refusal(self, operation: str, key: str) -> InvalidKey:
        text = f"below {FOLDER} only manifests of large objects are kept"
        return InvalidKey(text, store=self.name, operation=operation, key=key, hint="give the object another name")

"""A view that shows older versions as objects of their own, beside the newest, and takes no write.

An older version of `a.txt` is `a.txt?generation=1763…` here: the key, and how the service itself names a version in a URL. It is
taken apart before a read, and no write goes through.
"""

from __future__ import annotations

import re
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import replace
from typing import NamedTuple, Protocol

from brigade.errors import ListingBroken, NotFound, Rejected
from brigade.objects import ObjectInfo
from brigade.stores.base import (
    ALWAYS,
    ByteRange,
    Capabilities,
    Condition,
    ListingOrder,
    ListPage,
    ListsVersions,
    ObjectReader,
    Store,
)
from brigade.stores.layers.forward import ForwardingGet
from brigade.stores.layers.readonly import ReadOnlyStore

_MARK = "?"
# A moment, as Azure names versions and snapshots, or a number, as Google names generations.
_MARKED = re.compile(r"(.+)\?([a-z]+)=(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z|\d+)", re.DOTALL | re.ASCII).fullmatch


class VersionedStore(Store, ListsVersions, Protocol):
    """A store that lists older versions."""


class Named(NamedTuple):
    """What a key of this view names: an object, and which version of it."""

    key: str
    version_id: str


class VersionsStore(ReadOnlyStore):
    """All versions of a store's objects, for reading only.

    A key of the store itself that ends like that of a version is read where there is no such version. Where there is, both
    would have one key, so the listing is refused.
    """

    def __init__(self, inner: VersionedStore) -> None:
        super().__init__(inner)
        self._versions = inner
        self._seen: Capabilities | None = None
        self._capabilities = Capabilities()

    @property
    def capabilities(self) -> Capabilities:
        """Those of the store inside, in no order and for no write; made anew only when the store settles its own."""
        inner = self.inner.capabilities
        if inner is not self._seen:
            self._seen = inner
            self._capabilities = replace(inner, listing_order=ListingOrder.NONE, start_after=False, writable=False)
        return self._capabilities

    async def list_page(
        self, prefix: str = "", *, start_after: str = "", cursor: str | None = None, limit: int = 1000
    ) -> ListPage:
        if start_after:
            raise self._refusal("list_page", start_after)
        # The server knows keys without their marks.
        known = prefix.partition(_MARK)[0]
        page = await self._versions.list_versions(known, cursor=cursor, limit=limit)
        entries = [self._shown(info) if info.version_id is not None else info for info in page.entries]
        for info in page.entries:
            if info.version_id is None and (named := self._named(info.key)) is not None:
                await self._refuse_double(info.key, named)
        if known != prefix:
            entries = [info for info in entries if info.key.startswith(prefix)]
        return ListPage(entries, page.cursor)

    async def head(self, key: str, *, version_id: str | None = None) -> ObjectInfo:
        named = self._named(key) if version_id is None else None
        if named is not None:
            # Where there is none, it may be an object whose own key ends like this.
            with suppress(NotFound):
                return (await self.inner.head(named.key, version_id=named.version_id))._replace(key=key)
        return await self.inner.head(key, version_id=version_id)

    async def part_sizes(self, key: str, *, etag: str) -> list[int] | None:
        return None if self._named(key) is not None else await self.inner.part_sizes(key, etag=etag)

    def get(
        self,
        key: str,
        *,
        byte_range: ByteRange | None = None,
        part: int | None = None,
        condition: Condition = ALWAYS,
        version_id: str | None = None,
    ) -> AbstractAsyncContextManager[ObjectReader]:
        named = self._named(key) if version_id is None else None
        plain = self.inner.get(key, byte_range=byte_range, part=part, condition=condition, version_id=version_id)
        if named is None:
            return plain
        opened = self.inner.get(
            named.key, byte_range=byte_range, part=part, condition=condition, version_id=named.version_id
        )
        return _VersionGet(opened, plain, key)

    async def read_tags(self, key: str, *, version_id: str | None = None) -> dict[str, str]:
        named = self._named(key) if version_id is None else None
        if named is not None:
            with suppress(NotFound):
                return await self.inner.read_tags(named.key, version_id=named.version_id)
        return await self.inner.read_tags(key, version_id=version_id)

    def _shown(self, info: ObjectInfo) -> ObjectInfo:
        """The entry of an older version under a key of its own."""
        version = info.version_id or ""
        mark = version if "=" in version else f"{self._versions.version_words[0]}={version}"
        key = f"{info.key}{_MARK}{mark}"
        if self._named(key) is None:
            text = f"the server names a version {mark!r}, which is not how it should look"
            raise ListingBroken(text, store=self.name, operation="list_page", key=info.key)
        return info._replace(key=key)

    async def _refuse_double(self, key: str, named: Named) -> None:
        with suppress(NotFound):
            await self.inner.head(named.key, version_id=named.version_id)
            text = f"an object has the key {key!r}, as which an older version of {named.key!r} is shown"
            raise Rejected(text, store=self.name, operation="list_page", key=key, hint="rename the object")

    def _named(self, key: str) -> Named | None:
        """The version that a key names; None for the key of an object."""
        if _MARK not in key or (found := _MARKED(key)) is None:
            return None
        base, word, value = found.groups()
        words = self._versions.version_words
        if word not in words:
            return None
        return Named(base, value if word == words[0] else f"{word}={value}")

    def _refusal(self, operation: str, key: str | None) -> Rejected:
        text = "the store shows older versions as objects (versions: all), so it is for reading only"
        return Rejected(text, store=self.name, operation=operation, key=key)


class _VersionGet(ForwardingGet):
    """Opens a version, or the object whose own key is like that of one; the info has the key that was asked for."""

    __slots__ = ("_key", "_plain")

    def __init__(
        self,
        opened: AbstractAsyncContextManager[ObjectReader],
        plain: AbstractAsyncContextManager[ObjectReader],
        key: str,
    ) -> None:
        super().__init__(opened)
        self._plain = plain
        self._key = key

    async def __aenter__(self) -> ObjectReader:
        try:
            reader = await self._opened.__aenter__()
        except NotFound:
            self._opened = self._plain
            reader = await self._opened.__aenter__()
        reader.info = reader.info._replace(key=self._key)
        return reader

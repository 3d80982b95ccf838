"""Listing the container, with the real size of what only looks empty."""

from __future__ import annotations

from brigade.errors import AccessDenied, ListingBroken, NotFound, Rejected
from brigade.objects import ObjectInfo
from brigade.stores.base import ListPage
from brigade.stores.swift.objects import ObjectCalls
from brigade.stores.swift.settings import DynamicObjects
from brigade.stores.together import for_each

_LOOKS_AT_ONCE = 16


class ListingCalls(ObjectCalls):
    """`list_page` by a marker."""

    async def list_page(
        self, prefix: str = "", *, start_after: str = "", cursor: str | None = None, limit: int = 1000
    ) -> ListPage:
        """One page, in byte order. Only an empty page ends a listing: Swift may give short ones before."""
        page = await self._page(
            "list_page",
            self._path(None, "list_page"),
            prefix=prefix,
            marker=start_after if cursor is None else cursor,
            limit=limit,
            doubt_empty=self.settings.dlo is not DynamicObjects.IGNORE,
        )
        entries = page.entries
        if not entries:
            return ListPage([], None)
        for entry in entries[:1] + entries[-1:]:
            if not entry.key.startswith(prefix):
                raise ListingBroken(
                    f"the server lists {entry.key!r}, which is not under {prefix!r}",
                    store=self.name,
                    operation="list_page",
                )
        if page.doubtful:
            looks = await for_each([entries[at] for at in page.doubtful], self._real, at_once=_LOOKS_AT_ONCE)
            for at, info in zip(page.doubtful, looks, strict=True):
                entries[at] = info
        return ListPage(entries, entries[-1].key)

    async def _real(self, entry: ObjectInfo) -> ObjectInfo:
        """The entry as HEAD has it, if it is a dynamic large object or a link to another object."""
        try:
            now = await self.head(entry.key)
        except (NotFound, AccessDenied, Rejected):
            return entry
        if now.etag == entry.etag:
            return entry
        return entry._replace(size_bytes=now.size_bytes, etag=now.etag, modified_ns=now.modified_ns)

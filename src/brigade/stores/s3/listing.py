"""Listing the bucket."""

from __future__ import annotations

from brigade.errors import AccessDenied, ListingBroken, NotFound
from brigade.objects import ObjectInfo
from brigade.stores.base import ListPage
from brigade.stores.http.calls import Answer
from brigade.stores.s3.objects import ObjectCalls
from brigade.stores.together import for_each
from brigade.wire.encoding import encode_query
from brigade.wire.s3listing import parse_listing

_LOOKS_AT_ONCE = 8


class ListingCalls(ObjectCalls):
    """`list_page` by ListObjectsV2."""

    async def list_page(
        self, prefix: str = "", *, start_after: str = "", cursor: str | None = None, limit: int = 1000
    ) -> ListPage:
        """One page, in the server's order."""
        answer = await self._ask_page(prefix, start_after, cursor, limit)
        try:
            listing = parse_listing(answer.body)
        except ListingBroken as error:
            raise self.caller.placed(error, "list_page", None) from error.__cause__
        for entry in listing.entries[:1] + listing.entries[-1:]:
            if not entry.key.startswith(prefix):
                raise ListingBroken(
                    f"the server lists {entry.key!r}, which is not under {prefix!r}",
                    store=self.name,
                    operation="list_page",
                )
        if self._traits.loses_etags and not all(entry.etag for entry in listing.entries):
            return ListPage(await for_each(listing.entries, self._with_etag, at_once=_LOOKS_AT_ONCE), listing.token)
        return ListPage(listing.entries, listing.token)

    async def _with_etag(self, entry: ObjectInfo) -> ObjectInfo:
        """The entry with the ETag that the server left out, as long as it still is that object."""
        if entry.etag is not None:
            return entry
        try:
            now = await self.head(entry.key)
        except (NotFound, AccessDenied):
            return entry
        same = (now.size_bytes, now.modified_ns) == (entry.size_bytes, entry.modified_ns)
        return entry._replace(etag=now.etag) if same else entry

    async def _ask_page(self, prefix: str, start_after: str, cursor: str | None, limit: int) -> Answer:
        query = [("list-type", "2"), ("encoding-type", "url"), ("max-keys", str(limit))]
        if prefix:
            query.append(("prefix", prefix))
        if cursor is not None:
            query.append(("continuation-token", cursor))
        elif start_after:
            query.append(("start-after", start_after))
        return await self.caller.call("list_page", "GET", None, encode_query(query))

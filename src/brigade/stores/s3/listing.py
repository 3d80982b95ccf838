"""Listing the bucket."""

from __future__ import annotations

from brigade.errors import ListingBroken
from brigade.stores.base import ListPage
from brigade.stores.s3.bucket import Bucket
from brigade.stores.s3.caller import Answer
from brigade.wire.encoding import encode_query
from brigade.wire.s3listing import parse_listing


class ListingCalls(Bucket):
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
        return ListPage(listing.entries, listing.token)

    async def _ask_page(self, prefix: str, start_after: str, cursor: str | None, limit: int) -> Answer:
        query = [("list-type", "2"), ("encoding-type", "url"), ("max-keys", str(limit))]
        if prefix:
            query.append(("prefix", prefix))
        if cursor is not None:
            query.append(("continuation-token", cursor))
        elif start_after:
            query.append(("start-after", start_after))
        return await self.caller.call("list_page", "GET", None, encode_query(query))

"""Listing the bucket."""

from __future__ import annotations

from typing import Any

from brigade.errors import ListingBroken, NotFound
from brigade.objects import ObjectInfo
from brigade.stores.base import ListPage
from brigade.stores.gcs.attributes import FIELDS, Resource, info_of
from brigade.stores.gcs.bucket import HIDDEN, Bucket
from brigade.stores.together import for_each

_LIST_FIELDS = f"kind,items({FIELDS},timeDeleted),nextPageToken"
_KIND = "storage#objects"
_MOST = 1000
_LOOKS_AT_ONCE = 16


class ListingCalls(Bucket):
    """`list_page` by objects.list, and `list_versions` with older generations."""

    version_words = ("generation",)

    async def list_page(
        self, prefix: str = "", *, start_after: str = "", cursor: str | None = None, limit: int = 1000
    ) -> ListPage:
        """One page in the order of UTF-8 bytes; it may be empty and not the last.

        The cursor is Google's token and where the listing began, because each page is asked for with all parameters.
        """
        token = ""
        if cursor is not None:
            token, _, start_after = cursor.partition(" ")
        query = [("maxResults", str(min(limit, _MOST)))]
        if start_after:
            query.append(("startOffset", start_after))
        if token:
            query.append(("pageToken", token))
        items, token = await self.items("list_page", prefix, query)
        try:
            if not all(item.get("crc32c") for item in items):
                items = await for_each(items, self._with_digests, at_once=_LOOKS_AT_ONCE)
            entries = [self._entry(item) for item in items if item["name"] != start_after]
        except (KeyError, TypeError, ValueError) as error:
            raise self._broken(f"an entry cannot be read: {error!r}") from error
        entries = [entry for entry in entries if not entry.key.startswith(HIDDEN)]
        return ListPage(entries, f"{token} {start_after}" if token else None)

    async def list_versions(self, prefix: str = "", *, cursor: str | None = None, limit: int = 1000) -> ListPage:
        """One page with older generations; those that soft delete keeps are left out, as nobody can read them."""
        query = [("maxResults", str(min(limit, _MOST))), ("versions", "true")]
        if cursor is not None:
            query.append(("pageToken", cursor))
        items, token = await self.items("list_versions", prefix, query)
        try:
            if not all(item.get("crc32c") for item in items):
                items = await for_each(items, self._generation_with_digests, at_once=_LOOKS_AT_ONCE)
            entries = [_version(item) for item in items if not item["name"].startswith(HIDDEN)]
        except (KeyError, TypeError, ValueError) as error:
            raise self._broken(f"an entry cannot be read: {error!r}") from error
        return ListPage(entries, token or None)

    async def items(self, operation: str, prefix: str, query: list[tuple[str, str]]) -> tuple[list[Resource], str]:
        """The resources of one page, and the token of the next one, empty after the last."""
        if prefix:
            query = [*query, ("prefix", prefix)]
        page: Any = await self.caller.call(
            operation, None, "GET", self.caller.objects, [*query, ("fields", _LIST_FIELDS)]
        )
        if not isinstance(page, dict) or page.get("kind") != _KIND:
            # An empty document has no items either, and must not pass for the end of a listing.
            raise self._broken("the answer is no page of a listing")
        items, token = page.get("items", []), page.get("nextPageToken", "")
        if not isinstance(items, list) or not isinstance(token, str):
            raise self._broken("the page is not a list of objects")
        if not all(str(item.get("name", "")).startswith(prefix) for item in (*items[:1], *items[-1:])):
            raise self._broken(f"the server lists what is not under {prefix!r}")
        return items, token

    async def all_items(self, operation: str, prefix: str) -> list[Resource]:
        """The resources of all objects under a prefix that is known to be small."""
        found: list[Resource] = []
        query = [("maxResults", str(_MOST))]
        while True:
            items, token = await self.items(operation, prefix, query)
            if not all(item["name"].startswith(prefix) for item in items):
                # All of an upload is deleted in the end: nothing else may pass for a part of it.
                raise self._broken(f"the server lists what is not under {prefix!r}")
            found += items
            if not token:
                return found
            if ("pageToken", token) in query:
                raise self._broken("the server lists the same page again and again")
            query = [("maxResults", str(_MOST)), ("pageToken", token)]

    async def _with_digests(self, item: Resource) -> Resource:
        """The resource with its digests, which Google lists of no object that is encrypted with a key of the user's."""
        if item.get("crc32c") or item["name"].startswith(HIDDEN):
            return item
        try:
            return await self.look("list_page", item["name"])
        except NotFound:
            return item

    async def _generation_with_digests(self, item: Resource) -> Resource:
        """The same for one generation; what only a listing tells of it stays."""
        if item.get("crc32c") or item["name"].startswith(HIDDEN):
            return item
        try:
            return item | await self.look("list_versions", item["name"], version_id=str(item["generation"]))
        except NotFound:
            return item

    def _entry(self, item: Resource) -> ObjectInfo:
        key = item["name"]
        self.remember(key, item)
        return info_of(key, item)

    def _broken(self, text: str) -> ListingBroken:
        return ListingBroken(text, store=self.name, operation="list_page")


def _version(item: Resource) -> ObjectInfo:
    """One generation. Only those that something has taken the place of, or that were deleted, have a time for that."""
    info = info_of(item["name"], item)
    if "timeDeleted" not in item:
        return info._replace(version_id=None)
    if info.version_id is None:
        raise ValueError("an older generation has no number")
    return info

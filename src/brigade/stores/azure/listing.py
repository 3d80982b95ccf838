"""Listing the container."""

from __future__ import annotations

from brigade.errors import ListingBroken, Rejected, Unsupported
from brigade.stores.azure.objects import ObjectCalls
from brigade.stores.base import ListPage
from brigade.wire.azurelisting import BlobPage, parse_blobs


class ListingCalls(ObjectCalls):
    """`list_page` by List Blobs, which asks for no snapshots, versions and deleted blobs, and `list_versions`, which does."""

    version_words = ("versionid", "snapshot")
    # What to ask for: not all accounts know versions, and those that do not refuse to be asked.
    _older = "snapshots,versions"

    async def list_page(
        self, prefix: str = "", *, start_after: str = "", cursor: str | None = None, limit: int = 1000
    ) -> ListPage:
        """One page, in the server's order. Directories are left out, so that a page may have few entries, or none."""
        if start_after:
            raise Unsupported("Azure lists from the beginning only", store=self.name, operation="list_page")
        # The metadata tells directories that other programs keep as blobs.
        page = await self._page("list_page", prefix, cursor, limit, include="metadata")
        return ListPage(page.entries, page.marker)

    async def list_versions(self, prefix: str = "", *, cursor: str | None = None, limit: int = 1000) -> ListPage:
        """One page with snapshots and older versions; those that soft delete keeps are left out, as nobody can read them."""
        if self.hierarchical:
            self._older = "snapshots"
        try:
            page = await self._page("list_versions", prefix, cursor, limit, include=f"metadata,{self._older}")
        except Rejected as error:
            if error.status != 400 or self._older == "snapshots":
                raise
            page = await self._page("list_versions", prefix, cursor, limit, include="metadata,snapshots")
            self._older = "snapshots"
        return ListPage(page.entries, page.marker)

    async def _page(self, operation: str, prefix: str, cursor: str | None, limit: int, *, include: str) -> BlobPage:
        query = [("restype", "container"), ("comp", "list"), ("maxresults", str(limit)), ("include", include)]
        if prefix:
            query.append(("prefix", prefix))
        if cursor is not None:
            query.append(("marker", cursor))
        answer = await self.caller.call(operation, "GET", None, query)
        with self._placing(operation, None):
            page = parse_blobs(answer.body, uncommitted="uncommitted" in include, versions="snapshots" in include)
            for entry in page.entries[:1] + page.entries[-1:]:
                if not entry.key.startswith(prefix):
                    raise ListingBroken(f"the server lists {entry.key!r}, which is not under {prefix!r}")
        return page

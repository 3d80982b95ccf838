"""A rescan by listing: every key under a prefix, at the source and at the target, is marked a page at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from brigade.changes.base import Marks
from brigade.stores.base import ListPage


class Lister(Protocol):
    """One side of a replication, with keys relative to its prefix; a store is one."""

    async def list_page(
        self, prefix: str = "", *, start_after: str = "", cursor: str | None = None, limit: int = 1000
    ) -> ListPage: ...


class ListedRescans:
    """Marks what is listed. `sides` gives the opened source and target of a replication.

    The target is listed too, because keys that are gone at the source stand there alone.
    """

    def __init__(self, sides: Callable[[int], Sequence[Lister]], marks: Marks) -> None:
        self._sides = sides
        self._marks = marks

    async def rescan(self, replication_id: int, prefix: str) -> None:
        """Mark all keys under the prefix. Raises `StoreError` where a side cannot be listed to its end."""
        for side in self._sides(replication_id):
            cursor: str | None = None
            while True:
                page = await side.list_page(prefix, cursor=cursor)
                if page.entries:
                    await self._marks.mark(replication_id, [entry.key for entry in page.entries])
                cursor = page.cursor
                if cursor is None:
                    break

"""Use case: list a location, whole or one level deep."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import NamedTuple

from brigade.objects import ObjectInfo
from brigade.stores.base import ListingOrder, Store

# Sorts behind every key of a folder.
_LAST = "\U0010ffff"


class Entry(NamedTuple):
    """An object, or a folder (a common prefix, `info` None)."""

    name: str
    info: ObjectInfo | None


async def entries(store: Store, *, recursive: bool) -> AsyncIterator[Entry]:
    """What an open store lists; without `recursive` keys below a slash are one folder, told once."""
    folder: str | None = None
    cursor: str | None = None
    after = ""
    can_skip = store.capabilities.start_after and store.capabilities.listing_order is ListingOrder.BYTES
    while True:
        page = await store.list_page(cursor=cursor, start_after=after)
        for info in page.entries:
            head, slash, _ = info.key.partition("/")
            if recursive or not slash:
                yield Entry(info.key, info)
            elif head != folder:
                folder = head
                yield Entry(head + "/", None)
        if page.cursor is None:
            return
        # A page that ends inside a folder: go on behind the folder and do not list the rest of it.
        inside = not recursive and can_skip and "/" in page.entries[-1].key if page.entries else False
        cursor, after = (None, f"{folder}/{_LAST}") if inside else (page.cursor, "")

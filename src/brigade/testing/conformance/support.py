"""What the promises share: short ways to write, read and list, and a skip that says its reason."""

from __future__ import annotations

from typing import Any

import pytest

from brigade.objects import Attributes, ObjectInfo
from brigade.stores.base import ALWAYS, BytesBody, Condition, ListingOrder, Store


def needs(store: Store, capability: str) -> None:
    """Skip this promise, in so many words, where the store does not claim `capability`."""
    if not getattr(store.capabilities, capability):
        pytest.skip(f"{store.name} does not claim {capability}")


async def put(
    store: Store, key: str, data: bytes = b"", *, condition: Condition = ALWAYS, **attributes: Any
) -> ObjectInfo:
    """Write `data` with these attributes."""
    return await store.put(key, BytesBody(data), attributes=Attributes(**attributes), condition=condition)


async def read(store: Store, key: str, **how: Any) -> bytes:
    """The content of one object, or of a range or part."""
    async with store.get(key, **how) as reader:
        return await reader.read()


async def listing(
    store: Store, prefix: str = "", *, start_after: str = "", limit: int = 1000, most_pages: int = 200
) -> list[ObjectInfo]:
    """All entries, page by page."""
    page = await store.list_page(prefix, start_after=start_after, limit=limit)
    entries = list(page.entries)
    pages = 1
    while page.cursor is not None:
        assert pages < most_pages, "the listing does not end"
        page = await store.list_page(prefix, cursor=page.cursor, limit=limit)
        assert len(page.entries) <= limit
        entries += page.entries
        pages += 1
    return entries


async def keys(store: Store, prefix: str = "", *, start_after: str = "", limit: int = 1000) -> list[str]:
    """All keys, page by page."""
    return [info.key for info in await listing(store, prefix, start_after=start_after, limit=limit)]


def ordered(store: Store, wanted: list[str]) -> list[str]:
    """`wanted` in the order that the store declares (byte order where it declares none)."""
    by_components = store.capabilities.listing_order is ListingOrder.COMPONENTS
    return sorted(wanted, key=lambda key: (key.replace("/", "\0") if by_components else key).encode())


def assert_listed(store: Store, found: list[str], wanted: list[str]) -> None:
    """`found` are these keys, each once, in the declared order if there is one."""
    if store.capabilities.listing_order is ListingOrder.NONE:
        assert sorted(found) == sorted(wanted)
    else:
        assert found == ordered(store, wanted)

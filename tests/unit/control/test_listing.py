from __future__ import annotations

from dataclasses import replace

import pytest

from brigade.clock import SystemClock
from brigade.control.listing import entries
from brigade.stores.base import ListingOrder, ListPage
from brigade.stores.memory import MEMORY_CAPABILITIES, MemoryStore
from brigade.testing.workbench import put

KEYS = ["//x", "a", "a-b", "a/1", "a/2", "a/b/c", "a0", "d/1", "d/2", "d/3", "e", "ü/x"]


class SmallPages(MemoryStore):
    """Lists three keys at a time and counts the pages."""

    pages = 0

    async def list_page(
        self, prefix: str = "", *, start_after: str = "", cursor: str | None = None, limit: int = 1000
    ) -> ListPage:
        self.pages += 1
        return await super().list_page(prefix, start_after=start_after, cursor=cursor, limit=min(limit, 3))


async def filled(order: ListingOrder, keys: list[str]) -> SmallPages:
    able = replace(MEMORY_CAPABILITIES, listing_order=order)
    store = SmallPages("m", "b", clock=SystemClock(), capabilities=able)
    for key in keys:
        await put(store, key, b"x")
    return store


async def names(store: MemoryStore, *, recursive: bool) -> list[str]:
    return [entry.name async for entry in entries(store, recursive=recursive)]


async def test_a_recursive_listing_has_every_key():
    assert await names(await filled(ListingOrder.BYTES, KEYS), recursive=True) == sorted(KEYS)


@pytest.mark.parametrize("order", [ListingOrder.BYTES, ListingOrder.COMPONENTS])
async def test_one_level_has_each_folder_once(order: ListingOrder):
    found = await names(await filled(order, KEYS), recursive=False)
    assert sorted(found) == sorted(["/", "a", "a-b", "a/", "a0", "d/", "e", "ü/"])


async def test_a_large_folder_is_passed_over_and_not_listed():
    store = await filled(ListingOrder.BYTES, [*(f"big/{n:04}" for n in range(300)), "big0", "z"])
    assert await names(store, recursive=False) == ["big/", "big0", "z"]
    assert store.pages <= 3


async def test_an_empty_store_lists_nothing():
    assert await names(await filled(ListingOrder.BYTES, []), recursive=False) == []

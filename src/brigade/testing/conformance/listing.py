"""Promises about listings: the declared order, whole pages, and an end only where it is one."""

from __future__ import annotations

import pytest

from brigade.errors import BucketMissing, Rejected, Unsupported
from brigade.objects import NO_ATTRIBUTES
from brigade.stores.base import BytesBody, ListingOrder, Store
from brigade.testing.conformance.support import assert_listed, keys, listing, needs, ordered, put

# Punctuation on both sides of the slash, and levels that end where another goes on. No key is the prefix directory
# of another, since a file system cannot hold such a pair.
NAMES = ["a!", "a-b", "a.b", "a/b", "a/c/d", "a/c-d", "a0", "aa", "b", "\u00fc", "\U0001f600", "\uffee"]


async def _fill(store: Store, names: list[str]) -> None:
    for name in reversed(names):
        await put(store, name, name.encode())


async def test_an_empty_bucket_lists_as_one_empty_last_page(store: Store) -> None:
    page = await store.list_page()
    assert page.entries == []
    assert page.cursor is None


async def test_a_listing_comes_in_the_declared_order(store: Store) -> None:
    await _fill(store, NAMES)
    assert_listed(store, await keys(store), NAMES)


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 11, 12, 13])
async def test_pages_of_any_size_give_each_key_once_in_the_same_order(store: Store, limit: int) -> None:
    await _fill(store, NAMES)
    assert await keys(store, limit=limit) == await keys(store)


async def test_a_full_last_page_ends_the_listing(store: Store) -> None:
    await _fill(store, NAMES[:4])
    page = await store.list_page(limit=4)
    assert len(page.entries) == 4
    if page.cursor is not None:
        assert await store.list_page(cursor=page.cursor, limit=4) == ([], None)


@pytest.mark.parametrize("after", ["a", "a-b", "a/", "a/b", "a/c", "a/c/", "a/c/d", "a/zz", "aa", "zzz", "\u00fc"])
@pytest.mark.parametrize("limit", [2, 1000])
async def test_start_after_is_exclusive_by_the_declared_order(store: Store, after: str, limit: int) -> None:
    needs(store, "start_after")
    if store.capabilities.listing_order is ListingOrder.NONE:
        pytest.skip(f"{store.name} declares no listing order")
    await _fill(store, NAMES)
    expected = ordered(store, [*NAMES, after])
    expected = expected[len(expected) - expected[::-1].index(after) :]
    assert await keys(store, start_after=after, limit=limit) == expected


@pytest.mark.parametrize("limit", [1, 2, 1000])
async def test_a_prefix_is_a_range_of_keys_and_not_a_directory(store: Store, limit: int) -> None:
    names = ["fo", "foo-bar", "foo/a", "foo/b/c", "foobar", "g"]
    await _fill(store, names)
    assert_listed(store, await keys(store, "foo/", limit=limit), ["foo/a", "foo/b/c"])
    assert_listed(store, await keys(store, "foo", limit=limit), ["foo-bar", "foo/a", "foo/b/c", "foobar"])
    assert await keys(store, "foo/b", limit=limit) == ["foo/b/c"]
    assert await keys(store, "nothing/", limit=limit) == []


async def test_start_after_works_under_a_prefix(store: Store) -> None:
    needs(store, "start_after")
    if store.capabilities.listing_order is ListingOrder.NONE:
        pytest.skip(f"{store.name} declares no listing order")
    await _fill(store, ["p/a", "p/b", "p/b/c", "p/d", "q/a"] if _holds_both(store) else ["p/a", "p/b", "p/d", "q/a"])
    assert await keys(store, "p/", start_after="p/b", limit=1) == [
        key for key in await keys(store, "p/") if key not in ("p/a", "p/b")
    ]
    assert await keys(store, "p/", start_after="a") == await keys(store, "p/")
    assert await keys(store, "p/", start_after="q") == []


def _holds_both(store: Store) -> bool:
    """Only a store in byte order is expected to hold an object beside the directory of the same name."""
    return store.capabilities.listing_order is ListingOrder.BYTES and not store.capabilities.local_reads


async def test_a_listing_says_what_head_says(store: Store) -> None:
    for name in ("one", "two/three"):
        await put(store, name, name.encode())
    for entry in await listing(store):
        info = await store.head(entry.key)
        assert (entry.size_bytes, entry.etag) == (info.size_bytes, info.etag)
        resolution_ns = store.capabilities.modified_resolution_ns
        assert entry.modified_ns // resolution_ns == info.modified_ns // resolution_ns
        assert entry.modified_ns > 0


async def test_a_missing_bucket_is_an_error_and_never_an_empty_listing(missing_store: Store) -> None:
    with pytest.raises(BucketMissing):
        await missing_store.open()
    with pytest.raises(BucketMissing):
        await missing_store.list_page()
    with pytest.raises(BucketMissing):
        await missing_store.put("a", BytesBody(b""), attributes=NO_ATTRIBUTES)


async def test_a_missing_bucket_can_be_made(missing_store: Store) -> None:
    await missing_store.create_bucket()
    await missing_store.create_bucket()
    await missing_store.open()
    await put(missing_store, "a", b"1")
    assert await keys(missing_store) == ["a"]


async def test_a_bucket_is_removed_when_it_is_empty_and_never_before(missing_store: Store) -> None:
    await missing_store.create_bucket()
    await missing_store.open()
    await put(missing_store, "a/b", b"1")
    with pytest.raises((Rejected, Unsupported)) as refused:
        await missing_store.delete_bucket()
    assert await keys(missing_store) == ["a/b"]
    await missing_store.delete(["a/b"])
    if isinstance(refused.value, Unsupported):
        return
    await missing_store.delete_bucket()
    await missing_store.delete_bucket()
    with pytest.raises(BucketMissing):
        await missing_store.list_page()

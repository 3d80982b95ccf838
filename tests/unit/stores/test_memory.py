"""What the memory store does beyond the contract: playing poor servers, and large listings."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brigade.errors import BucketMissing, Corrupt, InvalidKey, NotFound, PreconditionFailed, Rejected, Unsupported
from brigade.objects import NO_ATTRIBUTES, Attributes, Checksum, ChecksumAlgorithm, Grant, ObjectLock, multipart_count
from brigade.stores.base import ByteRange, BytesBody, Capabilities, Condition, ListingOrder
from brigade.stores.keyindex import KeyIndex
from brigade.stores.memory import MEMORY_CAPABILITIES, MemoryStore
from brigade.testing.clock import ManualClock

FULL = Attributes(
    content_type="a/b",
    metadata={"k": "v", "empty": ""},
    tags={"t": "1"},
    storage_class="COLD",
    lock=ObjectLock("GOVERNANCE", "2030-01-01T00:00:00Z"),
    acl=(Grant("id:me", "READ"),),
)


def _store(**capabilities) -> MemoryStore:
    can = replace(MEMORY_CAPABILITIES, **capabilities)
    return MemoryStore("mem", "bucket", clock=ManualClock(), capabilities=can)


async def _put(store: MemoryStore, key: str, data: bytes = b"x", attributes: Attributes = NO_ATTRIBUTES, **keywords):
    return await store.put(key, BytesBody(data), attributes=attributes, **keywords)


async def _keys(store: MemoryStore, **keywords) -> list[str]:
    return [entry.key for entry in (await store.list_page(**keywords)).entries]


def test_it_says_who_it_is() -> None:
    store = _store()
    assert (store.name, store.identity) == ("mem:bucket", "memory://mem/bucket")


keys = st.text("ab/-\0\u00e9\U0001f600", min_size=1, max_size=5)
ORDERS = {
    ListingOrder.BYTES: str.encode,
    ListingOrder.COMPONENTS: lambda key: key.replace("/", "\0").encode(),
    ListingOrder.NONE: lambda key: key[::-1],
}


@pytest.mark.parametrize("order", ORDERS)
@given(st.lists(keys, unique=True), st.data())
def test_keys_stay_in_order_and_pages_miss_none(order: ListingOrder, added: list[str], data: st.DataObject) -> None:
    index = KeyIndex(order)
    for key in added:
        index.add(key)
    removed = data.draw(st.lists(st.sampled_from(added), unique=True)) if added else []
    for key in removed:
        index.remove(key)
    left = [key for key in added if key not in removed]
    prefix, limit = data.draw(st.just("") | keys), data.draw(st.integers(1, 4))
    found: list[str] = []
    after, more = "", True
    while more:
        page, more = index.page(prefix, after, limit)
        assert len(page) == limit or not more
        found += page
        after = page[-1] if page else after
    assert sorted(found) == sorted(key for key in left if key.startswith(prefix))
    assert [ORDERS[order](key) for key in found] == sorted(ORDERS[order](key) for key in found)
    assert len(index) == len(left)


async def test_a_store_without_an_order_still_lists_everything_once() -> None:
    store = _store(listing_order=ListingOrder.NONE, start_after=False)
    wanted = [f"k{number}" for number in range(25)]
    for key in wanted:
        await _put(store, key)
    found, cursor = [], None
    while True:
        page = await store.list_page(cursor=cursor, limit=4)
        found += [entry.key for entry in page.entries]
        cursor = page.cursor
        if cursor is None:
            break
    assert sorted(found) == sorted(wanted)
    assert found != sorted(found)
    with pytest.raises(Unsupported):
        await store.list_page(start_after="k1")


async def test_a_poor_server_drops_what_poor_servers_drop() -> None:
    store = _store(
        content_headers=False, metadata=False, storage_classes=False, tags=False, acl=False, object_lock=False
    )
    await _put(store, "a", attributes=Attributes(content_type="a/b", metadata={"k": "v"}, storage_class="COLD"))
    assert (await store.head("a")).attributes == NO_ATTRIBUTES
    for refused in (Attributes(tags={"t": "1"}), Attributes(acl=FULL.acl), Attributes(lock=FULL.lock)):
        with pytest.raises(Unsupported):
            await _put(store, "b", attributes=refused)
    for call in (store.read_tags("a"), store.write_tags("a", {}), store.read_acl("a"), store.write_acl("a", ())):
        with pytest.raises(Unsupported):
            await call
    assert await _keys(store) == ["a"]


async def test_everything_is_carried_by_a_rich_server() -> None:
    store = _store()
    await _put(store, "a", attributes=FULL)
    info = await store.head("a")
    assert info.attributes == replace(FULL, tags=None, acl=None)
    assert (info.tag_count, info.storage_class) == (1, "COLD")
    assert (await store.read_tags("a"), await store.read_acl("a")) == (FULL.tags, FULL.acl)
    assert (await store.list_page()).entries[0].storage_class == "COLD"


async def test_empty_metadata_values_may_be_dropped() -> None:
    store = _store(empty_metadata_values=False)
    await _put(store, "a", attributes=FULL)
    assert (await store.head("a")).attributes.metadata == {"k": "v"}


async def test_conditions_are_ignored_where_a_server_ignores_them() -> None:
    store = _store(conditional_reads=False, conditional_writes=False)
    await _put(store, "a")
    await _put(store, "a", b"new", condition=Condition(if_none_match="*"))
    async with store.get("a", condition=Condition(if_match="other")) as reader:
        assert await reader.read() == b"new"


async def test_opaque_etags_are_no_md5_and_differ_each_time() -> None:
    store = _store(content_etags=False)
    first, second = (await _put(store, "a")).etag, (await _put(store, "a")).etag
    assert first != second
    upload_id = await store.create_multipart("m", attributes=NO_ATTRIBUTES)
    part = await store.put_part("m", upload_id, 1, BytesBody(b"x"))
    info = await store.complete_multipart("m", upload_id, [part])
    assert multipart_count(info.etag) is None


async def test_limits_of_sizes_are_kept() -> None:
    store = _store(max_put_bytes=3, max_copy_bytes=2, min_part_bytes=2, max_parts=2, max_part_bytes=3, max_key_bytes=4)
    with pytest.raises(Rejected, match="too large for one put"):
        await _put(store, "a", b"1234")
    await _put(store, "a", b"123")
    with pytest.raises(Rejected, match="too large for one copy"):
        await store.copy("a", "b")
    for key in ("", "ü" * 3, "\ud800"):
        with pytest.raises(InvalidKey):
            await _put(store, key)
    upload_id = await store.create_multipart("m", attributes=NO_ATTRIBUTES)
    for number, data in ((3, b"12"), (0, b"12"), (1, b"1234")):
        with pytest.raises(Rejected):
            await store.put_part("m", upload_id, number, BytesBody(data))
    parts = [await store.put_part("m", upload_id, number, BytesBody(b"1")) for number in (1, 2)]
    with pytest.raises(Rejected, match="fewer than 2 bytes"):
        await store.complete_multipart("m", upload_id, parts)
    with pytest.raises(Rejected, match="more than 1000"):
        await store.delete(["x"] * 1001)


async def test_a_server_side_copy_may_recompute_the_etag() -> None:
    for keeps in (True, False):
        store = _store(copy_keeps_etag=keeps)
        upload_id = await store.create_multipart("m", attributes=FULL)
        parts = [await store.put_part("m", upload_id, number, BytesBody(b"1")) for number in (1, 2)]
        before = await store.complete_multipart("m", upload_id, parts)
        after = await store.copy("m", "c")
        assert (after.etag == before.etag) is keeps
        assert await store.part_sizes("c", etag=after.etag) == ([1, 1] if keeps else [2])
        assert await store.read_tags("c") == FULL.tags


async def test_reads_behind_the_end_and_unknown_parts_are_rejected() -> None:
    store = _store()
    await _put(store, "a", b"123")
    await _put(store, "empty", b"")
    for keywords in ({"byte_range": ByteRange(3, 1)}, {"part": 2}, {"part": 0}):
        with pytest.raises(Rejected):
            async with store.get("a", **keywords):
                pass
    async with store.get("a", byte_range=ByteRange(2, 10)) as reader:
        assert (reader.info.size_bytes, await reader.read()) == (1, b"3")
    async with store.get("empty", part=1) as reader:
        assert await reader.read() == b""
    store = _store(part_reads=False)
    await _put(store, "a", b"123")
    with pytest.raises(Unsupported):
        async with store.get("a", part=1):
            pass


async def test_an_object_without_versions_has_none() -> None:
    store = _store()
    await _put(store, "a")
    with pytest.raises(Unsupported):
        await store.head("a", version_id="1")
    with pytest.raises(PreconditionFailed):
        await store.part_sizes("a", etag="other")
    with pytest.raises(NotFound):
        await store.head("b")


async def test_times_are_as_coarse_as_declared() -> None:
    clock = ManualClock()
    clock.advance(0.75)
    can = replace(MEMORY_CAPABILITIES, modified_resolution_ns=1_000_000_000, listing_tells_tags=True)
    store = MemoryStore("mem", "bucket", clock=clock, capabilities=can)
    first = (await _put(store, "a")).modified_ns
    assert first % 1_000_000_000 == 0
    clock.advance(5)
    await store.write_tags("a", {"t": "1"})
    assert (await store.head("a")).modified_ns == first + 5_000_000_000


async def test_a_checksum_is_verified_and_told_again() -> None:
    store = _store()
    good = Checksum(ChecksumAlgorithm.CRC32, "8cdc1683")
    await _put(store, "a", b"x", expect=good)
    assert (await store.head("a")).checksum == good
    with pytest.raises(Corrupt):
        await _put(store, "a", b"y", expect=good)
    with pytest.raises(Corrupt):
        await _put(store, "a", b"x", expect=Checksum(ChecksumAlgorithm.CRC64NVME, "00" * 8))
    async with store.get("a") as reader:
        assert await reader.read() == b"x"


async def test_a_bucket_may_be_missing_until_it_is_made() -> None:
    store = MemoryStore("mem", "bucket", clock=ManualClock(), exists=False)
    for call in (store.open(), store.list_page(), store.head("a"), store.delete(["a"]), _put(store, "a")):
        with pytest.raises(BucketMissing):
            await call
    await store.create_bucket()
    assert (await store.list_page()) == ([], None)


async def test_a_long_listing_costs_no_memory_beyond_its_page() -> None:
    store = _store()
    for number in range(20_000):
        await _put(store, f"{number:06d}", b"")
    tracemalloc.start()
    try:
        cursor, seen = None, 0
        while True:
            page = await store.list_page(cursor=cursor)
            seen += len(page.entries)
            cursor = page.cursor
            if cursor is None:
                break
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert seen == 20_000
    assert peak_bytes < 2_000_000


def test_the_default_is_a_rich_server_with_the_contract_of_s3() -> None:
    assert MEMORY_CAPABILITIES.listing_order is ListingOrder.BYTES
    assert Capabilities() != MEMORY_CAPABILITIES

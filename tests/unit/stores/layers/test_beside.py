from __future__ import annotations

from dataclasses import replace

import pytest

from brigade.errors import InvalidKey, NotFound, Unsupported
from brigade.objects import NO_ATTRIBUTES
from brigade.stores.base import BytesBody, KeepsManifests, KeptManifest
from brigade.stores.layers.beside import FOLDER, BesideStore, manifest_name
from brigade.stores.layers.fault_script import Fault, FaultScript
from brigade.stores.layers.faults import FaultyStore
from brigade.stores.layers.observe import ObservedStore
from brigade.stores.memory import MEMORY_CAPABILITIES, MemoryStore

KEPT = KeptManifest(b'[{"name": "/c/o"}]', "here")


@pytest.fixture
def store(inner, telemetry, clock):
    return BesideStore(ObservedStore(inner, telemetry), clock)


async def put(store, *keys):
    for key in keys:
        await store.put(key, BytesBody(key.encode()), attributes=NO_ATTRIBUTES)


async def names(store, **more):
    return [info.key for info in (await store.list_page(**more)).entries]


def test_only_this_layer_keeps_manifests(store, inner):
    assert isinstance(store, KeepsManifests)
    assert not isinstance(inner, KeepsManifests)
    assert not isinstance(store.inner, KeepsManifests)


def test_a_manifest_has_the_name_that_1space_gives_it():
    digest = "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"
    assert manifest_name("a") == f".manifests/{digest}.swift_slo_manifest"


async def test_what_is_kept_comes_back_and_is_dropped(store, inner):
    assert await store.kept_manifest("ü") is None
    await store.keep_manifest("ü", KEPT)
    assert await store.kept_manifest("ü") == KEPT
    assert await store.kept_manifest("other") is None
    assert (await inner.head(manifest_name("ü"))).attributes.content_type == "application/json"
    await store.keep_manifest("ü", KEPT._replace(document=b"[]"))
    assert (await store.kept_manifest("ü")).document == b"[]"
    await store.drop_manifest("ü")
    await store.drop_manifest("never kept")
    assert await store.kept_manifest("ü") is None
    assert await names(inner) == []


async def test_what_is_unreasonably_large_is_no_manifest(store, monkeypatch):
    monkeypatch.setattr("brigade.stores.layers.beside._LARGEST_BYTES", 3)
    await store.keep_manifest("a", KEPT)
    assert await store.kept_manifest("a") is None


@pytest.mark.parametrize("limit", [1, 2, 3, 1000])
async def test_a_listing_shows_all_objects_and_no_manifest_whatever_the_size_of_its_pages(store, limit):
    await put(store, "!first", ".manifest", ".manifests", ".manifests0", "z")
    for number in range(5):
        await store.keep_manifest(str(number), KEPT)
    found, cursor = [], None
    while True:
        page = await store.list_page(cursor=cursor, limit=limit)
        found += [info.key for info in page.entries]
        cursor = page.cursor
        if cursor is None:
            break
        assert page.entries, "whoever looks for one object asks for one"
    assert found == ["!first", ".manifest", ".manifests", ".manifests0", "z"]
    assert await names(store, start_after=FOLDER, limit=1) == [".manifests0"]
    assert await names(store, prefix=FOLDER) == []


async def test_a_listing_does_not_read_through_the_manifests(store, telemetry):
    for number in range(50):
        await store.keep_manifest(str(number), KEPT)
    await put(store, "!", "y", "z", f"{FOLDER[:-1]}0")
    telemetry.requests.clear()
    page = await store.list_page(limit=3)
    assert ([info.key for info in page.entries], page.cursor is None) == (["!", ".manifests0", "y"], False)
    assert await names(store, cursor=page.cursor, limit=3) == ["z"]
    assert sum(telemetry.requests.values()) == 3


async def test_a_store_that_cannot_start_behind_a_key_is_listed_all_the_same(clock):
    inner = MemoryStore("mem", "bucket", clock=clock, capabilities=replace(MEMORY_CAPABILITIES, start_after=False))
    store = BesideStore(inner, clock)
    for number in range(9):
        await store.keep_manifest(str(number), KEPT)
    await put(store, "!", "y", f"{FOLDER}by hand"[:10], "z")
    assert await names(store, limit=4) == ["!", ".manifests", "y", "z"]


async def test_nobody_gets_at_the_manifests_as_objects(store, inner):
    await put(store, "a")
    await store.keep_manifest("a", KEPT)
    hidden = manifest_name("a")
    with pytest.raises(NotFound):
        await store.head(hidden)
    with pytest.raises(NotFound):
        async with store.get(hidden):
            pass
    with pytest.raises(InvalidKey, match="only manifests"):
        await put(store, f"{FOLDER}x")
    with pytest.raises(InvalidKey):
        await store.create_multipart(f"{FOLDER}x", attributes=NO_ATTRIBUTES)
    with pytest.raises(InvalidKey):
        await store.copy("a", f"{FOLDER}x")
    with pytest.raises(NotFound):
        await store.copy(hidden, "b")
    assert isinstance((await store.delete([hidden]))[hidden], InvalidKey)
    assert await names(inner) == [hidden, "a"]


async def test_a_manifest_is_deleted_with_its_object_and_stays_if_that_stays(inner, clock):
    fault = FaultScript(Fault("delete", key="stays"))
    store = BesideStore(FaultyStore(inner, fault, clock=clock), clock)
    await put(store, "goes", "stays", "plain")
    for key in ("goes", "stays"):
        await store.keep_manifest(key, KEPT)
    assert await store.delete(["goes", "plain"]) == {"goes": None, "plain": None}
    with pytest.raises(Exception, match="reset"):
        await store.delete(["stays"])
    assert await names(inner) == [manifest_name("stays"), "stays"]


async def test_where_nothing_is_kept_nobody_asks_for_each_key(store, inner, telemetry, clock):
    for number in range(20):
        assert await store.kept_manifest(str(number)) is None
        await store.delete([str(number)])
    counts = {operation: count for (_, operation, _), count in telemetry.requests.items()}
    assert counts == {"list_page": 1, "delete": 20}
    await BesideStore(inner, clock).keep_manifest("1", KEPT)
    clock.advance(61)
    assert await store.kept_manifest("1") == KEPT


async def test_a_store_without_manifests_says_so(store):
    with pytest.raises(Unsupported, match="no manifests"):
        await store.read_manifest("a")

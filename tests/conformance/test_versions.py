"""Older versions as objects of their own, on servers that keep them: snapshots on Azurite, generations at Google."""

from __future__ import annotations

import json
import re
import secrets
from contextlib import AsyncExitStack
from urllib.request import Request, urlopen

import pytest

from brigade.clock import SystemClock
from brigade.errors import ListingBroken, NotFound, PreconditionFailed, Rejected
from brigade.objects import Attributes, ObjectInfo
from brigade.stores.azure.settings import AzureSettings
from brigade.stores.azure.store import AzureStore
from brigade.stores.base import ByteRange, BytesBody, Condition, ListingOrder, ListPage
from brigade.stores.gcs.settings import GcsSettings
from brigade.stores.gcs.store import GcsStore
from brigade.stores.layers.versions import VersionsStore
from brigade.testing.azurite import ACCOUNT, KEY, AzuriteServer
from brigade.testing.conformance.support import keys, listing, put, read
from brigade.testing.gcs import FakeGcsServer
from brigade.testing.gcs_fake import GcsFake

pytestmark = pytest.mark.server


class Snapshots:
    """A container of Azurite. Its markers are names, so a page must end with the last version of one."""

    word = "snapshot"
    page = 3

    def __init__(self, stack, running):
        settings = AzureSettings(
            "az", f"versions-{secrets.token_hex(4)}", ACCOUNT, running("azurite").endpoint.url, KEY
        )
        self.store = AzureStore(settings, SystemClock())

    def prepare(self):
        """Nothing to switch on."""

    async def replace(self, key, data, **attributes):
        """Keep what is there as an older version and write the next one."""
        await self.store.caller.call("test", "PUT", key, [("comp", "snapshot")])
        await put(self.store, key, data, **attributes)

    async def drop(self, key, version):
        await self.store.caller.call("test", "DELETE", key, [("snapshot", version)])


class Generations:
    """A bucket with versions on, at the stand-in for Google."""

    word = "generation"
    page = 2

    def __init__(self, stack, running):
        self.server = stack.enter_context(GcsFake())
        settings = GcsSettings(
            "gcs", f"versions-{secrets.token_hex(4)}", self.server.url, anonymous=True, project="test"
        )
        self.store = GcsStore(settings, SystemClock())

    def prepare(self):
        self.server.buckets[self.store.settings.bucket].versioned = True

    async def replace(self, key, data, **attributes):
        await put(self.store, key, data, **attributes)

    async def drop(self, key, version):
        caller = self.store.caller
        await caller.call("test", key, "DELETE", caller.path(key), [("generation", version)])


class ServedGenerations(Generations):
    """The same at fake-gcs-server, whose tokens are names, too."""

    page = 3

    def __init__(self, stack, running):
        self.server = stack.enter_context(FakeGcsServer())
        settings = GcsSettings(
            "gcs", f"versions-{secrets.token_hex(4)}", self.server.url, anonymous=True, project="test"
        )
        self.store = GcsStore(settings, SystemClock())

    def prepare(self):
        bucket = f"{self.server.url}/storage/v1/b/{self.store.settings.bucket}"
        document = json.dumps({"versioning": {"enabled": True}}).encode()
        urlopen(Request(bucket, document, {"content-type": "application/json"}, method="PATCH")).close()


WORLDS = [
    pytest.param(Snapshots, marks=pytest.mark.skipif(AzuriteServer.missing() is not None, reason="no Azurite here")),
    Generations,
    pytest.param(
        ServedGenerations,
        marks=pytest.mark.skipif(FakeGcsServer.missing() is not None, reason="no fake-gcs-server here"),
    ),
]


@pytest.fixture(params=WORLDS)
async def world(request, running):
    async with AsyncExitStack() as stack:
        world = request.param(stack, running)
        stack.push_async_callback(world.store.close)
        await world.store.create_bucket()
        world.prepare()
        await world.store.open()
        yield world


@pytest.fixture
def view(world):
    return VersionsStore(world.store)


async def test_each_version_is_an_object_with_its_own_content_and_attributes(world, view):
    await put(world.store, "d/a", b"first", metadata={"n": "1"}, content_type="text/css")
    await world.replace("d/a", b"second", metadata={"n": "2"})
    await world.replace("d/a", b"third!")
    await put(world.store, "b", b"only")
    found = {info.key: info for info in await listing(view)}
    older = sorted(key for key in found if key not in ("d/a", "b"))
    assert len(older) == 2
    assert all(re.fullmatch(rf"d/a\?{world.word}=[0-9TZ:.-]+", key) for key in older)
    assert [await read(view, key) for key in (*older, "d/a", "b")] == [b"first", b"second", b"third!", b"only"]
    assert [found[key].size_bytes for key in (*older, "d/a", "b")] == [5, 6, 6, 4]
    first = await view.head(older[0])
    assert (first.key, first.etag, first.size_bytes) == (older[0], found[older[0]].etag, 5)
    assert (first.attributes.metadata, first.attributes.content_type) == ({"n": "1"}, "text/css")
    assert (await view.head("d/a")).attributes.metadata == {}
    async with view.get(older[1], condition=Condition(if_match=found[older[1]].etag)) as reader:
        assert (await reader.read(), reader.info.key) == (b"second", older[1])
    assert await read(view, older[0], byte_range=ByteRange(1, 3)) == b"irs"
    with pytest.raises(PreconditionFailed):
        await read(view, older[0], condition=Condition(if_match=found["b"].etag))
    assert await read(world.store, "d/a") == b"third!"
    assert await keys(world.store) == ["b", "d/a"]


async def test_pages_of_any_size_give_every_version_once_under_each_prefix(world, view):
    for key in ("a", "a-b", "c/d"):
        await put(world.store, key, b"0")
        for data in (b"1", b"2"):
            await world.replace(key, data)
    everything = [info.key for info in (await view.list_page()).entries]
    assert len(set(everything)) == len(everything) == 9
    assert sorted([info.key for info in await listing(view, limit=world.page)]) == sorted(everything)
    assert {info.key.partition("?")[0] for info in await listing(view, prefix="c/")} == {"c/d"}
    marked = [info.key for info in await listing(view, prefix=f"a?{world.word}=")]
    assert sorted(marked) == sorted(key for key in everything if key.startswith("a?"))
    assert (view.capabilities.listing_order, view.capabilities.start_after) == (ListingOrder.NONE, False)


async def test_nothing_is_written_or_deleted_through_the_view(world, view):
    await put(world.store, "a", b"1")
    await world.replace("a", b"2")
    before = sorted([info.key for info in await listing(view)])
    older = next(key for key in before if key != "a")
    writes = [
        view.put(older, BytesBody(b"x"), attributes=Attributes()),
        view.put("a", BytesBody(b"x"), attributes=Attributes()),
        view.copy("a", older),
        view.delete([older]),
        view.delete(["a", older]),
        view.write_tags(older, {}),
        view.create_multipart(older, attributes=Attributes()),
        view.complete_multipart(older, "x", []),
        view.abort_multipart(older, "x"),
        view.delete_bucket(),
    ]
    for write in writes:
        with pytest.raises(Rejected, match="for reading only"):
            await write
    assert not view.capabilities.writable
    assert sorted([info.key for info in await listing(view)]) == before
    assert [await read(view, key) for key in before] == [b"2", b"1"]


async def test_a_version_that_is_gone_is_absent(world, view):
    await put(world.store, "a", b"1")
    await world.replace("a", b"2")
    older = next(info.key for info in await listing(view) if info.key != "a")
    await world.drop("a", older.partition("=")[2])
    for call in (view.head(older), read(view, older)):
        with pytest.raises(NotFound):
            await call
    assert [info.key for info in await listing(view)] == ["a"]


async def test_a_key_that_ends_like_that_of_a_version_is_read_all_the_same(world, view):
    odd = {"generation": "a?generation=17", "snapshot": "a?snapshot=2026-01-01T00:00:00.0000000Z"}[world.word]
    others = ["a?version=17", "a?generation=x", "?generation=17", "a?lens=17"]
    for key in (odd, *others):
        await put(world.store, key, key.encode())
    assert sorted(await keys(view)) == sorted([odd, *others])
    for key in (odd, *others):
        assert (await read(view, key), (await view.head(key)).key) == (key.encode(), key)


async def test_an_object_that_has_the_key_of_a_version_is_refused_and_none_of_both_is_left_out(world, view):
    await put(world.store, "a", b"1")
    await world.replace("a", b"2")
    older = next(info.key for info in await listing(view) if info.key != "a")
    await put(world.store, older, b"another")
    with pytest.raises(Rejected, match="as which an older version of 'a' is shown"):
        await view.list_page()


async def test_tags_of_a_version_are_its_own(world, view):
    if not world.store.capabilities.tags:
        pytest.skip("no tags here")
    await put(world.store, "a", b"1", tags={"n": "1"})
    await world.replace("a", b"2", tags={"n": "2"})
    older = next(info.key for info in await listing(view) if info.key != "a")
    assert [await view.read_tags(key) for key in (older, "a")] == [{"n": "1"}, {"n": "2"}]


async def test_a_deleted_object_shows_its_older_versions_alone(world, view):
    if world.word == "snapshot":
        pytest.skip("Azure deletes no blob that has snapshots, and Azurite keeps no versions")
    await put(world.store, "a", b"1")
    await world.store.delete(["a"])
    (older,) = await keys(view)
    assert older != "a"
    assert await read(view, older) == b"1"


async def test_a_version_that_is_named_in_another_way_breaks_the_listing_and_is_not_left_out(world, view, monkeypatch):
    async def strange(prefix="", *, cursor=None, limit=1000):
        return ListPage([ObjectInfo("a", 1, "e", 1, version_id="v one")], None)

    monkeypatch.setattr(world.store, "list_versions", strange)
    with pytest.raises(ListingBroken, match="v one"):
        await view.list_page()

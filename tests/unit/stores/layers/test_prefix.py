from __future__ import annotations

import pytest

from brigade.errors import UsageError
from brigade.objects import NO_ATTRIBUTES
from brigade.stores.base import BytesBody
from brigade.stores.layers.prefix import PrefixedStore


@pytest.fixture
def store(inner):
    return PrefixedStore(inner, "foo/")


async def fill(inner, *keys):
    for key in keys:
        await inner.put(key, BytesBody(key.encode()), attributes=NO_ATTRIBUTES)


async def test_lists_only_what_lies_under_it_and_by_relative_keys(store, inner):
    await fill(inner, "foo/a", "foo/b/c", "foo", "foobar", "fo", "foo0")
    page = await store.list_page()
    assert [info.key for info in page.entries] == ["a", "b/c"]
    assert page.cursor is None


async def test_pages_and_start_after_are_relative(store, inner):
    await fill(inner, "foo/a", "foo/b", "foo/c")
    first = await store.list_page(limit=2)
    second = await store.list_page(cursor=first.cursor, limit=2)
    assert [info.key for info in first.entries + second.entries] == ["a", "b", "c"]
    assert [info.key for info in (await store.list_page(start_after="a")).entries] == ["b", "c"]
    assert [info.key for info in (await store.list_page("b")).entries] == ["b"]


async def test_every_answer_has_the_relative_key(store, inner):
    assert (await store.put("a", BytesBody(b"1"), attributes=NO_ATTRIBUTES)).key == "a"
    assert (await store.head("a")).key == "a"
    assert (await store.copy("a", "b")).key == "b"
    async with store.get("b") as reader:
        assert (reader.info.key, await reader.read()) == ("b", b"1")
    upload = await store.create_multipart("m", attributes=NO_ATTRIBUTES)
    part = await store.put_part("m", upload, 1, BytesBody(b"x"))
    assert [info.key for info in await store.list_multiparts()] == ["m"]
    assert await store.list_parts("m", upload) == [part]
    assert (await store.complete_multipart("m", upload, [part])).key == "m"
    assert await store.part_sizes("m", etag=(await store.head("m")).etag) == [1]
    assert await store.delete(["a", "gone"]) == {"a": None, "gone": None}
    assert [info.key for info in (await inner.list_page()).entries] == ["foo/b", "foo/m"]


async def test_tags_and_acls_reach_the_right_object(store, inner):
    await fill(inner, "a", "foo/a")
    await store.write_tags("a", {"k": "v"})
    assert await store.read_tags("a") == {"k": "v"}
    assert await inner.read_tags("a") == {}
    await store.write_acl("a", await store.read_acl("a"))


async def test_aborting_reaches_the_upload(store, inner):
    upload = await store.create_multipart("m", attributes=NO_ATTRIBUTES)
    await store.abort_multipart("m", upload)
    assert await inner.list_multiparts() == []


async def test_a_leading_slash_stays_part_of_the_key(store, inner):
    await store.put("/lead", BytesBody(b""), attributes=NO_ATTRIBUTES)
    assert [info.key for info in (await inner.list_page()).entries] == ["foo//lead"]


def test_identity_and_name_tell_the_place(store):
    assert store.identity == "memory://mem/bucket/foo/"
    assert store.name == "mem:bucket/foo/"


def test_the_prefix_takes_room_from_the_key(store, inner):
    assert store.capabilities.max_key_bytes == inner.capabilities.max_key_bytes - 4
    assert store.capabilities is store.capabilities


def test_refuses_a_prefix_without_a_slash_because_it_would_meet_its_neighbours(inner):
    with pytest.raises(UsageError):
        PrefixedStore(inner, "foo")

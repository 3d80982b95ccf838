"""Promises about what an object carries besides its bytes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from brigade.errors import NotFound, PreconditionFailed, Rejected, Unsupported
from brigade.objects import Attributes, ObjectInfo
from brigade.stores.base import Condition, Store
from brigade.testing.conformance.support import keys, needs, put, read

HEADERS: dict[str, Any] = {
    "content_type": "text/html; charset=utf-8",
    "content_encoding": "gzip",
    "content_disposition": 'attachment; filename="a b.txt"',
    "content_language": "de, en",
    "cache_control": "max-age=60, public",
    "expires": "Thu, 01 Dec 2033 16:00:00 GMT",
}
METADATA = {
    "plain": "value",
    "two-words": "two  spaces and, a comma; a = sign",
    "percent": "100%25 + 1",
    "utf8": "Gr\u00fc\u00dfe \U0001f600",
    "digits1": "0",
    "looks-encoded": "=?UTF-8?B?w7w=?=",
    "long": "x" * 1500,
}
SHORT_METADATA = {name: value for name, value in METADATA.items() if name != "long"}
WIDE_TAGS = {"colour": "red", "with space": "a+b=c:d/e@f", "\u00fcmlaut": "gr\u00fcn", "empty": ""}
NARROW_TAGS = {"colour": "red", "with space": "a+b=c:d/e", "empty": ""}


def _tags(store: Store) -> dict[str, str]:
    return NARROW_TAGS if store.capabilities.narrow_tags else WIDE_TAGS


def _named(store: Store, metadata: dict[str, str]) -> dict[str, str]:
    """The same values under names that the store takes."""
    if not store.capabilities.identifier_metadata:
        return metadata
    return {name.replace("-", "_"): value for name, value in metadata.items()}


def _attributes(info: ObjectInfo) -> Attributes:
    assert info.attributes is not None
    return info.attributes


@pytest.mark.parametrize("name", HEADERS)
async def test_a_content_header_comes_back_as_it_was_written(store: Store, name: str) -> None:
    needs(store, "content_headers")
    await put(store, "object", b"1", **{name: HEADERS[name]})
    assert getattr(_attributes(await store.head("object")), name) == HEADERS[name]
    async with store.get("object") as reader:
        assert getattr(_attributes(reader.info), name) == HEADERS[name]


async def test_headers_that_were_not_written_are_none(store: Store) -> None:
    needs(store, "content_headers")
    await put(store, "object", b"1", content_type="text/css")
    found = _attributes(await store.head("object"))
    assert [getattr(found, name) for name in HEADERS] == ["text/css", None, None, None, None, None]


@pytest.mark.parametrize("name", METADATA)
async def test_a_metadata_value_comes_back_exactly(store: Store, name: str) -> None:
    needs(store, "metadata")
    metadata = _named(store, {name: METADATA[name]})
    await put(store, "object", b"1", metadata=metadata)
    assert _attributes(await store.head("object")).metadata == metadata


async def test_an_empty_metadata_value_is_a_value(store: Store) -> None:
    needs(store, "metadata")
    needs(store, "empty_metadata_values")
    await put(store, "object", b"1", metadata={"empty": "", "full": "1"})
    assert _attributes(await store.head("object")).metadata == {"empty": "", "full": "1"}


async def test_several_metadata_values_come_back_together(store: Store) -> None:
    needs(store, "metadata")
    metadata = _named(store, {f"name-{number}": f"value {number}" for number in range(20)})
    await put(store, "object", b"1", metadata=metadata)
    async with store.get("object") as reader:
        assert _attributes(reader.info).metadata == metadata


async def test_tags_are_written_with_the_object_and_read_back(store: Store) -> None:
    needs(store, "tags")
    tags = _tags(store)
    await put(store, "object", b"1", tags=tags)
    assert await store.read_tags("object") == tags
    info = await store.head("object")
    assert info.tag_count in (None, len(tags))
    assert _attributes(info).tags in (None, tags)


async def test_writing_tags_replaces_all_of_them_and_nothing_else(store: Store) -> None:
    needs(store, "tags")
    await put(store, "object", b"1", tags={"old": "1"}, content_type="text/css", metadata={"k": "v"})
    before = await store.head("object")
    await store.write_tags("object", _tags(store))
    assert await store.read_tags("object") == _tags(store)
    await store.write_tags("object", {})
    assert await store.read_tags("object") == {}
    after = await store.head("object")
    assert (after.etag, after.size_bytes) == (before.etag, before.size_bytes)
    assert _attributes(after).with_tags(None) == _attributes(before).with_tags(None)


async def test_an_object_written_without_tags_has_none(store: Store) -> None:
    needs(store, "tags")
    await put(store, "object", b"1", tags={"old": "1"})
    await put(store, "object", b"1")
    assert await store.read_tags("object") == {}


async def test_tags_that_the_store_cannot_hold_are_refused_before_anything_is_written(store: Store) -> None:
    needs(store, "narrow_tags")
    for tags in (WIDE_TAGS, {f"tag{number}": "1" for number in range(11)}):
        with pytest.raises(Rejected):
            await put(store, "object", b"1", tags=tags)
    assert await keys(store) == []


async def test_a_name_of_metadata_that_is_no_identifier_is_refused_where_the_store_wants_one(store: Store) -> None:
    needs(store, "identifier_metadata")
    with pytest.raises(Rejected):
        await put(store, "object", b"1", metadata={"two-words": "1"})
    assert await keys(store) == []


async def test_tags_of_an_absent_object_are_not_found(store: Store) -> None:
    needs(store, "tags")
    with pytest.raises(NotFound):
        await store.read_tags("gone")


async def test_a_store_without_tags_or_acls_says_so(store: Store) -> None:
    await put(store, "object", b"1")
    if not store.capabilities.tags:
        with pytest.raises(Unsupported):
            await store.read_tags("object")
        with pytest.raises(Unsupported):
            await store.write_tags("object", {"k": "v"})
    if not store.capabilities.acl:
        with pytest.raises(Unsupported):
            await store.read_acl("object")
        with pytest.raises(Unsupported):
            await store.write_acl("object", ())


async def test_a_storage_class_is_kept(store: Store) -> None:
    needs(store, "storage_classes")
    await put(store, "object", b"1", storage_class="STANDARD_IA")
    assert (await store.head("object")).storage_class == "STANDARD_IA"


async def test_what_is_read_tells_all_that_a_look_tells(store: Store) -> None:
    able = store.capabilities
    carried: dict[str, Any] = {"metadata": _named(store, SHORT_METADATA)} if able.metadata else {}
    if able.content_headers:
        carried |= HEADERS
    if able.tags:
        carried["tags"] = _tags(store)
    if able.storage_classes:
        carried["storage_class"] = "STANDARD_IA"
    await put(store, "object", b"1", **carried)
    looked = await store.head("object")
    async with store.get("object") as reader:
        info = reader.info
    if not able.reads_tell_class:
        looked = looked._replace(
            storage_class=info.storage_class,
            attributes=replace(_attributes(looked), storage_class=_attributes(info).storage_class),
        )
    if looked.checksum is None:
        info = info._replace(checksum=None)
    assert info == looked


async def test_an_acl_can_be_written_back_as_it_was_read(store: Store) -> None:
    needs(store, "acl")
    await put(store, "object", b"1")
    before = await store.read_acl("object")
    await store.write_acl("object", before)
    assert await store.read_acl("object") == before


async def test_a_copy_keeps_all_that_the_object_carries(store: Store) -> None:
    needs(store, "server_copy")
    carried: dict[str, Any] = {
        "content_type": "text/css",
        "cache_control": "no-cache",
        "metadata": _named(store, SHORT_METADATA),
    }
    carried["tags"] = _tags(store) if store.capabilities.tags else None
    await put(store, "from here+%", b"content", **carried)
    info = await store.copy("from here+%", "to")
    assert (info.key, info.size_bytes) == ("to", 7)
    source, target = await store.head("from here+%"), await store.head("to")
    assert await read(store, "to") == b"content"
    assert target.attributes == source.attributes
    if store.capabilities.tags:
        assert await store.read_tags("to") == _tags(store)


async def test_a_copy_with_attributes_replaces_all_of_them(store: Store) -> None:
    needs(store, "server_copy")
    await put(store, "object", b"content", content_type="text/css", cache_control="no-cache", metadata={"old": "1"})
    for target in ("object", "other"):
        await store.copy("object", target, attributes=Attributes(content_type="text/html", metadata={"new": "2"}))
        found = _attributes(await store.head(target))
        assert await read(store, target) == b"content"
        if store.capabilities.content_headers:
            assert (found.content_type, found.cache_control) == ("text/html", None)
        if store.capabilities.metadata:
            assert found.metadata == {"new": "2"}


async def test_a_copy_with_tags_writes_them(store: Store) -> None:
    needs(store, "server_copy")
    needs(store, "tags")
    await put(store, "object", b"content", tags={"old": "1"})
    await store.copy("object", "object", attributes=Attributes(metadata={"m": "1"}, tags={"new": "2"}))
    assert await store.read_tags("object") == {"new": "2"}


async def test_a_copy_of_an_absent_object_is_not_found(store: Store) -> None:
    needs(store, "server_copy")
    with pytest.raises(NotFound):
        await store.copy("gone", "to")
    assert await keys(store) == []


async def test_a_copy_on_condition_copies_only_what_was_seen(store: Store) -> None:
    needs(store, "server_copy")
    needs(store, "conditional_reads")
    await put(store, "object", b"first")
    seen = await store.head("object")
    condition = Condition(if_match=seen.etag, if_unmodified_ns=None if seen.etag else seen.modified_ns)
    await store.copy("object", "good", condition=condition)
    await put(store, "object", b"the second")
    with pytest.raises(PreconditionFailed):
        await store.copy("object", "bad", condition=condition)
    assert sorted(await keys(store)) == ["good", "object"]


async def test_a_store_without_server_copy_says_so(store: Store) -> None:
    await put(store, "object", b"1")
    if not store.capabilities.server_copy:
        with pytest.raises(Unsupported):
            await store.copy("object", "to")

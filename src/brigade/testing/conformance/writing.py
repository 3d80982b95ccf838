"""Promises about writing: whole or not at all, checked, on condition, and the last one wins."""

from __future__ import annotations

import asyncio
import hashlib

import pytest

from brigade.errors import Corrupt, NotFound, PreconditionFailed, StoreError
from brigade.objects import NO_ATTRIBUTES, Checksum, ChecksumAlgorithm
from brigade.stores.base import BytesBody, Condition, Store
from brigade.testing.bodies import StreamBody, pattern
from brigade.testing.conformance.support import keys, needs, put, read

MEBIBYTE = 1024 * 1024


def _md5(data: bytes) -> Checksum:
    return Checksum(ChecksumAlgorithm.MD5, hashlib.md5(data, usedforsecurity=False).hexdigest())


class _SourceBroke(Exception):
    """What a body raises that fails while it is sent."""


async def test_a_write_answers_with_key_size_and_the_etag_that_head_tells(store: Store) -> None:
    info = await put(store, "object", b"content")
    head = await store.head("object")
    assert (info.key, info.size_bytes) == ("object", 7)
    assert info.etag in (None, head.etag)


async def test_the_etag_is_the_md5_where_the_store_says_so(store: Store) -> None:
    needs(store, "content_etags")
    data = pattern(100_000)
    await put(store, "object", data)
    assert (await store.head("object")).etag == _md5(data).hex


async def test_a_write_replaces_content_and_attributes(store: Store) -> None:
    await put(store, "object", b"old and long", content_type="text/plain", metadata={"colour": "red"})
    await put(store, "object", b"new")
    info = await store.head("object")
    assert info.size_bytes == 3
    assert info.attributes is not None
    assert info.attributes.metadata == {}
    assert info.attributes.content_type != "text/plain"
    assert await read(store, "object") == b"new"


@pytest.mark.parametrize("size_bytes", [0, 5, 6 * MEBIBYTE])
async def test_a_body_that_can_be_read_once_is_enough(store: Store, size_bytes: int) -> None:
    data = pattern(size_bytes)
    pieces = [data[first : first + 99_999] for first in range(0, size_bytes, 99_999)]
    body = StreamBody(pieces)
    await store.put("object", body, attributes=NO_ATTRIBUTES)
    assert body.times_read <= 1
    assert await read(store, "object") == data


@pytest.mark.parametrize("streamed", [False, True], ids=["in-memory", "streamed"])
async def test_a_matching_digest_is_accepted(store: Store, streamed: bool) -> None:
    data = pattern(100_000)
    body = StreamBody([data[:50_000], data[50_000:]]) if streamed else BytesBody(data)
    await store.put("object", body, attributes=NO_ATTRIBUTES, expect=_md5(data))
    assert await read(store, "object") == data


@pytest.mark.parametrize("streamed", [False, True], ids=["in-memory", "streamed"])
@pytest.mark.parametrize("exists", [False, True], ids=["new", "over-another"])
async def test_a_wrong_digest_is_refused_and_the_old_state_stays(store: Store, streamed: bool, exists: bool) -> None:
    if exists:
        await put(store, "object", b"old")
    body = StreamBody([b"con", b"tent"]) if streamed else BytesBody(b"content")
    with pytest.raises(Corrupt):
        await store.put("object", body, attributes=NO_ATTRIBUTES, expect=_md5(b"something else"))
    await _assert_old_state(store, exists)


@pytest.mark.parametrize("exists", [False, True], ids=["new", "over-another"])
@pytest.mark.parametrize("size_bytes", [3, 70_000])
async def test_a_body_that_ends_early_writes_nothing(store: Store, exists: bool, size_bytes: int) -> None:
    if exists:
        await put(store, "object", b"old")
    body = StreamBody([pattern(size_bytes)], size_bytes=size_bytes + 10_000)
    with pytest.raises(StoreError):
        await store.put("object", body, attributes=NO_ATTRIBUTES)
    await _assert_old_state(store, exists)


async def test_a_body_that_runs_over_its_size_writes_nothing(store: Store) -> None:
    body = StreamBody([pattern(1000), pattern(1000)], size_bytes=1500)
    with pytest.raises(StoreError):
        await store.put("object", body, attributes=NO_ATTRIBUTES)
    await _assert_old_state(store, exists=False)


@pytest.mark.parametrize("exists", [False, True], ids=["new", "over-another"])
async def test_a_body_that_breaks_writes_nothing_and_says_its_own_error(store: Store, exists: bool) -> None:
    if exists:
        await put(store, "object", b"old")
    body = StreamBody([pattern(300_000)], size_bytes=600_000, error=_SourceBroke())
    with pytest.raises(_SourceBroke):
        await store.put("object", body, attributes=NO_ATTRIBUTES)
    await _assert_old_state(store, exists)


async def _assert_old_state(store: Store, exists: bool) -> None:
    if exists:
        assert await read(store, "object") == b"old"
        return
    with pytest.raises(NotFound):
        await store.head("object")
    assert await keys(store) == []


async def test_of_writes_at_once_one_wins_whole(store: Store) -> None:
    contents = [pattern(200_000, seed=number) for number in range(6)]
    async with asyncio.TaskGroup() as group:
        for number, data in enumerate(contents):
            group.create_task(put(store, "object", data, metadata={"number": str(number)}))
    found = await read(store, "object")
    assert found in contents
    attributes = (await store.head("object")).attributes
    if store.capabilities.metadata:
        assert attributes is not None
        assert attributes.metadata == {"number": str(contents.index(found))}


async def test_a_write_for_an_absent_key_never_replaces(store: Store) -> None:
    needs(store, "conditional_writes")
    absent = Condition(if_none_match="*")
    await put(store, "object", b"first", condition=absent)
    with pytest.raises(PreconditionFailed):
        await put(store, "object", b"second", condition=absent)
    assert await read(store, "object") == b"first"


async def test_a_write_on_condition_replaces_only_what_was_seen(store: Store) -> None:
    needs(store, "conditional_writes")
    await put(store, "object", b"first")
    seen = await store.head("object")
    condition = Condition(if_match=seen.etag, if_unmodified_ns=None if seen.etag else seen.modified_ns)
    await put(store, "object", b"the second", condition=condition)
    with pytest.raises(PreconditionFailed):
        await put(store, "object", b"third", condition=condition)
    assert await read(store, "object") == b"the second"


async def test_a_deletion_on_condition_deletes_only_what_was_seen(store: Store) -> None:
    needs(store, "conditional_deletes")
    await put(store, "object", b"first")
    seen = await store.head("object")
    condition = Condition(if_match=seen.etag, if_unmodified_ns=None if seen.etag else seen.modified_ns)
    await put(store, "object", b"the second")
    answer = await store.delete(["object"], condition=condition)
    assert isinstance(answer["object"], PreconditionFailed)
    assert await read(store, "object") == b"the second"
    seen = await store.head("object")
    assert await store.delete(["object"], condition=Condition(if_match=seen.etag)) == {"object": None}
    assert await keys(store) == []
    gone = await store.delete(["object"], condition=Condition(if_match=seen.etag))
    assert gone["object"] is None or isinstance(gone["object"], PreconditionFailed)


async def test_a_write_on_condition_of_an_absent_object_fails(store: Store) -> None:
    needs(store, "conditional_writes")
    with pytest.raises((PreconditionFailed, NotFound)):
        await put(store, "object", b"1", condition=Condition(if_match="0" * 32))
    assert await keys(store) == []

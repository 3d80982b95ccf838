"""Promises about uploads in parts: any order, repeatable, visible in one step, never left behind."""

from __future__ import annotations

import asyncio
import hashlib

import pytest

from brigade.errors import Corrupt, NotFound, Rejected, StoreError, Unsupported
from brigade.objects import NO_ATTRIBUTES, SEGMENTED, Attributes, Checksum, ChecksumAlgorithm, PartInfo
from brigade.stores.base import BytesBody, Store
from brigade.testing.bodies import StreamBody, pattern
from brigade.testing.conformance.support import keys, needs, put, read


def _pieces(store: Store, count: int = 2) -> list[bytes]:
    """Parts of the smallest size that the store takes, and a last one of a byte."""
    size_bytes = max(store.capabilities.min_part_bytes, 1000)
    return [*(pattern(size_bytes, seed=number) for number in range(1, count)), b"z"]


async def _send(store: Store, key: str, upload_id: str, pieces: list[bytes]) -> list[PartInfo]:
    return [
        await store.put_part(key, upload_id, number, BytesBody(piece)) for number, piece in enumerate(pieces, start=1)
    ]


async def _upload(store: Store, key: str, pieces: list[bytes], attributes: Attributes = NO_ATTRIBUTES) -> None:
    upload_id = await store.create_multipart(key, attributes=attributes)
    await store.complete_multipart(key, upload_id, await _send(store, key, upload_id, pieces))


async def test_a_store_without_multipart_says_so(store: Store) -> None:
    if not store.capabilities.multipart:
        with pytest.raises(Unsupported):
            await store.create_multipart("object", attributes=NO_ATTRIBUTES)


async def test_parts_become_one_object_in_one_step(store: Store) -> None:
    needs(store, "multipart")
    pieces = _pieces(store, 3)
    upload_id = await store.create_multipart("odd key+/x", attributes=NO_ATTRIBUTES)
    parts = await _send(store, "odd key+/x", upload_id, pieces)
    assert [(part.number, part.size_bytes) for part in parts] == [
        (number, len(piece)) for number, piece in enumerate(pieces, start=1)
    ]
    assert await keys(store) == []
    info = await store.complete_multipart("odd key+/x", upload_id, parts)
    assert (info.key, info.size_bytes) == ("odd key+/x", sum(map(len, pieces)))
    assert await keys(store) == ["odd key+/x"]
    assert await read(store, "odd key+/x") == b"".join(pieces)
    assert info.etag in (None, (await store.head("odd key+/x")).etag)


async def test_the_etag_of_parts_is_made_of_their_md5s_where_the_store_says_so(store: Store) -> None:
    needs(store, "multipart")
    needs(store, "content_etags")
    pieces = _pieces(store)
    await _upload(store, "object", pieces)
    info = await store.head("object")
    if info.opaque_etag:
        pytest.skip(f"{store.name} says that the ETag of an object made of parts is no digest")
    digests = [hashlib.md5(piece, usedforsecurity=False) for piece in pieces]
    joined = b"".join(digest.digest() for digest in digests)
    segmented = "".join(digest.hexdigest() for digest in digests).encode()
    assert info.etag in (
        f"{hashlib.md5(joined, usedforsecurity=False).hexdigest()}-2",
        f"{SEGMENTED}{hashlib.md5(segmented, usedforsecurity=False).hexdigest()}",
    )


async def test_parts_may_come_in_any_order_and_at_once(store: Store) -> None:
    needs(store, "multipart")
    pieces = _pieces(store, 3)
    upload_id = await store.create_multipart("object", attributes=NO_ATTRIBUTES)
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(store.put_part("object", upload_id, number, StreamBody([pieces[number - 1]])))
            for number in (3, 1, 2)
        ]
    parts = sorted(task.result() for task in tasks)
    await store.complete_multipart("object", upload_id, parts)
    assert await read(store, "object") == b"".join(pieces)


async def test_a_part_sent_again_replaces_the_first(store: Store) -> None:
    needs(store, "multipart")
    first, last = _pieces(store)
    upload_id = await store.create_multipart("object", attributes=NO_ATTRIBUTES)
    await store.put_part("object", upload_id, 1, BytesBody(bytes(len(first))))
    parts = await _send(store, "object", upload_id, [first, last])
    await store.complete_multipart("object", upload_id, parts)
    assert await read(store, "object") == first + last


async def test_part_numbers_may_have_gaps(store: Store) -> None:
    needs(store, "multipart")
    first, last = _pieces(store)
    upload_id = await store.create_multipart("object", attributes=NO_ATTRIBUTES)
    parts = [
        await store.put_part("object", upload_id, 2, BytesBody(first)),
        await store.put_part("object", upload_id, 7, BytesBody(last)),
    ]
    await store.complete_multipart("object", upload_id, parts)
    assert await read(store, "object") == first + last


async def test_uploaded_parts_can_be_listed_to_resume(store: Store) -> None:
    needs(store, "multipart")
    upload_id = await store.create_multipart("object", attributes=NO_ATTRIBUTES)
    assert await store.list_parts("object", upload_id) == []
    parts = await _send(store, "object", upload_id, _pieces(store, 3))
    assert await store.list_parts("object", upload_id) == parts
    await store.abort_multipart("object", upload_id)


async def test_open_uploads_are_listed_until_they_end(store: Store) -> None:
    needs(store, "multipart")
    one = await store.create_multipart("one/a b", attributes=NO_ATTRIBUTES)
    two = await store.create_multipart("two/\u00fc", attributes=NO_ATTRIBUTES)
    again = await store.create_multipart("two/\u00fc", attributes=NO_ATTRIBUTES)
    found = {(upload.key, upload.upload_id) for upload in await store.list_multiparts()}
    assert found == {("one/a b", one), ("two/\u00fc", two), ("two/\u00fc", again)}
    assert [upload.upload_id for upload in await store.list_multiparts("one/")] == [one]
    await store.abort_multipart("two/\u00fc", two)
    await store.abort_multipart("two/\u00fc", again)
    parts = await _send(store, "one/a b", one, [b"x"])
    await store.complete_multipart("one/a b", one, parts)
    assert await store.list_multiparts() == []


async def test_an_aborted_upload_leaves_nothing_and_takes_no_more(store: Store) -> None:
    needs(store, "multipart")
    upload_id = await store.create_multipart("object", attributes=NO_ATTRIBUTES)
    parts = await _send(store, "object", upload_id, [b"x"])
    await store.abort_multipart("object", upload_id)
    with pytest.raises(NotFound):
        await store.put_part("object", upload_id, 2, BytesBody(b"y"))
    with pytest.raises(NotFound):
        await store.list_parts("object", upload_id)
    with pytest.raises(NotFound):
        await store.complete_multipart("object", upload_id, parts)
    assert await keys(store) == []


async def test_aborting_an_unknown_upload_is_fine(store: Store) -> None:
    needs(store, "multipart")
    upload_id = await store.create_multipart("object", attributes=NO_ATTRIBUTES)
    await store.abort_multipart("object", upload_id)
    await store.abort_multipart("object", upload_id)


async def test_the_old_object_stays_until_the_upload_is_complete(store: Store) -> None:
    needs(store, "multipart")
    await put(store, "object", b"old")
    upload_id = await store.create_multipart("object", attributes=NO_ATTRIBUTES)
    parts = await _send(store, "object", upload_id, [b"new one"])
    assert await read(store, "object") == b"old"
    await store.complete_multipart("object", upload_id, parts)
    assert await read(store, "object") == b"new one"


async def test_attributes_of_the_start_are_those_of_the_object(store: Store) -> None:
    needs(store, "multipart")
    tags = {"colour": "red"} if store.capabilities.tags and store.capabilities.multipart_tags else None
    attributes = Attributes(content_type="text/css", cache_control="no-cache", metadata={"k": "v \u00fc"}, tags=tags)
    await _upload(store, "object", [b"x"], attributes)
    found = (await store.head("object")).attributes
    assert found is not None
    if store.capabilities.content_headers:
        assert (found.content_type, found.cache_control) == ("text/css", "no-cache")
    if store.capabilities.metadata:
        assert found.metadata == {"k": "v \u00fc"}
    if tags is not None:
        assert await store.read_tags("object") == tags


async def test_a_part_with_a_wrong_digest_is_refused(store: Store) -> None:
    needs(store, "multipart")
    upload_id = await store.create_multipart("object", attributes=NO_ATTRIBUTES)
    wrong = Checksum(ChecksumAlgorithm.MD5, hashlib.md5(b"else", usedforsecurity=False).hexdigest())
    right = Checksum(ChecksumAlgorithm.MD5, hashlib.md5(b"content", usedforsecurity=False).hexdigest())
    with pytest.raises(Corrupt):
        await store.put_part("object", upload_id, 1, BytesBody(b"content"), expect=wrong)
    part = await store.put_part("object", upload_id, 1, BytesBody(b"content"), expect=right)
    await store.complete_multipart("object", upload_id, [part])
    assert await read(store, "object") == b"content"


async def test_a_part_that_ends_early_is_refused(store: Store) -> None:
    needs(store, "multipart")
    upload_id = await store.create_multipart("object", attributes=NO_ATTRIBUTES)
    with pytest.raises(StoreError):
        await store.put_part("object", upload_id, 1, StreamBody([b"con"], size_bytes=7))
    assert await store.list_parts("object", upload_id) == []
    await store.abort_multipart("object", upload_id)


async def test_completing_with_a_part_that_is_not_there_is_refused(store: Store) -> None:
    needs(store, "multipart")
    upload_id = await store.create_multipart("object", attributes=NO_ATTRIBUTES)
    part = await store.put_part("object", upload_id, 1, BytesBody(b"x"))
    with pytest.raises(Rejected):
        await store.complete_multipart("object", upload_id, [part._replace(etag="0" * 32)])
    assert await keys(store) == []
    await store.abort_multipart("object", upload_id)


async def test_parts_can_be_read_as_they_were_uploaded(store: Store) -> None:
    needs(store, "multipart")
    needs(store, "part_reads")
    pieces = _pieces(store, 3)
    await _upload(store, "object", pieces)
    info = await store.head("object")
    assert info.etag is not None
    assert await store.part_sizes("object", etag=info.etag) == [len(piece) for piece in pieces]
    for number, piece in enumerate(pieces, start=1):
        async with store.get("object", part=number) as reader:
            assert (reader.info.size_bytes, reader.info.etag) == (len(piece), info.etag)
            assert await reader.read() == piece


async def test_a_store_that_cannot_read_parts_does_not_pretend(store: Store) -> None:
    await put(store, "object", b"content")
    info = await store.head("object")
    sizes = await store.part_sizes("object", etag=info.etag or "*")
    assert sizes in (None, [7])

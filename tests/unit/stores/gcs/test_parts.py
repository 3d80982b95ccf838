from __future__ import annotations

import pytest

from brigade.errors import AccessDenied, Corrupt, ListingBroken, NotFound, PreconditionFailed, StoreError
from brigade.objects import NO_ATTRIBUTES, Attributes, ChecksumAlgorithm
from brigade.stores.base import BytesBody, Condition
from brigade.stores.gcs.bucket import HIDDEN
from brigade.stores.gcs.objects import crc32c_of
from brigade.testing.bodies import StreamBody
from brigade.testing.conformance.support import keys, listing, put, read


async def send(store, key, upload_id, pieces):
    return [
        await store.put_part(key, upload_id, number, BytesBody(piece)) for number, piece in enumerate(pieces, start=1)
    ]


@pytest.mark.parametrize("count", [1, 2, 32, 33, 70])
async def test_any_number_of_parts_is_composed_and_carries_all(bucket, store, count):
    pieces = [b"%d," % number for number in range(count)]
    attributes = Attributes(content_type="text/css", metadata={"k": "v"}, storage_class="STANDARD_IA")
    upload_id = await store.create_multipart("object", attributes=attributes)
    parts = await send(store, "object", upload_id, pieces)
    info = await store.complete_multipart("object", upload_id, parts)
    data = b"".join(pieces)
    assert await read(store, "object") == data
    assert info.checksum == crc32c_of(data)
    found = await store.head("object")
    assert (found.etag, found.size_bytes) == (info.etag, len(data))
    assert (found.attributes.content_type, found.attributes.storage_class) == ("text/css", "STANDARD_IA")
    assert list(bucket.live) == ["object"], "nothing of the upload is left"


async def test_the_object_of_one_part_has_its_md5(store):
    upload_id = await store.create_multipart("object", attributes=NO_ATTRIBUTES)
    (part,) = await send(store, "object", upload_id, [b"content"])
    info = await store.complete_multipart("object", upload_id, [part])
    assert (info.etag, info.opaque_etag) == (part.etag, False)


async def test_the_etag_of_a_composite_object_is_no_digest_of_another_store(store):
    upload_id = await store.create_multipart("object", attributes=NO_ATTRIBUTES)
    info = await store.complete_multipart("object", upload_id, await send(store, "object", upload_id, [b"a", b"b"]))
    assert info.opaque_etag
    assert info.etag == f"crc32c:{crc32c_of(b'ab').hex}:{info.version_id}"
    assert info.checksum.algorithm is ChecksumAlgorithm.CRC32C
    entry = (await listing(store))[0]
    assert (entry.etag, entry.opaque_etag) == (info.etag, True)
    assert await read(store, "object", condition=Condition(if_match=info.etag)) == b"ab"


async def test_another_process_goes_on_with_an_upload_from_what_lies_in_the_bucket(make_store, store):
    upload_id = await store.create_multipart("a b/\u00fc", attributes=Attributes(cache_control="no-cache"))
    await store.put_part("a b/\u00fc", upload_id, 1, BytesBody(b"first,"))
    await store.close()
    other = await make_store()
    (found,) = await other.list_multiparts()
    assert (found.key, found.upload_id) == ("a b/\u00fc", upload_id)
    assert found.initiated_ns > 0
    parts = await other.list_parts(found.key, upload_id)
    parts.append(await other.put_part(found.key, upload_id, 2, StreamBody([b"se", b"cond"])))
    await other.complete_multipart(found.key, upload_id, parts)
    assert await read(other, found.key) == b"first,second"
    assert (await other.head(found.key)).attributes.cache_control == "no-cache"
    assert await other.list_multiparts() == []


async def test_no_listing_shows_an_upload_and_its_prefix_is_refused(bucket, store):
    await put(store, "z", b"1")
    upload_id = await store.create_multipart("object", attributes=NO_ATTRIBUTES)
    await send(store, "object", upload_id, [b"a", b"b", b"c"])
    for limit in (1, 2, 1000):
        assert await keys(store, limit=limit) == ["z"]
    assert await keys(store, HIDDEN) == []
    assert len([key for key in bucket.live if key.startswith(HIDDEN)]) == 4


async def test_an_upload_belongs_to_its_key(store):
    upload_id = await store.create_multipart("object", attributes=NO_ATTRIBUTES)
    with pytest.raises(NotFound):
        await store.put_part("other", upload_id, 1, BytesBody(b"1"))
    with pytest.raises(NotFound):
        await store.complete_multipart("other", upload_id, [])


async def test_a_part_that_the_server_got_wrong_is_taken_back(fake, store):
    upload_id = await store.create_multipart("object", attributes=NO_ATTRIBUTES)
    for body in (BytesBody(b"content"), StreamBody([b"con", b"tent"])):
        fake.damage(1)
        with pytest.raises(Corrupt):
            await store.put_part("object", upload_id, 1, body)
        assert await store.list_parts("object", upload_id) == []


async def test_what_is_composed_wrong_never_gets_its_key(bucket, store, monkeypatch):
    await put(store, "object", b"old")
    upload_id = await store.create_multipart("object", attributes=NO_ATTRIBUTES)
    parts = await send(store, "object", upload_id, [b"a", b"b"])
    compose = bucket.compose

    def swapped(name, wanted, query):
        return compose(name, {**wanted, "sourceObjects": wanted["sourceObjects"][::-1]}, query)

    monkeypatch.setattr(bucket, "compose", swapped)
    with pytest.raises(Corrupt):
        await store.complete_multipart("object", upload_id, parts)
    assert await read(store, "object") == b"old"
    monkeypatch.undo()
    await store.complete_multipart("object", upload_id, parts)
    assert await read(store, "object") == b"ab"


async def test_completing_holds_to_its_condition(store):
    await put(store, "object", b"old")
    upload_id = await store.create_multipart("object", attributes=NO_ATTRIBUTES)
    parts = await send(store, "object", upload_id, [b"a", b"b"])
    with pytest.raises(PreconditionFailed):
        await store.complete_multipart("object", upload_id, parts, condition=Condition(if_none_match="*"))
    seen = await store.head("object")
    await store.complete_multipart("object", upload_id, parts, condition=Condition(if_match=seen.etag))
    assert await read(store, "object") == b"ab"


async def test_completing_may_fail_at_any_request_and_is_then_done_again_by_another_process(fake, make_store, store):
    other = await make_store()
    served = failed = 0
    while True:
        key = f"object-{served}"
        upload_id = await store.create_multipart(key, attributes=NO_ATTRIBUTES)
        parts = await send(store, key, upload_id, [b"x"] * 35)
        fake.requests.clear()
        fake.throttle(1, after=served)
        try:
            await store.complete_multipart(key, upload_id, parts)
        except StoreError:
            failed += 1
            with pytest.raises(NotFound):
                await other.head(key)
            await other.complete_multipart(key, upload_id, parts)
        finished = len(fake.requests) <= served
        fake.throttle(0)
        assert await read(store, key) == b"x" * 35
        for left in await store.list_multiparts():
            await store.abort_multipart(left.key, left.upload_id)
        assert await store.list_multiparts() == []
        if finished:
            break
        served += 1
    assert failed > 5


async def test_parts_that_cannot_be_deleted_stay_on_record_and_harm_nobody(bucket, store):
    upload_id = await store.create_multipart("object", attributes=NO_ATTRIBUTES)
    parts = await send(store, "object", upload_id, [b"a", b"b"])
    held = next(stored for key, stored in bucket.live.items() if key.endswith("/00001"))
    held.resource["temporaryHold"] = True
    await store.complete_multipart("object", upload_id, parts)
    assert await read(store, "object") == b"ab"
    assert [upload.upload_id for upload in await store.list_multiparts()] == [upload_id]
    with pytest.raises(AccessDenied):
        await store.abort_multipart("object", upload_id)
    held.resource["temporaryHold"] = False
    await store.abort_multipart("object", upload_id)
    assert list(bucket.live) == ["object"]


async def test_a_server_that_heeds_no_prefix_loses_no_object_when_an_upload_is_cleared_away(store, monkeypatch):
    await store.put("theirs", BytesBody(b"1"), attributes=NO_ATTRIBUTES)
    upload_id = await store.create_multipart("a", attributes=NO_ATTRIBUTES)
    await store.put_part("a", upload_id, 1, BytesBody(b"2"))
    ask = store.caller.ask

    async def forgetful(operation, key, method, path, query=(), headers=(), body=None):
        return await ask(operation, key, method, path, [pair for pair in query if pair[0] != "prefix"], headers, body)

    monkeypatch.setattr(store.caller, "ask", forgetful)
    with pytest.raises(ListingBroken):
        await store.abort_multipart("a", upload_id)
    assert (await store.head("theirs")).size_bytes == 1

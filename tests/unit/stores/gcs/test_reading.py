from __future__ import annotations

import gzip

import pytest

from brigade.errors import AccessDenied, BucketMissing, NotFound, PreconditionFailed, Rejected, Throttled
from brigade.objects import ChecksumAlgorithm
from brigade.stores.base import ByteRange, Condition
from brigade.testing.conformance.support import keys, listing, put, read


async def test_after_a_listing_an_object_is_read_with_one_request(fake, store):
    await put(store, "object", b"content", metadata={"colour": "red"})
    await listing(store)
    fake.requests.clear()
    async with store.get("object") as reader:
        assert await reader.read() == b"content"
        assert reader.info.attributes.metadata == {"colour": "red"}
    ((_, name, query),) = fake.requests
    assert (name, query["alt"], query["ifMetagenerationMatch"]) == ("object", "media", "1")


async def test_what_a_listing_told_is_not_taken_for_what_is_there_now(make_store, store):
    await put(store, "object", b"old", metadata={"version": "1"})
    await listing(store)
    other = await make_store()
    await put(other, "object", b"newer", metadata={"version": "2"})
    async with store.get("object") as reader:
        assert reader.info.attributes.metadata == {"version": "2"}
        assert await reader.read() == b"newer"


async def test_a_change_of_metadata_alone_is_seen_by_a_read_too(make_store, store):
    await put(store, "object", b"same", metadata={"version": "1"})
    await listing(store)
    other = await make_store()
    before = await other.head("object")
    attributes = before.attributes.__class__(metadata={"version": "2"})
    await other.copy("object", "object", attributes=attributes)
    async with store.get("object") as reader:
        assert reader.info.attributes.metadata == {"version": "2"}
        assert reader.info.etag == before.etag


async def test_a_read_on_condition_of_what_a_listing_told_fails_when_it_was_replaced(make_store, store):
    await put(store, "object", b"old")
    seen = (await listing(store))[0]
    await put(await make_store(), "object", b"newer")
    with pytest.raises(PreconditionFailed):
        await read(store, "object", condition=Condition(if_match=seen.etag))


async def test_the_same_content_written_again_still_meets_the_condition(make_store, store):
    await put(store, "object", b"content")
    seen = (await listing(store))[0]
    await put(await make_store(), "object", b"content")
    assert await read(store, "object", condition=Condition(if_match=seen.etag)) == b"content"


async def test_ranges_are_of_one_generation(fake, make_store, store):
    await put(store, "object", bytes(1000))
    info = await store.head("object")
    condition = Condition(if_match=info.etag)
    async with store.get("object", byte_range=ByteRange(0, 500), condition=condition) as reader:
        assert (reader.info.size_bytes, reader.info.checksum) == (500, None)
        await reader.read()
    await put(await make_store(), "object", bytes(999) + b"1")
    with pytest.raises(PreconditionFailed):
        await read(store, "object", byte_range=ByteRange(500, 500), condition=condition)


async def test_a_range_after_the_end_is_refused(store):
    await put(store, "object", b"short")
    with pytest.raises(Rejected):
        await read(store, "object", byte_range=ByteRange(10, 5))


async def test_an_older_generation_is_read_by_its_number(bucket, store):
    bucket.versioned = True
    first = await put(store, "object", b"first", metadata={"n": "1"})
    await put(store, "object", b"second", metadata={"n": "2"})
    assert (await store.head("object", version_id=first.version_id)).attributes.metadata == {"n": "1"}
    assert await read(store, "object", version_id=first.version_id) == b"first"
    assert await read(store, "object") == b"second"
    await read(store, "object", version_id=first.version_id)
    assert store.remembered("object")["md5Hash"] == "qfDmGhN9hqqdtTRl4IAWEg==", "the newest, whatever was read"
    assert await keys(store) == ["object"]


async def test_an_object_is_read_as_it_is_stored_and_never_decompressed(store):
    data = gzip.compress(b"text " * 1000)
    await put(store, "object", data, content_encoding="gzip", content_type="text/plain")
    async with store.get("object") as reader:
        assert reader.info.attributes.content_encoding == "gzip"
        assert await reader.read() == data


async def test_the_crc32c_is_told_by_listing_head_and_get(store):
    await put(store, "object", b"123456789")
    expected = (ChecksumAlgorithm.CRC32C, "e3069283")
    async with store.get("object") as reader:
        assert reader.info.checksum == expected
    assert (await store.head("object")).checksum == expected
    assert (await listing(store))[0].checksum == expected


async def test_a_missing_object_is_not_a_missing_bucket(make_store, store):
    with pytest.raises(NotFound):
        await store.head("gone")
    with pytest.raises(NotFound):
        await read(store, "gone")
    await store.delete_bucket()
    for call in (store.head("gone"), read(store, "gone")):
        with pytest.raises(BucketMissing):
            await call
    error = (await store.delete(["gone"]))["gone"]
    assert isinstance(error, BucketMissing)


async def test_a_refused_token_is_no_missing_object(fake, make_store, store):
    await put(store, "object", b"1")
    fake.token = "another"
    for call in (store.head("object"), store.head("gone"), read(store, "gone")):
        with pytest.raises(AccessDenied):
            await call


async def test_429_says_how_long_to_wait(fake, store):
    fake.throttle(1)
    with pytest.raises(Throttled) as caught:
        await store.head("object")
    assert caught.value.retry_after_seconds == 0
    assert caught.value.key == "object"


async def test_names_of_metadata_that_differ_in_case_only_are_a_failure_with_its_reason(bucket, store):
    await put(store, "object", b"1", metadata={"colour": "red"})
    bucket.live["object"].resource["metadata"] = {"Colour": "Red"}
    assert (await store.head("object")).attributes.metadata == {"colour": "Red"}
    bucket.live["object"].resource["metadata"] = {"Colour": "Red", "colour": "red"}
    with pytest.raises(Rejected, match="case"):
        await store.head("object")
    assert await keys(store) == ["object"]


async def test_what_is_encrypted_with_a_key_of_the_user_is_listed_with_its_digests(bucket, store):
    bucket.encrypted = True
    for key in ("a", "b"):
        await put(store, key, key.encode())
    entries = await listing(store)
    assert [(entry.key, entry.etag) for entry in entries] == [(key, (await store.head(key)).etag) for key in ("a", "b")]
    assert all(entry.checksum for entry in entries)


async def test_so_are_older_generations(bucket, store):
    bucket.encrypted = bucket.versioned = True
    written = [await put(store, "a", data) for data in (b"1", b"22")]
    found = (await store.list_versions()).entries
    assert [entry.etag for entry in found] == [info.etag for info in written]
    assert [entry.version_id for entry in found] == [written[0].version_id, None]


async def test_only_what_may_be_compressed_is_asked_for_as_it_is(fake, store, monkeypatch):
    seen = []
    answer = fake.answer

    def noting(method, target, headers, body):
        seen.append(headers.get("accept-encoding"))
        return answer(method, target, headers, body)

    await put(store, "plain", b"1")
    await put(store, "packed", gzip.compress(b"1"), content_encoding="gzip")
    await listing(store)
    monkeypatch.setattr(fake, "answer", noting)
    await read(store, "plain")
    await read(store, "packed")
    assert seen == [None, "gzip"]

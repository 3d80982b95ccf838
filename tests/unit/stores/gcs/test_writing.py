from __future__ import annotations

import hashlib

import pytest

from brigade.errors import AccessDenied, Corrupt, InvalidKey, NotFound, Rejected, Unsupported
from brigade.objects import NO_ATTRIBUTES, Attributes, Checksum, ChecksumAlgorithm, ObjectLock
from brigade.stores.base import BytesBody, Condition
from brigade.testing.bodies import StreamBody, pattern
from brigade.testing.conformance.support import keys, listing, put, read

MEBIBYTE = 1024 * 1024


def md5(data):
    return Checksum(ChecksumAlgorithm.MD5, hashlib.md5(data).hexdigest())


async def test_a_small_object_is_written_with_one_request(fake, store):
    await put(store, "object", b"content")
    await store.put("streamed", StreamBody([b"con", b"tent"]), attributes=NO_ATTRIBUTES, expect=md5(b"content"))
    assert fake.calls() == ["upload", "upload"]


async def test_bytes_that_the_server_got_wrong_are_taken_back(fake, bucket, store):
    fake.damage(1)
    with pytest.raises(Corrupt):
        await put(store, "object", b"content")
    assert bucket.live == {}


async def test_what_is_taken_back_is_that_generation_and_no_other(fake, bucket, store):
    bucket.versioned = True
    await put(store, "object", b"old")
    fake.damage(1)
    with pytest.raises(Corrupt):
        await put(store, "object", b"content")
    assert [stored.data for stored in bucket.older.values()] == [b"old"]


async def test_a_long_stream_without_a_digest_is_compared_before_anybody_sees_it(fake, bucket, store):
    await put(store, "object", b"old")
    data = pattern(9 * MEBIBYTE)
    pieces = [data[:MEBIBYTE], data[MEBIBYTE:]]
    fake.damage(2)
    fake.requests.clear()
    with pytest.raises(Corrupt):
        await store.put("object", StreamBody(pieces), attributes=NO_ATTRIBUTES)
    assert await read(store, "object") == b"old"
    assert list(bucket.live) == ["object"]
    fake.damage(0)
    info = await store.put("object", StreamBody(pieces), attributes=Attributes(content_type="text/css"))
    assert info.etag == md5(data).hex
    assert list(bucket.live) == ["object"]
    assert (await store.head("object")).attributes.content_type == "text/css"


async def test_a_digest_that_google_does_not_know_is_checked_here(bucket, store):
    right = Checksum(ChecksumAlgorithm.SHA256, hashlib.sha256(b"content").hexdigest())
    wrong = Checksum(ChecksumAlgorithm.SHA256, hashlib.sha256(b"else").hexdigest())
    for body in (BytesBody(b"content"), StreamBody([b"con", b"tent"])):
        with pytest.raises(Corrupt):
            await store.put("object", body, attributes=NO_ATTRIBUTES, expect=wrong)
        assert bucket.live == {}
    for body in (BytesBody(b"content"), StreamBody([b"con", b"tent"])):
        await store.put("object", body, attributes=NO_ATTRIBUTES, expect=right)
        assert await read(store, "object") == b"content"


async def test_a_crc32c_is_checked_by_the_server(store):
    right = Checksum(ChecksumAlgorithm.CRC32C, "e3069283")
    await store.put("object", StreamBody([b"12345", b"6789"]), attributes=NO_ATTRIBUTES, expect=right)
    with pytest.raises(Corrupt):
        wrong = Checksum(ChecksumAlgorithm.CRC32C, "00000000")
        await store.put("object", BytesBody(b"else"), attributes=NO_ATTRIBUTES, expect=wrong)
    assert await read(store, "object") == b"123456789"


async def test_a_body_may_hold_anything_that_looks_like_a_boundary(store):
    data = b"\r\n--" + b"x" * 32 + b"--\r\n--\r\n\r\n"
    await put(store, "object", data)
    assert await read(store, "object") == data


@pytest.mark.parametrize(
    ("written", "native", "back"),
    [
        (None, "STANDARD", "STANDARD"),
        ("STANDARD_IA", "NEARLINE", "STANDARD_IA"),
        ("ONEZONE_IA", "NEARLINE", "STANDARD_IA"),
        ("GLACIER_IR", "COLDLINE", "GLACIER_IR"),
        ("DEEP_ARCHIVE", "ARCHIVE", "DEEP_ARCHIVE"),
        ("ARCHIVE", "ARCHIVE", "DEEP_ARCHIVE"),
        ("INTELLIGENT_TIERING", "STANDARD", "STANDARD"),
    ],
)
async def test_storage_classes_are_translated_both_ways(bucket, store, written, native, back):
    await put(store, "object", b"1", storage_class=written)
    assert bucket.live["object"].resource["storageClass"] == native
    assert (await listing(store))[0].storage_class == back
    told = store.capabilities.stored_classes
    assert written is None or told.get(written, written) == back


async def test_a_storage_class_that_nobody_knows_is_refused_before_anything_is_written(fake, store):
    with pytest.raises(Rejected, match="TIN_FOIL"):
        await put(store, "object", b"1", storage_class="TIN_FOIL")
    assert fake.requests == []


async def test_tags_are_refused_and_not_lost(fake, store):
    with pytest.raises(Unsupported):
        await put(store, "object", b"1", tags={"colour": "red"})
    assert fake.requests == []


async def test_what_only_google_has_comes_back(store):
    lock = ObjectLock("GOVERNANCE", "2090-01-01T00:00:00.000Z", legal_hold=True)
    carried = {"custom_time": "2024-05-06T07:08:09.000Z", "lock": lock, "expires": "Thu, 01 Dec 2033 16:00:00 GMT"}
    await put(store, "object", b"1", metadata={"k": "v"}, **carried)
    found = (await store.head("object")).attributes
    assert {name: getattr(found, name) for name in carried} == carried
    assert found.metadata == {"k": "v"}


async def test_an_event_based_hold_reads_as_a_hold(bucket, store):
    await put(store, "object", b"1")
    bucket.live["object"].resource["eventBasedHold"] = True
    assert (await store.head("object")).attributes.lock == ObjectLock(legal_hold=True)


async def test_a_held_object_is_neither_replaced_nor_deleted_and_the_reason_is_told(store):
    await put(store, "object", b"held", lock=ObjectLock(legal_hold=True))
    with pytest.raises(AccessDenied, match="held"):
        await put(store, "object", b"other")
    error = (await store.delete(["object"]))["object"]
    assert isinstance(error, AccessDenied)
    assert await read(store, "object") == b"held"


@pytest.mark.parametrize(
    "key",
    [".", "..", "a\nb", "a\rb", ".brigade-parts/x", ".well-known/acme-challenge/x", "\ud800", "k" * 1025, ""],
    ids=["dot", "dots", "line-feed", "carriage-return", "hidden", "acme", "surrogate", "long", "empty"],
)
async def test_a_key_that_google_does_not_hold_is_refused_without_a_request(fake, store, key):
    for call in (
        store.put(key, BytesBody(b"1"), attributes=NO_ATTRIBUTES),
        store.copy("object", key),
        store.create_multipart(key, attributes=NO_ATTRIBUTES),
    ):
        with pytest.raises(InvalidKey):
            await call
    assert fake.requests == []


@pytest.mark.parametrize("key", [".", "..", ""])
async def test_a_path_that_could_mean_the_bucket_is_never_asked_for(fake, store, key):
    assert await store.delete([key]) == {key: None}
    with pytest.raises(InvalidKey):
        await store.head(key)
    assert fake.requests == []


async def test_a_write_over_any_version_but_one_looks_first(fake, make_store, store):
    await put(store, "object", b"first")
    seen = await store.head("object")
    await put(store, "object", b"second", condition=Condition(if_match=seen.etag))
    assert fake.requests[-1][2]["ifGenerationMatch"] == seen.version_id
    await put(store, "new", b"1", condition=Condition(if_none_match="0" * 32))
    assert fake.requests[-1][2]["ifGenerationMatch"] == "0"


async def test_attributes_change_where_the_object_lies(fake, bucket, store):
    await put(store, "object", b"1", cache_control="no-cache", metadata={"old": "1", "kept": "1"}, expires="x")
    generation = bucket.live["object"].resource["generation"]
    before = (await listing(store))[0]
    fake.requests.clear()
    attributes = Attributes(content_type="text/html", metadata={"kept": "2"}, custom_time="2024-05-06T07:08:09.000Z")
    await store.copy("object", "object", attributes=attributes, condition=Condition(if_match=before.etag))
    assert [(method, name) for method, name, _ in fake.requests] == [("GET", "object"), ("PATCH", "object")]
    found = (await store.head("object")).attributes
    assert (found.content_type, found.cache_control, found.expires) == ("text/html", None, None)
    assert (found.metadata, found.custom_time) == ({"kept": "2"}, "2024-05-06T07:08:09.000Z")
    assert bucket.live["object"].resource["generation"] == generation


async def test_a_change_of_metadata_shows_in_the_listing(bucket, store):
    await put(store, "object", b"1")
    before = (await listing(store))[0]
    bucket.live["object"].resource["updated"] = "2020-01-01T00:00:00.000Z"
    await store.copy("object", "object", attributes=Attributes(metadata={"k": "v"}))
    after = (await listing(store))[0]
    assert after.etag == before.etag
    assert after.modified_ns >= before.modified_ns


@pytest.mark.parametrize("moved", [{"storage_class": "STANDARD_IA"}, {"custom_time": None}], ids=["class", "time"])
async def test_what_a_patch_cannot_do_is_a_rewrite(fake, store, moved):
    carried = {"custom_time": "2024-05-06T07:08:09.000Z", "storage_class": "STANDARD"}
    before = await put(store, "object", b"content", **carried)
    info = await store.copy("object", "object", attributes=Attributes(**{**carried, **moved}))
    found = await store.head("object")
    assert "rewrite" in fake.calls()
    assert (found.etag, found.size_bytes, info.etag) == (before.etag, 7, before.etag)
    assert {name: getattr(found.attributes, name) for name in moved} == moved
    assert await read(store, "object") == b"content"


async def test_a_copy_that_differs_is_taken_back(fake, bucket, store, monkeypatch):
    await put(store, "object", b"content")
    bucket.live["object"].data = b"CONTENT"
    rewrite = bucket.rewrite

    def damaged(*arguments):
        answer = rewrite(*arguments)
        stored = bucket.live["to"]
        stored.damage()
        return {**answer, "resource": stored.resource}

    monkeypatch.setattr(bucket, "rewrite", damaged)
    with pytest.raises(Corrupt):
        await store.copy("object", "to")
    assert await keys(store) == ["object"]


async def test_a_copy_of_what_is_gone_is_not_found(store):
    with pytest.raises(NotFound):
        await store.copy("gone", "to", attributes=Attributes())

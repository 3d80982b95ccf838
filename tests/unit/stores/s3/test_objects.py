"""Single objects over the wire: what is sent, what is believed, what is refused."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from brigade.errors import (
    AccessDenied,
    BucketMissing,
    Corrupt,
    InvalidKey,
    ListingBroken,
    NotFound,
    PreconditionFailed,
    Rejected,
    Throttled,
    Truncated,
    Unavailable,
    Unsupported,
)
from brigade.objects import NO_ATTRIBUTES, Attributes, Checksum, ChecksumAlgorithm, ObjectInfo
from brigade.stores.base import ByteRange, BytesBody, Condition
from brigade.stores.s3.settings import Encryption, Vendor
from brigade.wire.s3xml import parse_tagging

MD5 = Checksum(ChecksumAlgorithm.MD5, hashlib.md5(b"hello").hexdigest())
HELLO = {"content-length": "5", "etag": f'"{MD5.hex}"', "last-modified": "Thu, 01 Jan 1970 00:00:01 GMT"}
PATH_VENDORS = [Vendor.SEAWEEDFS]


async def read(store: Any, *args: Any, **how: Any) -> Any:
    async with store.get(*args, **how) as reader:
        return await reader.read()


async def read_in_pieces(store: Any, *args: Any, **how: Any) -> Any:
    async with store.get(*args, **how) as reader:
        return b"".join([chunk async for chunk in reader.chunks()])


# ------------------------------------------------------------------------------------------------------ writing


async def test_a_put_carries_its_digest_for_the_server_to_check(open_store: Any, server: Any, reply: Any) -> None:
    store = await open_store()
    server.say(reply(headers={"etag": f'"{MD5.hex}"', "x-amz-version-id": "v"}))
    info = await store.put("a b", BytesBody(b"hello"), attributes=NO_ATTRIBUTES, expect=MD5)
    sent = server.last
    assert (sent.method, sent.target, sent.body) == ("PUT", "/photos/a%20b", b"hello")
    assert sent.headers["content-md5"] == "XUFAKrxLKna5cZ2REBfFkg=="
    assert sent.headers["x-amz-content-sha256"] == "UNSIGNED-PAYLOAD"
    assert info == ObjectInfo("a b", 5, MD5.hex, 0, version_id="v")


async def test_a_digest_that_the_server_does_not_check_is_checked_here(open_store: Any, server: Any) -> None:
    store = await open_store(vendor=Vendor.MOTO)
    wrong = MD5._replace(hex="0" * 32)
    with pytest.raises(Corrupt, match="should have 0000"):
        await store.put("a", BytesBody(b"hello"), attributes=NO_ATTRIBUTES, expect=wrong)
    assert server.requests == [], "the body's last piece is kept back until it is known to be right"
    await store.put("a", BytesBody(b"hello"), attributes=NO_ATTRIBUTES, expect=MD5)
    assert server.last.body == b"hello"


@pytest.mark.parametrize(("vendor", "expected"), [(Vendor.AWS, '"abc"'), (Vendor.CEPH, "abc")])
async def test_a_condition_is_quoted_as_the_server_wants_it(
    open_store: Any, server: Any, vendor: Any, expected: Any
) -> None:
    store = await open_store(vendor=vendor)
    await store.put("a", BytesBody(b""), attributes=NO_ATTRIBUTES, condition=Condition(if_match="abc"))
    assert server.last.headers["if-match"] == expected
    await store.put("a", BytesBody(b""), attributes=NO_ATTRIBUTES, condition=Condition(if_none_match="*"))
    assert server.last.headers["if-none-match"] == "*"


async def test_a_condition_that_the_server_would_ignore_is_refused(open_store: Any, server: Any) -> None:
    store = await open_store(vendor=Vendor.GENERIC)
    with pytest.raises(Unsupported, match="conditional writes"):
        await store.put("a", BytesBody(b""), attributes=NO_ATTRIBUTES, condition=Condition(if_none_match="*"))
    assert server.requests == []


@pytest.mark.parametrize("attributes", [Attributes(tags={"a": "b"}), Attributes(acl=())])
async def test_what_the_server_cannot_carry_is_refused_and_not_dropped(
    open_store: Any, server: Any, attributes: Any
) -> None:
    store = await open_store(vendor=Vendor.SWIFT)
    with pytest.raises(Unsupported):
        await store.put("a", BytesBody(b""), attributes=attributes)
    assert server.requests == []


@pytest.mark.parametrize("key", ["", "\udc80", "k" * 1025, "\u00fc" * 513])
async def test_a_key_that_s3_cannot_hold_is_refused_before_anything_is_sent(
    open_store: Any, server: Any, key: Any
) -> None:
    store = await open_store()
    with pytest.raises(InvalidKey):
        await store.put(key, BytesBody(b""), attributes=NO_ATTRIBUTES)
    assert server.requests == []


@pytest.mark.parametrize("key", ["a//b", "/a", "a\\b", ".", "a/./b", "../a", "a/.."])
async def test_a_key_that_a_server_of_paths_would_change_is_refused(open_store: Any, server: Any, key: Any) -> None:
    store = await open_store(vendor=Vendor.SEAWEEDFS)
    with pytest.raises(InvalidKey):
        await store.put(key, BytesBody(b""), attributes=NO_ATTRIBUTES)
    with pytest.raises(InvalidKey):
        await store.create_multipart(key, attributes=NO_ATTRIBUTES)
    assert server.requests == []
    await (await open_store()).put(key, BytesBody(b""), attributes=NO_ATTRIBUTES)


@pytest.mark.parametrize(
    ("data", "attributes"),
    [(b"content", NO_ATTRIBUTES), (b"", Attributes(metadata={"a": "b"})), (b"", Attributes(tags={"a": "b"}))],
)
async def test_a_directory_key_with_more_than_its_name_is_refused_where_that_would_be_lost(
    open_store: Any, server: Any, data: Any, attributes: Any
) -> None:
    store = await open_store(vendor=Vendor.SEAWEEDFS)
    with pytest.raises(InvalidKey, match="slash at its end"):
        await store.put("dir/", BytesBody(data), attributes=attributes)
    await store.put("dir/", BytesBody(b""), attributes=Attributes(content_type="a/b", tags={}))
    assert len(server.requests) == 1


async def test_customer_keys_go_along_wherever_content_is_touched(open_store: Any, server: Any, reply: Any) -> None:
    store = await open_store(encryption=Encryption.SSE_C, customer_key=b"k" * 32)
    name = "x-amz-server-side-encryption-customer-key"
    await store.put("a", BytesBody(b""), attributes=NO_ATTRIBUTES)
    server.say(reply(headers=HELLO, body=b"hello"), reply(headers=HELLO))
    await read(store, "a")
    await store.head("a")
    await store.put_part("a", "u", 1, BytesBody(b""))
    assert [name in request.headers for request in server.requests] == [True] * 4


async def test_a_plain_write_finds_nothing_missing_but_a_place_for_the_key(
    open_store: Any, server: Any, reply: Any
) -> None:
    store = await open_store()
    server.answer = lambda _: reply(404, {}, b"<html>Not Found</html>")
    with pytest.raises(InvalidKey, match="no place"):
        await store.put("a", BytesBody(b""), attributes=NO_ATTRIBUTES)
    with pytest.raises(NotFound):
        await store.put("a", BytesBody(b""), attributes=NO_ATTRIBUTES, condition=Condition(if_match="x"))


# ------------------------------------------------------------------------------------------------------ reading


async def test_an_object_is_read_whole_or_in_pieces(open_store: Any, server: Any, reply: Any) -> None:
    store = await open_store()
    server.answer = lambda _: reply(headers=HELLO, body=b"hello")
    assert await read(store, "a") == await read_in_pieces(store, "a") == b"hello"


@pytest.mark.parametrize("how", [read, read_in_pieces])
@pytest.mark.parametrize("body", [b"hell", b"", b"hello, world"])
async def test_another_length_than_promised_is_noticed(
    open_store: Any, server: Any, reply: Any, how: Any, body: Any
) -> None:
    store = await open_store()
    server.say(reply(headers=HELLO, body=body))
    with pytest.raises(Truncated, match="5 were promised"):
        await how(store, "a")


async def test_a_condition_holds_even_where_the_server_ignores_it(open_store: Any, server: Any, reply: Any) -> None:
    store = await open_store()
    server.say(reply(headers=HELLO, body=b"hello"))
    with pytest.raises(PreconditionFailed):
        await read(store, "a", condition=Condition(if_match="0" * 32))
    assert server.last.headers["if-match"] == f'"{"0" * 32}"'


async def test_a_range_is_asked_and_checked(open_store: Any, server: Any, reply: Any) -> None:
    store = await open_store()
    ranged = HELLO | {"content-length": "2", "content-range": "bytes 1-2/5"}
    server.say(reply(206, ranged, b"el"))
    assert await read(store, "a", byte_range=ByteRange(1, 2)) == b"el"
    assert server.last.headers["range"] == "bytes=1-2"
    server.say(reply(200, HELLO, b"hello"))
    with pytest.raises(Unsupported, match="ranges"):
        await read(store, "a", byte_range=ByteRange(1, 2))
    server.say(reply(206, ranged | {"content-range": "bytes 0-1/5"}, b"he"))
    with pytest.raises(Unsupported, match="ranges"):
        await read(store, "a", byte_range=ByteRange(1, 2))
    with pytest.raises(Rejected):
        await read(store, "a", byte_range=ByteRange(1, 0))


async def test_a_part_is_a_part_or_an_error(open_store: Any, server: Any, reply: Any) -> None:
    store = await open_store()
    part = {"content-length": "2", "etag": '"' + "a" * 32 + '-3"'}
    server.say(reply(206, part | {"x-amz-mp-parts-count": "3", "content-range": "bytes 2-3/5"}, b"ll"))
    assert await read(store, "a", part=2) == b"ll"
    assert server.last.query == {"partNumber": "2"}
    server.say(reply(200, part | {"content-length": "5"}, b"hello"))
    assert store.capabilities.part_reads
    with pytest.raises(Unsupported, match="single parts"):
        await read(store, "a", part=2)
    assert not store.capabilities.part_reads, "found out at first use"


async def test_the_first_part_of_a_single_upload_is_all_of_it(open_store: Any, server: Any, reply: Any) -> None:
    store = await open_store()
    server.say(reply(200, HELLO, b"hello"))
    assert await read(store, "a", part=1) == b"hello"


async def test_an_answer_without_length_is_not_trusted(open_store: Any, server: Any, reply: Any) -> None:
    store = await open_store()
    server.say(reply(200, {"etag": '"x"'}, b"hello"))
    with pytest.raises(Unavailable, match="how long"):
        await read(store, "a")


async def test_a_missing_object_and_a_missing_bucket_are_told_apart(open_store: Any, server: Any, reply: Any) -> None:
    store = await open_store()
    server.say(reply(404, {}, b"<Error><Code>NoSuchKey</Code></Error>"))
    with pytest.raises(NotFound):
        await read(store, "a")
    server.say(reply(404, {}, b"<Error><Code>NoSuchBucket</Code></Error>"))
    with pytest.raises(BucketMissing):
        await read(store, "a")


@pytest.mark.parametrize(("status", "kind"), [(404, NotFound), (403, AccessDenied), (412, PreconditionFailed)])
async def test_head_has_no_words_only_a_status(
    open_store: Any, server: Any, reply: Any, status: Any, kind: Any
) -> None:
    store = await open_store()
    server.say(reply(status))
    with pytest.raises(kind, match="test:photos head 'a'"):
        await store.head("a")


async def test_a_version_can_be_asked_for(open_store: Any, server: Any, reply: Any) -> None:
    store = await open_store()
    server.answer = lambda _: reply(headers=HELLO, body=b"hello")
    await store.head("a", version_id="v/1")
    assert server.last.query == {"versionId": "v/1"}
    await read(store, "a", version_id="v", part=1)
    assert server.last.target.endswith("?partNumber=1&versionId=v")


async def test_a_directory_that_only_its_children_imply_is_no_object(open_store: Any, server: Any, reply: Any) -> None:
    store = await open_store(vendor=Vendor.SEAWEEDFS)
    implied = {"content-length": "0", "etag": '"d41d8cd98f00b204e9800998ecf8427e-0"'}
    server.answer = lambda _: reply(headers=implied)
    with pytest.raises(NotFound):
        await store.head("dir/")
    with pytest.raises(NotFound):
        await read(store, "dir/")


async def test_a_failed_connection_says_which_call_it_was(open_store: Any, server: Any) -> None:
    store = await open_store()
    server.say(Unavailable("reset"))
    with pytest.raises(Unavailable, match="test:photos get 'a': reset"):
        await read(store, "a")


@pytest.mark.parametrize(("text", "seconds"), [("7", 7.0), ("Tue, 14 Nov 2023 22:13:30 GMT", 10.0), ("soon", None)])
async def test_the_server_says_when_to_come_again(
    open_store: Any, server: Any, reply: Any, text: Any, seconds: Any
) -> None:
    store = await open_store()
    server.say(reply(503, {"retry-after": text}, b"<Error><Code>SlowDown</Code></Error>"))
    with pytest.raises(Throttled) as caught:
        await store.head("a")
    assert caught.value.retry_after_seconds == seconds


# ------------------------------------------------------------------------------------------------ listing, tags


async def test_a_page_is_asked_for_in_canonical_form(open_store: Any, server: Any, reply: Any) -> None:
    store = await open_store()
    server.say(reply(body=b"<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>"))
    await store.list_page("a b/", start_after="a b/\u00fc", limit=7)
    assert server.last.target == (
        "/photos?encoding-type=url&list-type=2&max-keys=7&prefix=a%20b%2F&start-after=a%20b%2F%C3%BC"
    )
    server.say(reply(body=b"<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>"))
    await store.list_page(cursor="t+k")
    assert server.last.query == {
        "encoding-type": "url",
        "list-type": "2",
        "max-keys": "1000",
        "continuation-token": "t+k",
    }


async def test_a_listing_that_is_cut_off_raises_and_says_where(open_store: Any, server: Any, reply: Any) -> None:
    store = await open_store()
    server.say(reply(body=b"<ListBucketResult><IsTruncated>false</IsTruncated>"))
    with pytest.raises(ListingBroken, match="test:photos list_page"):
        await store.list_page()


async def test_a_listing_that_ignores_the_prefix_is_broken(open_store: Any, server: Any, reply: Any) -> None:
    entry = b"<Contents><Key>b</Key><LastModified>2026-11-20T06:24:15Z</LastModified><Size>1</Size></Contents>"
    store = await open_store()
    server.say(reply(body=b"<ListBucketResult>" + entry + b"<IsTruncated>false</IsTruncated></ListBucketResult>"))
    with pytest.raises(ListingBroken, match="not under"):
        await store.list_page("a")


async def test_an_etag_that_ceph_lost_from_its_listing_is_asked_for(open_store: Any, server: Any, reply: Any) -> None:
    entry = "<Contents><Key>%s</Key><LastModified>2026-11-20T06:24:15.000Z</LastModified><ETag>%s</ETag><Size>5</Size></Contents>"
    entries = entry % ("a", '"abc"') + entry % ("b", "") + entry % ("c", "")
    page = f"<ListBucketResult>{entries}<IsTruncated>false</IsTruncated></ListBucketResult>".encode()
    same, changed = ({**HELLO, "last-modified": f"Fri, 20 Nov 2026 06:24:{second} GMT"} for second in (15, 16))
    store = await open_store(vendor=Vendor.CEPH)
    server.say(reply(body=page), reply(headers=same), reply(headers=changed))
    found = {info.key: info.etag for info in (await store.list_page()).entries}
    # What is another object by now is left to the look that follows.
    assert found == {"a": "abc", "b": MD5.hex, "c": None}
    assert [request.method for request in server.requests] == ["GET", "HEAD", "HEAD"]


async def test_ceph_keeps_the_etag_in_its_listing_when_tags_are_removed(open_store: Any, server: Any) -> None:
    store = await open_store(vendor=Vendor.CEPH)
    await store.write_tags("k", {})
    assert (server.last.method, parse_tagging(server.last.body)) == ("PUT", {})


async def test_tags_are_read_written_and_removed(open_store: Any, server: Any, reply: Any) -> None:
    store = await open_store()
    server.say(reply(body=b"<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>"))
    assert await store.read_tags("k", version_id="v") == {"a": "b"}
    assert server.last.query == {"tagging": "", "versionId": "v"}
    await store.write_tags("k", {"x": "y"})
    assert parse_tagging(server.last.body) == {"x": "y"}
    assert "content-md5" in server.last.headers
    await store.write_tags("k", {})
    assert (server.last.method, server.last.target) == ("DELETE", "/photos/k?tagging=")


async def test_no_tag_count_is_not_taken_for_no_tags_where_tags_may_not_be_read(
    make_store: Any, server: Any, reply: Any
) -> None:
    server.say(
        reply(body=b"<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>"),
        reply(403, {}, b"<Error><Code>AccessDenied</Code></Error>"),
        reply(headers=HELLO),
    )
    store = make_store(vendor=Vendor.AWS)
    await store.open()
    assert (await store.head("a")).tag_count is None


async def test_no_tag_count_is_no_tags_where_tags_may_be_read(open_store: Any, server: Any, reply: Any) -> None:
    store = await open_store()
    server.say(reply(headers=HELLO))
    assert (await store.head("a")).tag_count == 0

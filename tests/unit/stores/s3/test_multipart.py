"""Uploads in parts, the parts of an object, copies and deletions over the wire."""

from __future__ import annotations

import asyncio
import xml.etree.ElementTree as ET
from typing import Any

import pytest

from brigade.errors import (
    AccessDenied,
    NotFound,
    PreconditionFailed,
    Rejected,
    Throttled,
    Unavailable,
)
from brigade.objects import Attributes, PartInfo
from brigade.stores.base import BytesBody, Condition
from brigade.stores.s3.settings import Encryption, Vendor

NS = "{http://s3.amazonaws.com/doc/2006-03-01/}"
CREATED = b"<InitiateMultipartUploadResult><UploadId>u/1</UploadId></InitiateMultipartUploadResult>"
COMPLETED = b"<CompleteMultipartUploadResult><ETag>&quot;abc-2&quot;</ETag></CompleteMultipartUploadResult>"
COPIED = b"<CopyObjectResult><ETag>&quot;abc&quot;</ETag></CopyObjectResult>"
PARTS = [PartInfo(2, 3, "bb"), PartInfo(1, 5, "aa")]
ETAG = "a" * 32


def said(code: Any) -> Any:
    return f"<Error><Code>{code}</Code></Error>".encode()


# ----------------------------------------------------------------------------------------------------- uploads


async def test_an_upload_from_beginning_to_end(open_store: Any, server: Any, reply: Any) -> None:
    store = await open_store(encryption=Encryption.SSE_S3)
    server.say(reply(body=CREATED), reply(headers={"etag": '"aa"'}), reply(body=COMPLETED))
    upload_id = await store.create_multipart("k", attributes=Attributes(metadata={"a": "b"}, tags={"t": "1"}))
    assert upload_id == "u/1"
    assert server.last.headers.items() >= {
        ("x-amz-meta-a", "b"),
        ("x-amz-tagging", "t=1"),
        ("x-amz-server-side-encryption", "AES256"),
    }
    assert await store.put_part("k", upload_id, 1, BytesBody(b"hello")) == PartInfo(1, 5, "aa")
    assert server.last.target == "/photos/k?partNumber=1&uploadId=u%2F1"
    info = await store.complete_multipart("k", upload_id, PARTS)
    assert (info.etag, info.size_bytes) == ("abc-2", 8)
    assert [part[0].text for part in ET.fromstring(server.last.body)] == ["1", "2"], "in order of their numbers"


async def test_tags_that_an_upload_would_spoil_are_left_to_the_caller(open_store: Any, server: Any, reply: Any) -> None:
    store = await open_store(vendor=Vendor.CEPH)
    server.say(reply(body=CREATED))
    await store.create_multipart("k", attributes=Attributes(tags={"t": "1"}))
    assert not store.capabilities.multipart_tags
    assert "x-amz-tagging" not in server.last.headers


@pytest.mark.parametrize(
    ("code", "kind"), [("InternalError", Unavailable), ("SlowDown", Throttled), ("Odd", Unavailable)]
)
async def test_an_error_inside_a_200_is_an_error(
    open_store: Any, server: Any, reply: Any, code: Any, kind: Any
) -> None:
    store = await open_store()
    server.say(reply(body=said(code)))
    with pytest.raises(kind):
        await store.complete_multipart("k", "u", PARTS)


async def test_an_answer_that_is_cut_off_is_no_success(open_store: Any, server: Any, reply: Any) -> None:
    store = await open_store()
    server.say(reply(body=COMPLETED[:-5]))
    with pytest.raises(Unavailable, match="cannot be read"):
        await store.complete_multipart("k", "u", PARTS)


async def test_an_empty_etag_is_looked_up(open_store: Any, server: Any, reply: Any) -> None:
    store = await open_store(vendor=Vendor.CEPH)
    empty = b"<CompleteMultipartUploadResult><ETag></ETag></CompleteMultipartUploadResult>"
    server.say(reply(body=empty), reply(headers={"etag": '"abc-2"', "content-length": "8"}))
    assert (await store.complete_multipart("k", "u", PARTS)).etag == "abc-2"
    assert server.last.method == "HEAD"


async def test_a_500_for_an_upload_that_is_no_more_is_not_found(open_store: Any, server: Any, reply: Any) -> None:
    store = await open_store(vendor=Vendor.CEPH)
    server.say(reply(500, {}, said("InternalError")), reply(404, {}, said("NoSuchUpload")))
    with pytest.raises(NotFound):
        await store.complete_multipart("k", "u", PARTS)


async def test_a_condition_is_looked_at_beforehand_where_completing_ignores_it(
    open_store: Any, server: Any, reply: Any
) -> None:
    store = await open_store(vendor=Vendor.CEPH)
    server.say(reply(headers={"etag": '"old"', "content-length": "1"}))
    with pytest.raises(PreconditionFailed):
        await store.complete_multipart("k", "u", PARTS, condition=Condition(if_none_match="*"))
    server.say(reply(404))
    with pytest.raises(PreconditionFailed):
        await store.complete_multipart("k", "u", PARTS, condition=Condition(if_match="abc"))
    server.say(reply(404), reply(body=COMPLETED))
    await store.complete_multipart("k", "u", PARTS, condition=Condition(if_none_match="*"))


async def test_a_condition_goes_along_with_completing_where_it_counts(open_store: Any, server: Any, reply: Any) -> None:
    store = await open_store()
    server.say(reply(body=COMPLETED))
    await store.complete_multipart("k", "u", PARTS, condition=Condition(if_none_match="*"))
    assert server.last.headers["if-none-match"] == "*"


async def test_aborting_what_is_not_there_is_fine(open_store: Any, server: Any, reply: Any) -> None:
    store = await open_store()
    server.say(reply(404, {}, said("NoSuchUpload")))
    await store.abort_multipart("k", "u")
    assert server.last.method == "DELETE"


async def test_parts_are_listed_page_by_page(open_store: Any, server: Any, reply: Any) -> None:
    page = (
        "<R><Part><PartNumber>{0}</PartNumber><Size>1</Size><ETag>e</ETag></Part><IsTruncated>{1}</IsTruncated>{2}</R>"
    )
    marker = "<NextPartNumberMarker>1</NextPartNumberMarker>"
    store = await open_store()
    server.say(reply(body=page.format(1, "true", marker).encode()), reply(body=page.format(2, "false", "").encode()))
    assert [part.number for part in await store.list_parts("k", "u")] == [1, 2]
    assert server.last.query["part-number-marker"] == "1"
    server.answer = lambda _: reply(body=page.format(1, "true", marker).encode())
    with pytest.raises(Rejected, match="again and again"):
        await store.list_parts("k", "u")


async def test_uploads_are_listed_page_by_page(open_store: Any, server: Any, reply: Any) -> None:
    page = "<R><Upload><Key>{0}</Key><UploadId>u</UploadId></Upload><IsTruncated>{1}</IsTruncated>{2}</R>"
    marker = "<NextKeyMarker>a</NextKeyMarker><NextUploadIdMarker>u</NextUploadIdMarker>"
    store = await open_store()
    server.say(
        reply(body=page.format("a", "true", marker).encode()), reply(body=page.format("b", "false", "").encode())
    )
    assert [upload.key for upload in await store.list_multiparts("p")] == ["a", "b"]
    assert server.last.query.items() >= {"key-marker": "a", "upload-id-marker": "u", "prefix": "p"}.items()
    server.answer = lambda _: reply(body=page.format("a", "true", marker).encode())
    with pytest.raises(Rejected, match="again and again"):
        await store.list_multiparts()


# ------------------------------------------------------------------------------------------------ part sizes


def cut_as(reply: Any, sizes: Any, *, told_total: Any = True) -> Any:
    """HEAD of an object that was uploaded in these parts."""

    def answer(request: Any) -> Any:
        headers = {"etag": f'"{ETAG}-{len(sizes)}"', "content-length": str(sum(sizes))}
        number = request.query.get("partNumber")
        if number is None:
            return reply(200, headers)
        size = sizes[int(number) - 1]
        headers |= {"content-length": str(size), "x-amz-mp-parts-count": str(len(sizes))}
        return reply(206, headers | ({"content-range": f"bytes 0-{size - 1}/{sum(sizes)}"} if told_total else {}))

    return answer


@pytest.mark.parametrize(
    ("sizes", "told_total", "requests"),
    [
        ([5, 5, 5, 1], True, 2),
        ([5, 5, 5, 5], True, 2),
        ([5, 1], True, 1),
        ([5, 5, 1], False, 3),
        ([7], True, 1),
        ([5, 9, 2], True, 3),
        ([5, 7, 3], True, 2 + 2),
        ([1, 5, 5], True, 3),
    ],
)
async def test_part_sizes_cost_two_requests_unless_the_parts_are_uneven(
    open_store: Any, server: Any, reply: Any, sizes: Any, told_total: Any, requests: Any
) -> None:
    store = await open_store()
    server.answer = cut_as(reply, sizes, told_total=told_total)
    assert await store.part_sizes("k", etag=f"{ETAG}-{len(sizes)}") == sizes
    assert len(server.requests) == requests


async def test_the_parts_of_a_single_upload_are_one(open_store: Any, server: Any, reply: Any) -> None:
    store = await open_store()
    server.say(reply(200, {"etag": f'"{ETAG}"', "content-length": "7"}))
    assert await store.part_sizes("k", etag=ETAG) == [7]


async def test_a_server_that_ignores_part_numbers_cannot_tell(open_store: Any, server: Any, reply: Any) -> None:
    store = await open_store()
    server.answer = lambda _: reply(200, {"etag": f'"{ETAG}-3"', "content-length": "15"})
    assert await store.part_sizes("k", etag=f"{ETAG}-3") is None
    assert not store.capabilities.part_reads, "found out at first use"
    ceph = await open_store(vendor=Vendor.CEPH)
    assert await ceph.part_sizes("k", etag=f"{ETAG}-3") is None
    assert server.requests == [], "it is known not to tell, so it is not asked"


async def test_sizes_that_do_not_add_up_are_not_believed(open_store: Any, server: Any, reply: Any) -> None:
    store = await open_store()

    def answer(request: Any) -> Any:
        found = cut_as(reply, [5, 9, 2])(request)
        return found if request.query["partNumber"] != "2" else reply(206, {**found.headers, "content-length": "8"})

    server.answer = answer
    assert await store.part_sizes("k", etag=f"{ETAG}-3") is None


async def test_parts_of_another_object_are_a_change(open_store: Any, server: Any, reply: Any) -> None:
    store = await open_store()
    server.answer = cut_as(reply, [5, 5])
    with pytest.raises(PreconditionFailed):
        await store.part_sizes("k", etag="b" * 32 + "-2")


# ----------------------------------------------------------------------------------------------------- copies


def source(reply: Any, size: Any = 5, **headers: Any) -> Any:
    return reply(headers={"etag": '"abc"', "content-length": str(size), **headers})


async def test_a_copy_takes_just_the_version_that_was_looked_at(open_store: Any, server: Any, reply: Any) -> None:
    store = await open_store()
    server.say(source(reply, **{"x-amz-storage-class": "GLACIER_IR"}), reply(body=COPIED))
    info = await store.copy("a b", "c")
    assert (info.key, info.etag, info.size_bytes) == ("c", "abc", 5)
    sent = server.last.headers
    assert sent["x-amz-copy-source"] == "/photos/a%20b"
    assert sent["x-amz-copy-source-if-match"] == '"abc"'
    assert sent["x-amz-storage-class"] == "GLACIER_IR", "else the copy would fall back to the standard class"
    assert "x-amz-metadata-directive" not in sent


async def test_a_copy_replaces_attributes_and_tags_only_if_they_are_given(
    open_store: Any, server: Any, reply: Any
) -> None:
    store = await open_store()
    server.say(source(reply), reply(body=COPIED))
    await store.copy("a", "a", attributes=Attributes(metadata={"n": "1"}, tags={}))
    sent = server.last.headers
    assert (sent["x-amz-metadata-directive"], sent["x-amz-tagging-directive"]) == ("REPLACE", "REPLACE")
    assert sent["x-amz-meta-n"] == "1"
    server.say(source(reply), reply(body=COPIED))
    await store.copy("a", "a", attributes=Attributes(metadata={"n": "1"}))
    assert "x-amz-tagging-directive" not in server.last.headers


async def test_tags_that_a_copy_would_spoil_are_written_afterwards(open_store: Any, server: Any, reply: Any) -> None:
    store = await open_store(vendor=Vendor.CEPH)
    server.say(source(reply), reply(body=COPIED))
    await store.copy("a", "a", attributes=Attributes(tags={"t": "1"}))
    copying, tagging = server.requests[-2:]
    assert not any("tagging" in name for name in copying.headers)
    assert (tagging.method, tagging.target) == ("PUT", "/photos/a?tagging=")


async def test_a_copy_of_another_version_is_refused_before_it_is_made(open_store: Any, server: Any, reply: Any) -> None:
    store = await open_store()
    server.say(source(reply))
    with pytest.raises(PreconditionFailed):
        await store.copy("a", "b", condition=Condition(if_match="other"))
    assert [request.method for request in server.requests] == ["HEAD"]


async def test_an_error_inside_a_copy_of_200_is_an_error(open_store: Any, server: Any, reply: Any) -> None:
    store = await open_store()
    server.say(source(reply), reply(body=said("SlowDown")))
    with pytest.raises(Throttled):
        await store.copy("a", "b")


async def large_copy(open_store: Any, server: Any, reply: Any, answer: Any) -> Any:
    store = await open_store(vendor=Vendor.CEPH)
    store._capabilities = store._capabilities.__class__(max_copy_bytes=4, tags=True, multipart_tags=False)
    server.answer = answer
    return await store.copy("a", "b")


def copying_server(reply: Any, *, refuse_part: Any = 0) -> Any:
    def answer(request: Any) -> Any:
        if request.method == "HEAD":
            return reply(headers={"etag": '"abc"', "content-length": "10", "x-amz-meta-n": "1"})
        if "tagging" in request.query:
            return reply(body=b"<Tagging><TagSet><Tag><Key>t</Key><Value>1</Value></Tag></TagSet></Tagging>")
        if "uploads" in request.query:
            return reply(body=CREATED)
        if request.method == "POST":
            return reply(body=COMPLETED)
        if request.query.get("partNumber") == str(refuse_part):
            return reply(403, {}, said("AccessDenied"))
        return reply(body=COPIED)

    return answer


async def test_an_object_too_large_for_one_copy_is_copied_in_parts_with_all_it_carries(
    open_store: Any, server: Any, reply: Any
) -> None:
    info = await large_copy(open_store, server, reply, copying_server(reply))
    assert (info.etag, info.size_bytes) == ("abc-2", 10)
    ranges = sorted(
        r.headers["x-amz-copy-source-range"] for r in server.requests if "partNumber" in r.query and r.method == "PUT"
    )
    assert ranges == ["bytes=0-3", "bytes=4-7", "bytes=8-9"]
    created = next(request for request in server.requests if "uploads" in request.query)
    assert created.headers["x-amz-meta-n"] == "1"
    assert (server.last.method, server.last.query) == ("PUT", {"tagging": ""})


async def test_a_copy_in_parts_that_fails_leaves_no_upload(open_store: Any, server: Any, reply: Any) -> None:
    with pytest.raises(AccessDenied):
        await large_copy(open_store, server, reply, copying_server(reply, refuse_part=2))
    assert (server.last.method, server.last.query) == ("DELETE", {"uploadId": "u/1"})


# -------------------------------------------------------------------------------------------------- deletions


def deleting_server(reply: Any, failing: Any = ()) -> Any:
    def answer(request: Any) -> Any:
        if request.method == "DELETE":
            return (
                reply(403, {}, said("AccessDenied")) if request.path.endswith(tuple(failing) or ("\0",)) else reply(204)
            )
        keys = [node.text for node in ET.fromstring(request.body).iter(f"{NS}Key")]
        rows = "".join(f"<Error><Key>{key}</Key><Code>AccessDenied</Code></Error>" for key in keys if key in failing)
        return reply(body=f"<DeleteResult>{rows}</DeleteResult>".encode())

    return answer


async def test_keys_are_deleted_in_batches_and_each_is_answered(open_store: Any, server: Any, reply: Any) -> None:
    store = await open_store()
    server.answer = deleting_server(reply, failing=["key-7"])
    keys = [f"key-{number}" for number in range(2500)]
    answers = await store.delete([*keys, "key-1"])
    assert list(answers) == keys
    assert [key for key, error in answers.items() if error is not None] == ["key-7"]
    assert isinstance(answers["key-7"], AccessDenied)
    assert answers["key-7"].key == "key-7"
    assert len(server.requests) == 3
    assert "content-md5" in server.last.headers


@pytest.mark.parametrize(("status", "code"), [(501, "NotImplemented"), (405, "MethodNotAllowed")])
async def test_a_server_without_batches_gets_single_deletions_from_then_on(
    open_store: Any, server: Any, reply: Any, status: Any, code: Any
) -> None:
    store = await open_store()
    single = deleting_server(reply, failing=["b"])
    server.answer = lambda request: reply(status, {}, said(code)) if request.method == "POST" else single(request)
    answers = await store.delete(["a", "b", "c"])
    assert [key for key, error in answers.items() if error is not None] == ["b"]
    await store.delete(["d", "e"])
    assert [request.method for request in server.requests] == ["POST"] + ["DELETE"] * 5


async def test_a_key_that_xml_cannot_hold_is_deleted_by_itself(open_store: Any, server: Any, reply: Any) -> None:
    store = await open_store()
    server.answer = deleting_server(reply)
    assert await store.delete(["a", "bell\x07"]) == {"a": None, "bell\x07": None}
    assert {request.path for request in server.requests} == {"/photos/a", "/photos/bell\x07"}


async def test_what_is_absent_counts_as_deleted(open_store: Any, server: Any, reply: Any) -> None:
    store = await open_store()
    server.say(reply(404, {}, said("NoSuchKey")))
    assert await store.delete(["a"]) == {"a": None}
    server.say(reply(body=b"<DeleteResult><Error><Key>a</Key><Code>NoSuchKey</Code></Error></DeleteResult>"))
    assert await store.delete(["a", "b"]) == {"a": None, "b": None}
    assert await store.delete([]) == {}


async def test_a_batch_that_fails_as_a_whole_raises_so_that_it_can_be_tried_again(
    open_store: Any, server: Any, reply: Any
) -> None:
    store = await open_store()
    server.say(reply(503, {}, said("SlowDown")))
    with pytest.raises(Throttled):
        await store.delete(["a", "b"])


async def test_many_requests_at_once_stay_bounded_and_fail_with_one_plain_error(open_store: Any) -> None:
    from brigade.stores.together import for_each

    running = most = 0

    async def call(item: Any) -> Any:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1
        if item == 50:
            raise AccessDenied("no")
        return item * 2

    assert await for_each(range(40), call, at_once=7) == [item * 2 for item in range(40)]
    assert most == 7
    with pytest.raises(AccessDenied):
        await for_each(range(60), call, at_once=7)

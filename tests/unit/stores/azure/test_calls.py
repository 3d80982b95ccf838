"""What Azurite cannot show: the real service's own ways, by the requests and answers that its documentation describes."""

from __future__ import annotations

import base64

import pytest
from awscrt.checksums import crc64nvme
from tests.unit.stores.azure.conftest import EMPTY_PAGE, NO_BLOCKS, Reply, refusal

from brigade.errors import (
    AccessDenied,
    Corrupt,
    NotFound,
    PreconditionFailed,
    Rejected,
    Throttled,
    Unavailable,
    Unsupported,
)
from brigade.objects import NO_ATTRIBUTES, Attributes, Checksum, ChecksumAlgorithm
from brigade.stores.azure.bodies import crc64_value
from brigade.stores.base import ByteRange, BytesBody, Condition, ListingOrder
from brigade.testing.bodies import StreamBody


def crc64(data):
    """As Azure writes it: the eight bytes of the number, the lowest first."""
    return base64.b64encode(crc64nvme(data).to_bytes(8, "little")).decode()


def telling(crc):
    """Answers that tell this CRC64 of each block."""

    def answer(request):
        if request.query.get("comp") == "block":
            return Reply(201, {"x-ms-content-crc64": crc})
        return Reply(201, {"etag": '"0x8D"', "last-modified": "Fri, 24 May 2013 00:00:00 GMT"})

    return answer


def test_the_crc64_is_the_one_of_nvme():
    # The check value of the catalogue of CRC algorithms for CRC-64/NVME, whose polynomial Azure names.
    assert crc64nvme(b"123456789") == 0xAE8B14860A799888
    assert crc64(b"123456789") == "iJh5CoYUi64="
    # What the real service has answered to these contents.
    for content, told in (
        (b"Hello World", "YeJLfssylmU="),
        (b"a" * 512, "u661BimQ84c="),
        (b"b" * 1024, "pK+ypU+jreM="),
    ):
        assert crc64(content) == crc64_value(f"{crc64nvme(content):016x}") == told


async def test_a_stream_is_proven_by_the_crc64_of_its_block_before_it_becomes_a_blob(store, service):
    service.answer = telling(crc64(b"content"))
    info = await store.put("a", StreamBody([b"con", b"tent"]), attributes=Attributes(content_type="text/css"))
    block, commit = service.requests
    assert (block.query["comp"], block.body, "content-md5" in block.headers) == ("block", b"content", False)
    assert commit.query == {"comp": "blocklist"}
    assert f"<Uncommitted>{block.query['blockid']}</Uncommitted>".encode() in commit.body
    assert commit.headers["x-ms-blob-content-type"] == "text/css"
    assert commit.headers["x-ms-blob-content-md5"] == "mgNkuembtIDdJeHwKEyFVQ=="
    assert (info.etag, info.checksum.hex) == ("0x8D", "9a0364b9e99bb480dd25e1f0284c8555")
    assert store.capabilities.proves_writes


async def test_a_block_that_the_server_holds_otherwise_never_becomes_a_blob(store, service):
    service.answer = telling(crc64(b"c0ntent"))
    with pytest.raises(Corrupt, match="CRC64"):
        await store.put("a", StreamBody([b"con", b"tent"]), attributes=NO_ATTRIBUTES)
    assert service.asked("PUT", "blocklist") == []
    upload_id = await store.create_multipart("a", attributes=NO_ATTRIBUTES)
    with pytest.raises(Corrupt, match="CRC64"):
        await store.put_part("a", upload_id, 1, StreamBody([b"content"]))


async def test_a_stream_with_an_unusual_digest_is_held_to_it_before_its_end_has_gone(store, service):
    service.answer = telling(crc64(b"content"))
    wrong = Checksum(ChecksumAlgorithm.CRC32C, "00000000")
    for body in (StreamBody([b"con", b"tent"]), BytesBody(b"content")):
        with pytest.raises(Corrupt):
            await store.put("a", body, attributes=NO_ATTRIBUTES, expect=wrong)
    assert service.asked("PUT", "blocklist") == []
    assert service.asked("PUT") == []


async def test_content_in_memory_goes_in_one_request_with_its_md5(store, service):
    info = await store.put(
        "a b", BytesBody(b"content"), attributes=NO_ATTRIBUTES, condition=Condition(if_none_match="*")
    )
    (put,) = service.requests
    assert (put.method, put.path, put.query) == ("PUT", "/photos/a b", {})
    assert put.headers["content-md5"] == "mgNkuembtIDdJeHwKEyFVQ=="
    assert (put.headers["x-ms-blob-type"], put.headers["if-none-match"]) == ("BlockBlob", "*")
    assert put.headers["authorization"].startswith("SharedKey account:")
    assert info.checksum.hex == "9a0364b9e99bb480dd25e1f0284c8555"


@pytest.mark.parametrize(
    ("said", "order", "tags", "tiers"),
    [
        ({"x-ms-account-kind": "StorageV2"}, ListingOrder.NONE, True, True),
        ({"x-ms-account-kind": "StorageV2", "x-ms-is-hns-enabled": "true"}, ListingOrder.COMPONENTS, False, True),
        ({"x-ms-account-kind": "BlockBlobStorage"}, ListingOrder.NONE, True, False),
        ({"x-ms-account-kind": "Storage"}, ListingOrder.NONE, True, False),
    ],
)
async def test_an_account_is_taken_as_it_describes_itself(make, service, said, order, tags, tiers):
    service.answer = lambda _: Reply(headers=said)
    store = make()
    await store.open()
    able = store.capabilities
    assert (able.listing_order, able.tags, able.storage_classes) == (order, tags, tiers)
    assert bool(able.stored_classes) == tiers


async def test_an_account_that_may_not_be_asked_counts_as_flat_unless_the_settings_know_better(make, service):
    service.answer = lambda request: refusal(403, "AuthorizationPermissionMismatch")
    flat, told = make(), make(hierarchical=True)
    await flat.open()
    await told.open()
    assert (flat.capabilities.tags, told.capabilities.tags) == (True, False)
    with pytest.raises(Unsupported):
        await told.read_tags("a")


@pytest.mark.parametrize(
    ("reply", "count"), [(refusal(404, "BlobNotFound"), 0), (refusal(403, "AuthorizationPermissionMismatch"), None)]
)
async def test_no_count_of_tags_means_none_only_to_who_may_read_them(make, service, reply, count):
    service.tags = reply
    service.answer = lambda _: Reply(headers={"content-length": "1"})
    store = make()
    await store.open()
    assert (await store.head("a")).tag_count == count


async def test_opening_passes_on_trouble_and_says_what_to_look_at(make, service):
    service.answer = lambda _: refusal(503, "ServerBusy")
    with pytest.raises(Throttled):
        await make().open()


async def test_the_server_is_asked_for_a_pause_that_is_kept(store, service):
    service.answer = lambda _: Reply(503, {"x-ms-error-code": "ServerBusy", "retry-after": "7"})
    with pytest.raises(Throttled) as slow:
        await store.head("a")
    assert slow.value.retry_after_seconds == 7.0


async def test_a_copy_that_takes_longer_is_waited_for(store, service, clock):
    states = iter(["pending", "pending", "success"])

    def answer(request):
        if request.method == "PUT":
            return Reply(202, {"etag": '"1"', "x-ms-copy-status": "pending", "x-ms-copy-id": "id"})
        if request.path == "/photos/to" and "x-ms-copy-source" not in request.headers:
            state = next(states, "success")
            return Reply(
                headers={"etag": '"2"', "x-ms-copy-status": state, "x-ms-copy-id": "id", "content-length": "7"}
            )
        return Reply(headers={"etag": '"s"', "content-length": "7", "x-ms-blob-type": "BlockBlob"})

    service.answer = answer
    info = await store.copy("from", "to")
    assert (info.key, info.size_bytes, info.etag) == ("to", 7, "2")
    assert clock.slept_seconds == [1.0, 1.0, 1.0]
    (copy,) = service.asked("PUT")
    assert copy.headers["x-ms-copy-source"] == "https://account.blob.core.windows.net/photos/from"
    assert copy.headers["x-ms-source-if-match"] == '"s"'


@pytest.mark.parametrize(
    ("headers", "kind"),
    [
        ({"x-ms-copy-status": "failed", "x-ms-copy-id": "id"}, Unavailable),
        ({"x-ms-copy-status": "success", "x-ms-copy-id": "another"}, PreconditionFailed),
    ],
)
async def test_a_copy_that_failed_or_was_overtaken_is_no_copy(store, service, headers, kind):
    def answer(request):
        if request.method == "PUT":
            return Reply(202, {"etag": '"1"', "x-ms-copy-status": "pending", "x-ms-copy-id": "id"})
        return Reply(
            headers={"etag": '"s"', "content-length": "7", **(headers if request.path == "/photos/to" else {})}
        )

    service.answer = answer
    with pytest.raises(kind):
        await store.copy("from", "to")


async def test_a_change_of_headers_keeps_the_md5_and_names_the_version_each_time(store, service):
    etags = ["1"]

    def answer(request):
        if request.method == "PUT":
            etags.append(str(len(etags) + 1))
            return Reply(200, {"etag": f'"{etags[-1]}"'})
        held = {
            "etag": f'"{etags[-1]}"',
            "content-length": "7",
            "content-md5": "mgNkuembtIDdJeHwKEyFVQ==",
            "x-ms-meta-k": "old",
        }
        return Reply(headers={**held, "x-ms-blob-type": "BlockBlob", "content-type": "text/plain"})

    service.answer = answer
    await store.copy("a", "a", attributes=Attributes(content_type="text/css", metadata={"k": "new"}))
    metadata, properties = service.asked("PUT", "metadata") + service.asked("PUT", "properties")
    assert (metadata.headers["if-match"], properties.headers["if-match"]) == ('"1"', '"2"')
    assert properties.headers["x-ms-blob-content-md5"] == "mgNkuembtIDdJeHwKEyFVQ=="
    assert service.asked("PUT", "tags") == service.asked("PUT", "tier") == []


async def test_what_others_write_right_after_a_change_of_headers_is_not_taken_for_what_was_changed(store, service):
    etags = iter(["1", "by somebody else"])

    def answer(request):
        if request.method == "PUT":
            return Reply(200, {"etag": '"2"'})
        return Reply(headers={"etag": f'"{next(etags)}"', "content-length": "7", "x-ms-blob-type": "BlockBlob"})

    service.answer = answer
    with pytest.raises(PreconditionFailed):
        await store.copy("a", "a", attributes=Attributes(content_type="text/css"))


async def test_a_range_that_is_another_one_is_no_answer(store, service):
    service.answer = lambda _: Reply(
        206, {"content-range": "bytes 0-6/7", "content-length": "7", "etag": '"e"'}, b"content"
    )
    with pytest.raises(Unsupported):
        async with store.get("a", byte_range=ByteRange(2, 3)):
            pass
    assert service.last.headers["x-ms-range"] == "bytes=2-4"
    service.answer = lambda _: Reply(200, {"content-length": "7", "etag": '"other"'}, b"content")
    with pytest.raises(PreconditionFailed):
        async with store.get("a", condition=Condition(if_match="seen")):
            pass


async def test_completing_what_is_not_there_is_refused_before_anything_is_written(store, service):
    service.answer = lambda request: Reply(body=NO_BLOCKS)
    upload_id = "0" * 24
    with pytest.raises(PreconditionFailed):
        await store.complete_multipart("a", upload_id, [])
    assert service.asked("PUT", "blocklist") == []


async def test_a_header_beyond_ascii_and_a_line_break_are_refused_and_metadata_carries_both(store, service):
    for value in ("gr\u00fcn", "a\nb"):
        with pytest.raises(Rejected):
            await store.put("a", BytesBody(b""), attributes=Attributes(content_disposition=value))
    assert service.requests == []
    await store.put(
        "a", BytesBody(b""), attributes=Attributes(metadata={"k": "gr\u00fcn\n", "e": "", "p": "plain one"})
    )
    sent = service.last.headers
    assert (sent["x-ms-meta-k"], sent["x-ms-meta-e"], sent["x-ms-meta-p"]) == (
        *("=?UTF-8?B?Z3LDvG4K?=", "=?UTF-8?B??="),
        "plain one",
    )


async def test_a_sas_is_in_the_query_of_each_request_and_of_the_source_of_a_copy(make, service):
    store = make(key=None, sas="sv=1&sig=s%2Bs")
    await store.open()
    service.answer = lambda _: Reply(headers={"etag": '"s"', "content-length": "7", "x-ms-copy-status": "success"})
    await store.copy("from", "to")
    assert all(request.query["sig"] == "s+s" for request in service.requests)
    assert service.asked("PUT")[0].headers["x-ms-copy-source"].endswith("/photos/from?sv=1&sig=s%2Bs")
    assert all("authorization" not in request.headers for request in service.requests)


async def test_a_refusal_without_a_word_of_azure_proves_no_absence(store, service):
    service.answer = lambda _: Reply(404, {}, b"<html>nothing here</html>")
    with pytest.raises(Rejected):
        await store.head("a")
    service.answer = lambda _: refusal(404, "ResourceNotFound")
    with pytest.raises(AccessDenied):
        await store.head("a")


VERSION = (
    b"<EnumerationResults><Blobs><Blob><Name>old</Name><Deleted>true</Deleted><Properties>"
    b"<Last-Modified>Fri, 24 May 2013 00:00:01 GMT</Last-Modified><Etag>0x1</Etag><Content-Length>1</Content-Length>"
    b"</Properties></Blob></Blobs><NextMarker /></EnumerationResults>"
)


async def test_a_container_that_keeps_a_version_or_a_deleted_blob_is_not_removed(store, service):
    service.page = lambda request: (
        Reply(body=VERSION) if "deleted" in request.query["include"] else Reply(body=EMPTY_PAGE)
    )
    with pytest.raises(Rejected, match="not empty"):
        await store.delete_bucket()
    assert service.asked("DELETE") == []


async def test_an_account_that_knows_no_versions_is_asked_without_them(store, service):
    def page(request):
        return (
            refusal(400, "InvalidQueryParameterValue")
            if "versions" in request.query["include"]
            else Reply(body=EMPTY_PAGE)
        )

    service.page = page
    await store.delete_bucket()
    assert service.last.method == "DELETE"
    assert service.last.query == {"restype": "container"}


async def test_an_empty_listing_that_cannot_be_read_removes_nothing(store, service):
    service.page = lambda _: refusal(403, "AuthorizationPermissionMismatch")
    with pytest.raises(AccessDenied):
        await store.delete_bucket()
    assert service.asked("DELETE") == []


@pytest.mark.parametrize("key", ["a/../b", "./b", "..", "a\\b", ""])
async def test_a_key_that_would_be_read_as_another_is_never_asked_for(store, service, key):
    with pytest.raises(NotFound):
        await store.head(key)
    with pytest.raises(NotFound):
        async with store.get(key):
            pass
    assert await store.delete([key]) == {key: None}
    assert service.requests == []


@pytest.mark.parametrize("hierarchical", [False, True])
async def test_an_account_without_versions_is_asked_for_snapshots_alone(make, service, hierarchical):
    store = make(hierarchical=hierarchical)
    await store.open()
    service.requests.clear()

    def page(request):
        asked = request.query["include"].split(",")
        return refusal(400, "InvalidQueryParameterValue") if "versions" in asked else Reply(body=EMPTY_PAGE)

    service.page = page
    for _ in range(2):
        assert await store.list_versions("p") == ([], None)
    told = [request.query["include"] for request in service.requests]
    assert told == ["metadata,snapshots,versions"] * (not hierarchical) + ["metadata,snapshots"] * 2


async def test_a_listing_of_versions_that_fails_otherwise_is_not_made_smaller(make, service):
    store = make()
    await store.open()
    service.requests.clear()
    for status, code in ((403, "AuthorizationFailure"), (500, "InternalError")):
        service.page = lambda _, status=status, code=code: refusal(status, code)
        with pytest.raises((AccessDenied, Unavailable)):
            await store.list_versions()
    service.page = lambda _: refusal(400, "InvalidQueryParameterValue")
    with pytest.raises(Rejected):
        await store.list_versions()
    service.page = lambda _: Reply(body=EMPTY_PAGE)
    await store.list_versions()
    assert service.last.query["include"] == "metadata,snapshots,versions"


async def test_a_version_is_asked_for_by_its_own_word(store, service):
    service.answer = lambda _: Reply(headers={"etag": "e", "content-length": "0"})
    for version_id, wanted in (("2026", {"versionid": "2026"}), ("snapshot=2026", {"snapshot": "2026"}), (None, {})):
        await store.head("a", version_id=version_id)
        assert service.last.query == wanted

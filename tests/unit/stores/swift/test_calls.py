"""What is asked of Swift, and what its answers mean, where a real one does not answer so on demand."""

from __future__ import annotations

import hashlib
import json

import pytest

from brigade.errors import (
    AccessDenied,
    BucketMissing,
    Corrupt,
    InvalidKey,
    ListingBroken,
    NotFound,
    Rejected,
    SourceChanged,
    StorageFull,
    Throttled,
    Unavailable,
    Unsupported,
)
from brigade.objects import DYNAMIC, NO_ATTRIBUTES, Attributes, PartInfo
from brigade.stores.base import ByteRange, BytesBody, Condition
from brigade.testing.bodies import StreamBody
from brigade.wire.encoding import split_query
from brigade.wire.swift import EMPTY_MD5, Segment, whole_etag

WHEN = "2026-11-20T12:40:36.984100"


def md5(data):
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


ERRORS = {
    403: AccessDenied,
    405: Unsupported,
    408: Unavailable,
    409: Unavailable,
    418: Rejected,
    422: Corrupt,
    429: Throttled,
    498: Throttled,
    500: Unavailable,
    503: Unavailable,
    507: StorageFull,
}


@pytest.mark.parametrize(("status", "kind"), ERRORS.items())
async def test_each_status_is_told_in_our_words(server, open_store, status, kind):
    store = await open_store()
    server.answer = lambda _: server.reply(status, b"<html><h1>No</h1><p>Because of that.</p></html>")
    with pytest.raises(kind) as raised:
        await store.put("a", BytesBody(b"1"), attributes=NO_ATTRIBUTES)
    assert "Because of that." in str(raised.value)
    assert "hush" not in f"{raised.value!r}{raised.value}"


async def test_a_busy_cluster_says_when_to_come_again(server, open_store):
    store = await open_store()
    server.answer = lambda _: server.reply(503, headers={"retry-after": "7"})
    with pytest.raises(Throttled) as raised:
        await store.head("a")
    assert raised.value.retry_after_seconds == 7


async def test_a_quota_is_a_lack_of_room(server, open_store):
    store = await open_store()
    server.answer = lambda _: server.reply(413, b"Upload exceeds quota.")
    with pytest.raises(StorageFull):
        await store.put("a", BytesBody(b"1"), attributes=NO_ATTRIBUTES)


@pytest.mark.parametrize(("container", "kind"), [(204, NotFound), (404, BucketMissing), (403, AccessDenied)])
async def test_an_object_is_absent_only_where_its_container_is_there(server, open_store, container, kind):
    store = await open_store()
    server.answer = lambda request: server.reply(404 if request.target.endswith("/a") else container)
    with pytest.raises(kind):
        await store.head("a")
    with pytest.raises(kind):
        async with store.get("a"):
            pass


@pytest.mark.parametrize("body", [b"{", b"[{}]", b'{"a": 1}', b"[1]"])
async def test_a_page_that_cannot_be_read_is_no_end(server, open_store, body):
    store = await open_store()
    server.answer = lambda _: server.reply(200, body)
    with pytest.raises(ListingBroken):
        await store.list_page()


async def test_a_short_page_does_not_end_a_listing(server, open_store):
    store = await open_store()
    entry = {"name": "p/a", "bytes": 1, "hash": "0" * 32, "last_modified": "2026-11-20T12:40:36.984100"}
    server.answer = lambda _: server.reply(200, json.dumps([entry]).encode())
    assert (await store.list_page("p/")).cursor == "p/a"
    server.answer = lambda _: server.reply(204)
    assert await store.list_page("p/", cursor="p/a") == ([], None)
    assert "marker=p%2Fa" in server.requests[-1].target
    server.answer = lambda _: server.reply(200, json.dumps([entry]).encode())
    with pytest.raises(ListingBroken):
        await store.list_page("q/")


async def test_a_body_is_held_to_its_md5_before_it_is_visible_and_a_stream_afterwards(server, open_store):
    store = await open_store()
    server.answer = lambda request: server.reply(201, headers={"etag": "0" * 32})
    with pytest.raises(Corrupt):
        await store.put("a", StreamBody([b"content"]), attributes=NO_ATTRIBUTES)
    assert "etag" not in server.requests[0].headers
    assert server.asked("DELETE") == ["/v1/AUTH_a/photos/a"]
    right = "9a0364b9e99bb480dd25e1f0284c8555"
    server.answer = lambda request: server.reply(201, headers={"etag": right})
    await store.put("a", BytesBody(b"content"), attributes=NO_ATTRIBUTES)
    assert [request.headers["etag"] for request in server.requests if "etag" in request.headers] == [right]
    assert (await store.put("a", StreamBody([b"con", b"tent"]), attributes=NO_ATTRIBUTES)).etag == right


async def test_what_was_written_over_meanwhile_is_not_withdrawn(server, open_store):
    store = await open_store()
    server.answer = lambda request: server.reply(201, headers={"etag": ("1" if request.method == "HEAD" else "0") * 32})
    with pytest.raises(Corrupt):
        await store.put("a", StreamBody([b"content"]), attributes=NO_ATTRIBUTES)
    assert server.asked("DELETE") == []


@pytest.mark.parametrize("answer", [404, 405, 501])
async def test_without_bulk_delete_keys_go_one_by_one(server, open_store, answer):
    store = await open_store(delete_segments=False)
    server.answer = lambda request: server.reply(answer if request.method == "POST" else 204)
    assert await store.delete(["a", "b"]) == {"a": None, "b": None}
    assert sorted(server.asked("DELETE")) == ["/v1/AUTH_a/photos/a", "/v1/AUTH_a/photos/b"]
    await store.delete(["a", "b"])
    assert len(server.asked("POST")) == 1


async def test_bulk_delete_answers_each_key(server, open_store):
    store = await open_store(delete_segments=False)
    outcome = {
        "Response Status": "400 Bad Request",
        "Response Body": "",
        "Errors": [["/photos/b%20c", "403 Forbidden"]],
    }
    server.answer = lambda _: server.reply(200, b"  \r\n\r\n" + json.dumps(outcome).encode())
    answers = await store.delete(["a", "b c"])
    assert answers["a"] is None
    assert isinstance(answers["b c"], AccessDenied)
    assert server.requests[-1].body == b"/photos/a\n/photos/b%20c"


async def test_a_bulk_delete_that_gave_up_is_finished_one_by_one(server, open_store):
    store = await open_store(delete_segments=False)
    outcome = {"Response Status": "400 Bad Request", "Response Body": "Max delete failures exceeded", "Errors": []}
    server.answer = lambda request: (
        server.reply(200, json.dumps(outcome).encode()) if request.method == "POST" else server.reply(204)
    )
    assert await store.delete(["a", "b"]) == {"a": None, "b": None}
    assert len(server.asked("DELETE")) == 2


async def test_a_key_whose_look_fails_is_not_deleted(server, open_store):
    store = await open_store()
    server.answer = lambda request: server.reply(503 if request.method == "HEAD" else 204)
    answers = await store.delete(["a"])
    assert isinstance(answers["a"], Unavailable)
    assert server.asked("DELETE") == []


@pytest.mark.parametrize("key", ["a'b", "a/./b", "x\0y", "", "\ud800", "ü" * 513])
async def test_what_the_cluster_forbids_is_refused_before_anything_is_sent(server, open_store, key):
    names = {"forbidden_chars": "'\"<>", "forbidden_regexp": r"/\./|/\.\./|/\.$|/\.\.$", "maximum_length": 255}
    server.info = json.dumps({**json.loads(server.info), "name_check": names}).encode()
    store = await open_store()
    with pytest.raises(InvalidKey):
        await store.put(key, BytesBody(b"1"), attributes=NO_ATTRIBUTES)
    assert server.requests == []


@pytest.mark.parametrize("info", [b"", b"[]", b"not json", b'{"swift": 1, "slo": [], "bulk_delete": null}'])
async def test_a_cluster_that_hides_its_limits_has_those_of_swift(server, open_store, info):
    server.info = info
    store = await open_store()
    assert store.capabilities.max_parts == 1000
    assert store.capabilities.max_key_bytes == 1024


async def test_a_cluster_without_large_objects_takes_none(server, open_store):
    server.info = b'{"swift": {}}'
    store = await open_store()
    assert not store.capabilities.multipart
    with pytest.raises(Unsupported):
        await store.create_multipart("a", attributes=NO_ATTRIBUTES)


METADATA = {
    "value": ({"a": "x" * 257}, "256"),
    "bytes": ({"a": "ü" * 129}, "256"),
    "name": ({"a" * 129: "x"}, "128"),
    "count": ({f"n{number}": "" for number in range(91)}, "90"),
    "sum": ({f"n{number}": "x" * 250 for number in range(20)}, "4096"),
    "blank": ({"a": " x"}, "blank"),
    "underscore": ({"a_b": "x"}, "drops"),
    "break": ({"a": "x\ny"}, "control"),
}


@pytest.mark.parametrize(("metadata", "reason"), METADATA.values(), ids=METADATA)
async def test_metadata_that_swift_cannot_hold_is_refused_with_the_reason(server, open_store, metadata, reason):
    store = await open_store()
    with pytest.raises(Rejected, match=reason):
        await store.put("a", BytesBody(b"1"), attributes=Attributes(metadata=metadata))
    assert server.requests == []


async def test_an_absent_key_is_asked_of_swift_and_other_conditions_are_looked_at(server, open_store):
    store = await open_store()
    await store.put("a", BytesBody(b""), attributes=NO_ATTRIBUTES, condition=Condition(if_none_match="*"))
    assert server.requests[0].headers["if-none-match"] == "*"
    assert server.asked("HEAD") == []


async def test_a_manifest_that_was_refused_leaves_the_mark_for_the_next_attempt(server, open_store):
    store = await open_store()
    upload_id = await store.create_multipart("a", attributes=NO_ATTRIBUTES)
    mark = server.requests[-1].body
    outcome = {"Response Status": "400 Bad Request", "Errors": [["/photos_segments/x", "Etag Mismatch"]]}

    def answer(request):
        if "multipart-manifest=put" in request.target:
            return server.reply(202, b"   " + json.dumps(outcome).encode())
        return server.reply(200, mark)

    server.answer = answer
    with pytest.raises(Rejected, match="Etag Mismatch"):
        await store.complete_multipart("a", upload_id, [PartInfo(1, 1, "0" * 32)])
    assert server.asked("DELETE") == []


async def test_a_whole_with_another_etag_than_its_segments_give_is_damage(server, open_store):
    store = await open_store()
    upload_id = await store.create_multipart("a", attributes=NO_ATTRIBUTES)
    mark = server.requests[-1].body

    def answer(request):
        if "multipart-manifest=put" in request.target:
            return server.reply(201, headers={"etag": '"' + "f" * 32 + '"'})
        return server.reply(200, mark)

    server.answer = answer
    with pytest.raises(Corrupt):
        await store.complete_multipart("a", upload_id, [PartInfo(1, 1, "0" * 32)])


async def test_clearing_up_that_fails_does_not_fail_the_write(server, open_store):
    store = await open_store()
    store._has_segments = True
    server.answer = lambda request: server.reply(201 if request.method == "PUT" else 503)
    assert (await store.put("a", BytesBody(b""), attributes=NO_ATTRIBUTES)).key == "a"
    assert len(server.asked("GET")) == 1


async def test_without_segments_a_write_is_one_request(server, open_store):
    server.answer = lambda _: server.reply(204, headers={"x-container-object-count": "0"})
    store = await open_store()
    await store.put("a", BytesBody(b""), attributes=NO_ATTRIBUTES)
    assert len(server.requests) == 1


async def test_nothing_wrong_is_made_of_an_answer_without_a_length(server, open_store):
    store = await open_store()
    server.answer = lambda _: server.reply(200)
    with pytest.raises(Rejected):
        await store.head("a")
    with pytest.raises(Rejected):
        async with store.get("a"):
            pass


SEGMENTS = {"p/1": b"11", "p/2": b"222", "p/3": b"3333"}


def too_many(server, segments):
    """A dynamic large object with more segments than Swift lists at once, two to a page: nobody tells its size or ETag."""

    def answer(request):
        path, _, query = request.target.removeprefix("/v1/AUTH_a").partition("?")
        if path == "/photos/a":
            return server.reply(200, headers={"x-object-manifest": "c%20c/p/", "etag": EMPTY_MD5})
        if path == "/c%20c":
            marker = next((value for name, value in split_query(query) if name == "marker"), "")
            names = [name for name in segments if name > marker][:2]
            items = [
                {"name": name, "bytes": len(segments[name]), "hash": md5(segments[name]), "last_modified": WHEN}
                for name in names
            ]
            return server.reply(200, json.dumps(items).encode())
        data = segments[path.removeprefix("/c%20c/")]
        if "range" in request.headers:
            first, last = request.headers["range"].removeprefix("bytes=").split("-")
            data = data[int(first) : int(last) + 1]
        etag = md5(segments[path.removeprefix("/c%20c/")])
        return server.reply(200, data, {"etag": etag, "content-length": str(len(data))})

    return answer


async def test_a_dynamic_large_object_of_more_segments_than_swift_lists_at_once_is_read_all_the_same(
    server, open_store
):
    store = await open_store()
    server.answer = too_many(server, SEGMENTS)
    seen = await store.head("a")
    assert (seen.size_bytes, seen.etag) == (9, DYNAMIC + md5("".join(map(md5, SEGMENTS.values())).encode()))
    exactly = Condition(if_match=seen.etag)
    for condition in (Condition(), exactly):
        async with store.get("a", condition=condition) as reader:
            assert (await reader.read(), reader.info.etag) == (b"112223333", seen.etag)
    async with store.get("a", byte_range=ByteRange(4, 3), condition=exactly) as reader:
        assert b"".join([chunk async for chunk in reader.chunks()]) == b"233"
    assert await store.part_sizes("a", etag=seen.etag) == [2, 3, 4]


async def test_a_segment_with_other_bytes_than_its_etag_says_is_damage_before_its_last_byte_is_out(server, open_store):
    store = await open_store()
    seen = too_many(server, SEGMENTS)
    broken = too_many(server, {**SEGMENTS, "p/2": b"2x2"})

    def answer(request):
        reply = seen(request)
        return reply if not request.target.endswith("p/2") else server.reply(200, broken(request).body, reply.headers)

    server.answer = answer
    with pytest.raises(Corrupt, match="p/2"):
        async with store.get("a") as reader:
            await reader.read()
    taken = []
    with pytest.raises(Corrupt, match="p/2"):
        async with store.get("a") as reader:
            async for chunk in reader.chunks():
                taken += [chunk]
    assert b"".join(taken) == b"11"


async def test_a_segment_that_another_one_answers_for_is_a_change(server, open_store):
    store = await open_store()
    listed, now = too_many(server, SEGMENTS), too_many(server, {**SEGMENTS, "p/3": b"4444"})
    server.answer = lambda request: (now if request.target.endswith("p/3") else listed)(request)
    with pytest.raises(SourceChanged, match="p/3"):
        async with store.get("a") as reader:
            await reader.read()


async def test_segments_beyond_all_bounds_are_refused_with_the_reason(server, open_store, monkeypatch):
    monkeypatch.setattr("brigade.stores.swift.dynamic.MOST_SEGMENTS", 2)
    store = await open_store()
    server.answer = too_many(server, SEGMENTS)
    with pytest.raises(Rejected, match="more than 2 segments"):
        await store.head("a")


@pytest.mark.parametrize("place", ["c", "c/", "/p", "%FF/p"])
async def test_a_dynamic_large_object_that_names_no_place_fails_with_the_reason(server, open_store, place):
    store = await open_store()
    server.answer = lambda _: server.reply(200, headers={"x-object-manifest": place})
    with pytest.raises(Rejected, match="names no container and prefix"):
        await store.head("a")


async def test_a_write_that_a_newer_one_has_overtaken_is_no_success(server, open_store):
    """Swift answers 202, with the ETag of what it was sent, where something newer by its clocks lies there already."""
    store = await open_store()
    md5_of_content = "9a0364b9e99bb480dd25e1f0284c8555"
    server.answer = lambda _: server.reply(202, headers={"etag": md5_of_content})
    with pytest.raises(Unavailable, match="newer"):
        await store.put("a", BytesBody(b"content"), attributes=NO_ATTRIBUTES)


@pytest.mark.parametrize("heartbeat", [True, False])
async def test_a_manifest_that_a_newer_write_has_overtaken_is_no_success_and_keeps_its_mark(
    server, open_store, heartbeat
):
    store = await open_store()
    upload_id = await store.create_multipart("a", attributes=NO_ATTRIBUTES)
    mark = server.requests[-1].body
    etag = whole_etag([Segment("/photos_segments/x", 1, "0" * 32)])

    def answer(request):
        if "multipart-manifest=put" not in request.target:
            return server.reply(200, mark)
        if heartbeat:
            said = {"Response Status": "202 Accepted", "Errors": [], "Etag": etag}
            return server.reply(202, b"  " + json.dumps(said).encode())
        return server.reply(202, headers={"etag": f'"{etag}"'})

    server.answer = answer
    with pytest.raises(Unavailable, match="newer"):
        await store.complete_multipart("a", upload_id, [PartInfo(1, 1, "0" * 32)])
    assert server.asked("DELETE") == []


async def test_a_stream_whose_digest_the_server_does_not_tell_is_not_taken_for_proven(server, open_store):
    store = await open_store()
    server.answer = lambda request: server.reply(201)
    with pytest.raises(Corrupt, match="does not tell"):
        await store.put("a", StreamBody([b"content"]), attributes=NO_ATTRIBUTES)


async def test_a_failure_that_bulk_delete_tells_of_another_path_is_nobody_s_success(server, open_store):
    store = await open_store(delete_segments=False)
    outcome = {"Response Status": "400 Bad Request", "Response Body": "", "Errors": [["/photos/b%2Bc", "409 Conflict"]]}
    server.answer = lambda request: (
        server.reply(200, json.dumps(outcome).encode()) if request.method == "POST" else server.reply(409)
    )
    answers = await store.delete(["a", "b c"])
    assert all(isinstance(error, Unavailable) for error in answers.values())


async def test_a_server_that_heeds_no_prefix_loses_no_segment_of_the_object_that_is_there(server, open_store):
    store = await open_store()
    live, old = (f"brigade-{number:019d}-00000000" for number in (2, 1))
    names = [f"photos/a/{upload_id}/00000001" for upload_id in (old, live)]
    page = [{"name": name, "bytes": 1, "hash": "0" * 32, "last_modified": WHEN} for name in names]

    def answer(request):
        if request.target.startswith("/v1/AUTH_a/photos_segments?"):
            return server.reply(204) if "marker" in request.target else server.reply(200, json.dumps(page).encode())
        if "multipart-manifest=get" in request.target:
            item = {"name": f"/photos_segments/{names[1]}", "bytes": 1, "hash": "0" * 32}
            return server.reply(200, json.dumps([item]).encode(), {"x-static-large-object": "True"})
        return server.reply(405 if request.method == "POST" else 204)

    server.answer = answer
    await store.abort_multipart("a", old)
    assert f"/v1/AUTH_a/photos_segments/{names[1]}" not in server.asked("DELETE")
    assert not any(names[1].encode() in request.body for request in server.requests)

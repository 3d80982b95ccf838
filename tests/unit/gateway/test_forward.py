"""Requests and answers pass as they are, and a change is noted before it happens."""

from __future__ import annotations

import asyncio
import base64
import os
import zlib
from hashlib import sha256

import pytest

from brigade.errors import StateError
from brigade.gateway.capture import Fate
from brigade.gateway.settings import FixedCredentials, Limits, StoreTarget
from brigade.wire.sigv4 import EMPTY_SHA256, Credentials, signature, signing_key
from brigade.wire.verify import AccessKey, Incoming, Verifier

STORE_KEY = AccessKey(Credentials("STOREKEY", "store-secret"))


class Stream:
    """A body that comes in pieces."""

    replayable = False

    def __init__(self, pieces: list[bytes]) -> None:
        self.size_bytes = sum(map(len, pieces))
        self._pieces = pieces

    async def chunks(self):
        for piece in self._pieces:
            yield piece
            await asyncio.sleep(0)


def verify_as_store(received) -> None:
    """The request that reached the store is signed by the store's own key."""
    import time

    path, _, query = received.target.partition("?")
    incoming = Incoming(received.method, path, query, received.headers, path)
    assert Verifier(lambda _: STORE_KEY).check(incoming, time.time_ns()) is not None


ODD_PATHS = [
    "/b/k",
    "/b//k",
    "/b/a%2Fb",
    "/b/a+b%20c",
    "/b/../k",
    "/b/%C3%A9/./~",
    "/b/k%2f",
    "/b/",
    "/b/a;b=c",
    "/b/!'()*",
]


@pytest.mark.parametrize("path", ODD_PATHS)
async def test_the_target_is_passed_on_byte_for_byte_and_signed_anew(scene, path):
    from brigade.wire.sigv4 import canonical_path

    headers = scene.client.sign("GET", canonical_path(path), "")
    async with scene.client._client.send("GET", path, headers) as response:
        assert response.status == 200
    (received,) = scene.store.received
    assert received.target == path
    verify_as_store(received)


async def test_a_query_keeps_its_order_and_spelling(scene):
    from brigade.wire.sigv4 import canonical_query

    query = "prefix=a%2fb&list-type=2&delimiter=/&marker"
    headers = scene.client.sign("GET", "/b", canonical_query(query))
    async with scene.client._client.send("GET", f"/b?{query}", headers) as response:
        assert response.status == 200
    assert scene.store.received[0].target == f"/b?{query}"
    verify_as_store(scene.store.received[0])


async def test_headers_pass_but_for_those_of_the_connection_and_the_signature(scene):
    given = [("if-match", '"x"'), ("range", "bytes=0-1"), ("x-amz-meta-a", "v"), ("x-custom", "é"), ("te", "trailers")]
    await scene.client.send("GET", "/b/k", headers=given)
    (received,) = scene.store.received
    assert {received.headers[name] for name, _ in given[:4]} == {'"x"', "bytes=0-1", "v", "é"}
    assert "te" not in received.headers
    assert "STOREKEY" in received.headers["authorization"]
    assert received.headers["host"] == f"127.0.0.1:{scene.store.port}"
    verify_as_store(received)


ANSWERS = [
    b'HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-1/9\r\nETag: "x"\r\nContent-Length: 2\r\n\r\nab',
    b'HTTP/1.1 304 Not Modified\r\nETag: "x"\r\n\r\n',
    b"HTTP/1.1 412 Precondition Failed\r\nContent-Length: 3\r\nX-Odd-CASE:  spaced \r\n\r\n<E>",
    b"HTTP/1.1 404 Not Here At All\r\nContent-Type: application/xml\r\nContent-Length: 7\r\n\r\n<Error>",
    b"HTTP/1.1 200 OK\r\nVary: Origin\r\nVary: Accept\r\nx-amz-meta-a: \xc3\xa9\xff\r\nContent-Length: 1\r\n\r\nx",
    b"HTTP/1.1 503 Slow Down\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 204 No Content\r\nx-amz-version-id: 5\r\n\r\n",
]  # fmt: skip


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda answer: answer[9:12].decode())
async def test_answers_pass_byte_for_byte(scene, answer):
    scene.store.answers.append(answer)
    headers = [*scene.client.sign("GET", "/b/k"), ("connection", "close")]
    got = await scene.client.raw(scene.client.request_bytes("GET", "/b/k", headers))
    assert got.replace(b"\r\nConnection: close", b"") == answer


async def test_a_head_request_has_the_headers_and_no_body(scene):
    scene.store.answers.append(b'HTTP/1.1 200 OK\r\nContent-Length: 12345\r\nETag: "x"\r\n\r\n')
    reply = await scene.client.send("HEAD", "/b/k")
    assert (reply.status, reply.headers["content-length"], reply.body) == (200, "12345", b"")


async def test_an_answer_of_unknown_length_comes_whole(scene):
    scene.store.answers.append(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
    reply = await scene.client.send("GET", "/b")
    assert reply.body == b"abcde"
    scene.store.answers.append(b"HTTP/1.0 200 OK\r\n\r\nuntil the end")

    async def then_close(writer):
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nuntil the end")
        writer.close()

    scene.store.answers[:] = [then_close]
    assert (await scene.client.send("GET", "/b")).body == b"until the end"


@pytest.mark.parametrize("is_chunked", [False, True])
async def test_a_large_answer_arrives_whole(scene, is_chunked):
    content = os.urandom(5_000_000)
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(content), content)
    if is_chunked:
        answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (
            len(content),
            content,
        )
    scene.store.answers.append(answer)
    assert (await scene.client.send("GET", "/b/k")).body == content


async def test_a_large_answer_arrives_whole_at_a_client_that_takes_little_at_a_time(scene):
    content = os.urandom(20_000_000)
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(content), content)
    scene.store.answers.append(answer)
    reader, writer = await asyncio.open_connection("127.0.0.1", scene.client.port, limit=1000)
    headers = [*scene.client.sign("GET", "/b/k"), ("connection", "close")]
    writer.write(scene.client.request_bytes("GET", "/b/k", headers))
    got = []
    async with asyncio.timeout(80):
        while piece := await reader.read(1_000_000):
            got.append(piece)
    writer.close()
    assert b"".join(got).partition(b"\r\n\r\n")[2] == content


async def test_a_store_that_fails_amid_its_answer_shows_as_a_cut_and_never_as_an_end(scene):
    async def cut(writer):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
        await writer.drain()
        writer.close()

    scene.store.answers.append(cut)
    headers = [*scene.client.sign("GET", "/b/k"), ("connection", "close")]
    with pytest.raises((ConnectionResetError, AssertionError)):
        got = await scene.client.raw(scene.client.request_bytes("GET", "/b/k", headers))
        assert got.endswith(b"abcdefghij")


@pytest.mark.parametrize("size", [0, 1, 4096, 300_000, 3_000_000])
@pytest.mark.parametrize("is_hashed", [True, False])
async def test_bodies_arrive_whole(scene, size, is_hashed):
    body = os.urandom(size)
    content_hash = sha256(body).hexdigest() if is_hashed else "UNSIGNED-PAYLOAD"
    reply = await scene.client.send("PUT", "/b/k", body=body, content_hash=content_hash)
    assert reply.status == 200
    (received,) = scene.store.received
    assert received.body == body
    assert received.headers["x-amz-content-sha256"] == content_hash
    verify_as_store(received)


@pytest.mark.parametrize("size", [10, 300_000])
async def test_a_body_that_is_not_the_signed_one_never_reaches_the_store_whole(scene, size):
    reply = await scene.client.send("PUT", "/b/k", body=b"x" * size, content_hash=EMPTY_SHA256)
    assert (reply.status, reply.code) == (400, "XAmzContentSHA256Mismatch")
    await asyncio.sleep(0.05)
    assert not scene.store.received


async def test_leave_to_send_is_given_after_the_signature_was_checked(scene):
    headers = [*scene.client.sign("PUT", "/b/k"), ("content-length", "5"), ("expect", "100-continue")]
    head = scene.client.request_bytes("PUT", "/b/k", [*headers, ("connection", "close")])
    reader, writer = await asyncio.open_connection("127.0.0.1", scene.client.port)
    writer.write(head)
    assert await reader.readline() == b"HTTP/1.1 100 Continue\r\n"
    writer.write(b"hello")
    assert b" 200 " in await reader.read()
    writer.close()
    refused = head.replace(b"Signature=", b"Signature=0").replace(b"connection: close\r\n", b"")
    got = await scene.client.raw(refused)
    assert got.startswith(b"HTTP/1.1 403")
    assert b"Connection: close" in got
    assert len(scene.store.received) == 1


async def test_leave_to_send_is_given_for_nothing_too(scene):
    headers = [*scene.client.sign("PUT", "/b/k"), ("content-length", "0"), ("expect", "100-continue")]
    got = await scene.client.raw(scene.client.request_bytes("PUT", "/b/k", [*headers, ("connection", "close")]))
    assert got.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 ")
    assert got.count(b"HTTP/1.1") == 2


def chunked(client, data: bytes, trailer: dict[str, str], *, kind="STREAMING-UNSIGNED-PAYLOAD-TRAILER"):
    """Headers and body of an upload with a trailer."""
    given = [
        ("content-encoding", "aws-chunked,gzip"),
        ("x-amz-decoded-content-length", str(len(data))),
        ("x-amz-sdk-checksum-algorithm", "CRC32"),
        ("x-amz-trailer", ",".join(trailer)),
    ]
    body = b"%x\r\n%b\r\n" % (len(data), data) if data else b""
    body += b"0\r\n" + "".join(f"{name}:{value}\r\n" for name, value in trailer.items()).encode() + b"\r\n"
    return given, body, kind


def crc32(data: bytes) -> dict[str, str]:
    return {"x-amz-checksum-crc32": base64.b64encode(zlib.crc32(data).to_bytes(4, "big")).decode()}


async def test_a_small_upload_with_a_trailer_goes_on_with_its_checksum_in_the_head(scene):
    given, body, kind = chunked(scene.client, b"payload", crc32(b"payload"))
    reply = await scene.client.send("PUT", "/b/k", headers=given, body=body, content_hash=kind)
    assert reply.status == 200, reply
    (received,) = scene.store.received
    assert received.body == b"payload"
    assert received.headers["x-amz-checksum-crc32"] == crc32(b"payload")["x-amz-checksum-crc32"]
    assert received.headers["content-encoding"] == "gzip"
    assert not {"x-amz-trailer", "x-amz-decoded-content-length"} & received.headers.keys()
    verify_as_store(received)


async def test_a_large_upload_keeps_its_trailer_where_the_store_knows_that_form(open_scene):
    scene = await open_scene(limits=Limits(buffer_bytes=1000))
    data = os.urandom(200_000)
    given, body, kind = chunked(scene.client, data, crc32(data))
    assert (await scene.client.send("PUT", "/b/k", headers=given, body=body, content_hash=kind)).status == 200
    (received,) = scene.store.received
    assert received.headers["x-amz-content-sha256"] == kind
    assert received.headers["content-encoding"] == "aws-chunked,gzip"
    assert received.body == body
    verify_as_store(received)


async def test_a_large_upload_loses_its_trailer_where_the_store_does_not_know_it(open_scene):
    scene = await open_scene(trailers=False, limits=Limits(buffer_bytes=1000))
    data = os.urandom(200_000)
    given, body, kind = chunked(scene.client, data, crc32(data))
    assert (await scene.client.send("PUT", "/b/k", headers=given, body=body, content_hash=kind)).status == 200
    (received,) = scene.store.received
    assert received.body == data
    assert received.headers["content-encoding"] == "gzip"
    assert "x-amz-sdk-checksum-algorithm" not in received.headers


@pytest.mark.parametrize("size", [7, 200_000])
@pytest.mark.parametrize("trailers", [True, False])
async def test_an_upload_whose_checksum_is_wrong_leaves_no_trace(open_scene, size, trailers):
    scene = await open_scene(trailers=trailers, limits=Limits(buffer_bytes=1000))
    data = os.urandom(size)
    given, body, kind = chunked(scene.client, data, crc32(b"other"))
    reply = await scene.client.send("PUT", "/b/k", headers=given, body=body, content_hash=kind)
    assert (reply.status, reply.code) == (400, "BadDigest")
    await asyncio.sleep(0.05)
    assert not scene.store.received


@pytest.mark.parametrize("trailers", [True, False])
async def test_the_end_of_a_body_waits_for_a_trailer_that_comes_late(open_scene, trailers):
    scene = await open_scene(trailers=trailers, limits=Limits(buffer_bytes=1000))
    data = os.urandom(200_000)
    given, body, kind = chunked(scene.client, data, crc32(b"other"))
    headers = scene.client.sign("PUT", "/b/k", "", given, kind)
    headers += [("content-length", str(len(body))), ("connection", "close")]
    end = body.rindex(b"\r\n0\r\nx-amz")
    reader, writer = await asyncio.open_connection("127.0.0.1", scene.client.port)
    writer.write(scene.client.request_bytes("PUT", "/b/k", headers, body[:end]))
    await asyncio.sleep(0.2)
    assert not scene.store.received
    writer.write(body[end:])
    assert b"<Code>BadDigest</Code>" in await reader.read()
    writer.close()
    await scene.store.cut_short.wait()
    assert not scene.store.received


async def test_signed_chunks_are_verified_and_taken_off(scene):
    data = os.urandom(100_000)
    given = [("content-encoding", "aws-chunked"), ("x-amz-decoded-content-length", str(len(data)))]
    kind = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
    headers = scene.client.sign("PUT", "/b/k", "", given, kind)
    named = dict(headers)
    seed = named["authorization"].rpartition("=")[2]
    body = signed_chunks(data, seed, named["x-amz-date"])
    async with scene.client._client.send("PUT", "/b/k", headers, body) as response:
        assert response.status == 200
    assert scene.store.received[0].body == data
    assert "content-encoding" not in scene.store.received[0].headers
    spoiled = body.replace(data[-20:], bytes(20))
    async with scene.client._client.send("PUT", "/b/k", headers, spoiled) as response:
        assert response.status == 403
        assert b"SignatureDoesNotMatch" in await response.read()
    await asyncio.sleep(0.05)
    assert len(scene.store.received) == 1


def signed_chunks(data: bytes, seed: str, date: str) -> bytes:
    from brigade.wire.sigv4 import Scope

    scope = Scope(date[:8], "us-east-1")
    key = signing_key("client-secret", scope)
    body, previous = b"", seed
    for begin in [*range(0, len(data), 65536), None]:
        chunk = data[begin : begin + 65536] if begin is not None else b""
        rest = f"{EMPTY_SHA256}\n{sha256(chunk).hexdigest()}"
        previous = signature(key, f"AWS4-HMAC-SHA256-PAYLOAD\n{date}\n{scope}\n{previous}\n{rest}")
        body += b"%x;chunk-signature=%b\r\n%b\r\n" % (len(chunk), previous.encode(), chunk)
    return body


WRITES = [
    ("PUT", "/b/k", "", None, ["k"]),
    ("PUT", "/b/%C3%A9%20%2B", "", None, ["é +"]),
    ("DELETE", "/b/k", "versionId=1", None, ["k"]),
    ("PUT", "/b/k", "tagging=", None, ["k"]),
    ("POST", "/b/k", "uploadId=u", b"<CompleteMultipartUpload/>", ["k"]),
    ("POST", "/b", "delete=", b"<Delete><Object><Key>a</Key></Object><Object><Key>b</Key></Object></Delete>", ["a", "b"]),
    ("PUT", "/b", "", None, []),
    ("PUT", "/b", "lifecycle=", b"<x/>", []),
    ("PATCH", "/b/k", "", None, ["k"]),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path", "query", "body", "keys"), WRITES)
async def test_a_change_is_noted_before_the_store_hears_of_it_and_settled_after_its_answer(
    scene, method, path, query, body, keys
):
    scene.store.on_request = lambda _: scene.capture.events.append("forwarded")
    await scene.client.send(method, path, query, body=body)
    assert scene.capture.events == [("intend", "b", keys), "forwarded", ("settle", 1)]


@pytest.mark.parametrize(
    ("method", "path", "query"),
    [("GET", "/b/k", ""), ("HEAD", "/b", ""), ("PUT", "/b/k", "partNumber=1&uploadId=u"), ("POST", "/b/k", "uploads=")],
)
async def test_reads_and_steps_on_the_way_to_an_object_are_no_changes(scene, method, path, query):
    scene.store.answers.append(b"HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n")
    await scene.client.send(method, path, query)
    assert not scene.capture.events
    assert len(scene.store.received) == 1


async def test_a_change_that_cannot_be_noted_is_refused_and_never_reaches_the_store(scene):
    scene.capture.failure = StateError("the disk is full")
    reply = await scene.client.send("PUT", "/b/k", body=b"x")
    assert (reply.status, reply.code) == (503, "ServiceUnavailable")
    assert reply.headers["retry-after"] == "1"
    assert not scene.store.received
    assert (await scene.client.send("GET", "/b/k")).status == 200


async def test_best_effort_lets_a_change_through_that_could_not_be_noted(open_scene):
    scene = await open_scene(best_effort=True)
    scene.capture.failure = StateError("the disk is full")
    assert (await scene.client.send("PUT", "/b/k", body=b"x")).status == 200


async def test_a_note_that_takes_too_long_refuses_the_write(open_scene):
    scene = await open_scene(limits=Limits(capture_timeout_seconds=0.05))

    async def never(touched):
        await asyncio.Event().wait()

    scene.capture.intend = never
    assert (await scene.client.send("PUT", "/b/k", body=b"x")).status == 503


async def test_the_note_hears_of_the_answer_before_the_client_does(scene):
    scene.store.answers.append(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
    assert (await scene.client.send("PUT", "/b/k", body=b"x")).status == 404
    assert scene.capture.answers == [(1, 404)]
    scene.capture.late_failure = StateError("the disk is full")
    reply = await scene.client.send("PUT", "/b/k", body=b"x")
    assert (reply.status, reply.code) == (503, "ServiceUnavailable")
    assert scene.capture.answers == [(1, 404), (2, 200)]


async def test_best_effort_passes_the_answer_on_whose_change_could_not_be_noted(open_scene):
    scene = await open_scene(best_effort=True)
    scene.capture.late_failure = StateError("the disk is full")
    assert (await scene.client.send("PUT", "/b/k", body=b"x")).status == 200


@pytest.mark.parametrize(
    ("method", "query", "fate"),
    [
        ("PUT", "", Fate.MADE),
        ("DELETE", "", Fate.DELETED),
        ("PUT", "tagging=", Fate.NONE),
        ("DELETE", "cors=", Fate.NONE),
    ],
)
async def test_a_note_says_what_becomes_of_the_bucket_and_which_store_serves_it(scene, method, query, fate):
    await scene.client.send(method, "/b", query)
    (touched,) = scene.capture.touched
    assert (touched.bucket, list(touched.keys), touched.fate) == ("b", [], fate)
    assert touched.store


async def test_a_write_whose_outcome_is_unknown_is_not_settled(scene):
    async def vanish(writer):
        writer.close()

    scene.store.answers += [vanish, vanish]
    reply = await scene.client.send("PUT", "/b/k", body=b"x")
    assert (reply.status, reply.code) == (503, "ServiceUnavailable")
    assert scene.capture.events == [("intend", "b", ["k"])]


async def test_a_client_that_leaves_amid_its_upload_releases_the_store(scene):
    headers = [*scene.client.sign("PUT", "/b/k"), ("content-length", "1000000")]
    request = scene.client.request_bytes("PUT", "/b/k", headers, b"x" * 500_000)
    await scene.client.raw(request, wait=False)
    async with asyncio.timeout(80):
        await scene.store.cut_short.wait()
    assert not scene.store.received
    assert [event[0] for event in scene.capture.events] == ["intend"]


async def test_a_client_that_leaves_amid_its_download_releases_the_store(scene):
    gone = asyncio.Event()

    async def endless(writer):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        try:
            while True:
                writer.write(bytes(65536))
                await writer.drain()
        except ConnectionError:
            gone.set()

    scene.store.answers.append(endless)
    reader, writer = await asyncio.open_connection("127.0.0.1", scene.client.port)
    writer.write(scene.client.request_bytes("GET", "/b/k", scene.client.sign("GET", "/b/k")))
    assert await reader.readexactly(100_000)
    writer.transport.abort()
    async with asyncio.timeout(80):
        await gone.wait()


async def test_a_store_that_cannot_be_reached_is_said_in_s3s_words(open_scene):
    scene = await open_scene()
    nowhere = StoreTarget("one", "http://127.0.0.1:9", FixedCredentials(None), connect_timeout_seconds=1)
    from dataclasses import replace

    await scene.gateway.update(replace(scene.settings, stores=(nowhere,)))
    reply = await scene.client.send("GET", "/b/k")
    assert (reply.status, reply.code) == (503, "ServiceUnavailable")
    assert b"127.0.0.1:9" not in reply.body


async def test_an_upload_ends_where_it_began_whatever_the_routes_say_by_then(scene):
    from dataclasses import replace

    document = b"<InitiateMultipartUploadResult><UploadId>u+1/=</UploadId></InitiateMultipartUploadResult>"
    scene.store.answers.append(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(document), document))
    assert (await scene.client.send("POST", "/b/k", "uploads=")).body == document
    await scene.gateway.update(replace(scene.settings, store="two"))
    await scene.client.send("PUT", "/b/k", "partNumber=1&uploadId=u%2B1%2F%3D", body=b"x")
    await scene.client.send("POST", "/b/k", "uploadId=u%2B1%2F%3D", body=b"<x/>")
    await scene.client.send("PUT", "/b/other", body=b"x")
    assert [request.method for request in scene.store.received] == ["POST", "PUT", "POST"]
    assert [request.target for request in scene.stores["two"].received] == ["/b/other"]

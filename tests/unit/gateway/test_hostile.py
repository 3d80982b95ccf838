"""Clients that are slow, broken or malicious: clear errors, bounded memory, nothing forwarded, no secret told."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress

import pytest

from brigade.gateway.settings import Limits
from brigade.wire.s3xml import parse_error
from brigade.wire.sigv4 import Credentials


def code_of(answer: bytes) -> str:
    return parse_error(answer.partition(b"\r\n\r\n")[2]).code


@pytest.mark.parametrize(
    "data",
    [
        b"rubbish\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /b/k HTTP/1.1\r\nno colon\r\n\r\n",
        b"POST /b/k HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /b/k HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
        b"POST /b/k HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n",
        b"GET /b/\x00k HTTP/1.1\r\nHost: h\r\n\r\n",
    ],
)
async def test_what_is_not_http_is_answered_in_xml_and_goes_nowhere(scene, data):
    answer = await scene.client.raw(data)
    assert answer[8:13] == b" 400 "
    assert code_of(answer) == "BadRequest"
    assert not scene.store.received


async def test_huge_heads_are_refused(scene):
    long = b"GET /b/k HTTP/1.1\r\nHost: h\r\nX-Long: " + b"x" * 100_000 + b"\r\n\r\n"
    answer = await scene.client.raw(long)
    assert answer[8:13] == b" 400 "
    assert code_of(answer) == "RequestHeaderSectionTooLarge"
    many = b"GET /b/k HTTP/1.1\r\nHost: h\r\n" + b"X-Many: x\r\n" * 5000 + b"\r\n"
    assert (await scene.client.raw(many))[8:13] == b" 400 "
    assert not scene.store.received


async def test_targets_that_name_no_path_are_refused(scene):
    for target in ("*", "http://elsewhere/b/k", "/../b", "/%2e%2e/b", "/b/%ff"):
        headers = "Host: h\r\nConnection: close\r\n"
        answer = await scene.client.raw(f"GET {target} HTTP/1.1\r\n{headers}\r\n".encode())
        assert answer[8:13] in (b" 400 ", b" 403 "), target
    reply = await scene.client.send("GET", f"/b/{'k' * 5000}")
    assert reply.code == "KeyTooLongError"
    assert not scene.store.received


async def test_a_parameter_that_is_not_utf_8_is_refused(open_scene):
    scene = await open_scene(anonymous=True)
    for query in ("uploadId=%ff&partNumber=1", "prefix=%ff"):
        reply = await scene.client.send("PUT", "/b/k", query, body=b"x", signed=False)
        assert reply.status == (400 if "uploadId" in query else 200)


async def test_a_client_that_dribbles_its_head_is_dropped(open_scene):
    scene = await open_scene(limits=Limits(idle_timeout_seconds=1.0))
    reader, writer = await asyncio.open_connection("127.0.0.1", scene.client.port)
    writer.write(b"GET /b/k HTTP/1.1\r\nHost: h\r\nX: ")
    async with asyncio.timeout(80):
        while not (reader.at_eof() or writer.is_closing()):
            writer.write(b"1")
            await asyncio.sleep(0.02)
        # What was sent after the end makes it a reset.
        with suppress(ConnectionResetError):
            assert await reader.read() == b""
    writer.close()


async def test_a_client_that_stops_amid_its_body_is_refused_and_its_store_released(open_scene):
    scene = await open_scene(limits=Limits(idle_timeout_seconds=1.0))
    headers = [*scene.client.sign("PUT", "/b/k"), ("content-length", "1000000"), ("connection", "close")]
    async with asyncio.timeout(80):
        answer = await scene.client.raw(scene.client.request_bytes("PUT", "/b/k", headers, b"x" * 100_000))
        await scene.store.cut_short.wait()
    assert code_of(answer) == "RequestTimeout"
    assert not scene.store.received


async def test_a_client_that_takes_nothing_is_dropped(open_scene):
    scene = await open_scene(limits=Limits(idle_timeout_seconds=1.0))
    gone = asyncio.Event()

    async def endless(writer):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n")
        try:
            while True:
                writer.write(bytes(65536))
                await writer.drain()
        except ConnectionError:
            gone.set()

    scene.store.answers.append(endless)
    _, writer = await asyncio.open_connection("127.0.0.1", scene.client.port, limit=1024)
    writer.write(scene.client.request_bytes("GET", "/b/k", scene.client.sign("GET", "/b/k")))
    async with asyncio.timeout(80):
        await gone.wait()
    writer.close()


async def test_more_requests_at_once_than_allowed_are_asked_to_slow_down(open_scene):
    scene = await open_scene(limits=Limits(requests=2))
    asked, go = asyncio.Semaphore(0), asyncio.Event()

    async def slowly(writer):
        asked.release()
        await go.wait()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    scene.store.answers += [slowly, slowly]
    async with asyncio.TaskGroup() as group:
        waiting = [group.create_task(scene.client.send("GET", "/b/k")) for _ in range(2)]
        for _ in waiting:
            await asked.acquire()
        reply = await scene.client.send("GET", "/b/k")
        assert (reply.status, reply.code) == (503, "SlowDown")
        go.set()
    assert [task.result().status for task in waiting] == [200, 200]
    assert (await scene.client.send("GET", "/b/k")).status == 200


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<Delete",
        b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><Delete><Object><Key>&b;</Key></Object></Delete>',
        b"<Delete>" + b"<Object><Key>k</Key></Object>" * 1001 + b"</Delete>",
    ],
)
async def test_a_bulk_deletion_that_cannot_be_read_deletes_nothing(scene, body):
    reply = await scene.client.send("POST", "/b", "delete=", body=body)
    assert (reply.status, reply.code) == (400, "MalformedXML")
    assert not scene.store.received
    assert not scene.capture.events


async def test_a_bulk_deletion_of_any_size_is_not_held(scene):
    headers = [*scene.client.sign("POST", "/b", "delete="), ("content-length", str(10**9)), ("connection", "close")]
    answer = await scene.client.raw(scene.client.request_bytes("POST", "/b?delete=", headers, b"x"))
    assert code_of(answer) == "MaxMessageLengthExceeded"


async def test_a_body_of_unknown_length_is_refused(scene):
    headers = [*scene.client.sign("PUT", "/b/k"), ("transfer-encoding", "chunked"), ("connection", "close")]
    answer = await scene.client.raw(scene.client.request_bytes("PUT", "/b/k", headers, b"1\r\nx\r\n0\r\n\r\n"))
    assert answer.startswith(b"HTTP/1.1 411")
    assert code_of(answer) == "MissingContentLength"


async def test_an_object_needs_a_length_and_a_setting_does_not(scene):
    for target, query in (("/b/k", ""), ("/b/k", "partNumber=1&uploadId=u")):
        headers = [*scene.client.sign("PUT", target, query), ("connection", "close")]
        answer = await scene.client.raw(scene.client.request_bytes("PUT", f"{target}?{query}", headers))
        assert answer.startswith(b"HTTP/1.1 411 Length Required\r\n")
        assert code_of(answer) == "MissingContentLength"
    headers = [*scene.client.sign("PUT", "/b/k", "acl="), ("connection", "close")]
    answer = await scene.client.raw(scene.client.request_bytes("PUT", "/b/k?acl=", headers))
    assert answer.startswith(b"HTTP/1.1 200 ")


async def test_what_travels_compressed_is_not_unpacked(scene):
    bomb = b"\x1f\x8b" + bytes(1000)
    headers = [("content-encoding", "gzip")]
    assert (await scene.client.send("PUT", "/b/k", headers=headers, body=bomb)).status == 200
    assert scene.store.received[0].body == bomb
    assert scene.store.received[0].headers["content-encoding"] == "gzip"


@pytest.mark.parametrize(
    ("credentials", "code"),
    [
        (Credentials("CLIENTKEY", "wrong"), "SignatureDoesNotMatch"),
        (Credentials("NOBODY", "client-secret"), "InvalidAccessKeyId"),
        (Credentials("STOREKEY", "store-secret"), "InvalidAccessKeyId"),
        (Credentials("CLIENTKEY", "client-secret", "token"), "InvalidToken"),
    ],
)
async def test_whoever_is_not_a_user_is_refused(scene, credentials, code):
    reply = await scene.client.send("GET", "/b/k", credentials=credentials)
    assert reply.code == code
    assert not scene.store.received


async def test_no_secret_is_logged_or_answered(scene, caplog):
    caplog.set_level(logging.DEBUG)

    async def vanish(writer):
        writer.close()

    scene.store.answers += [vanish] * 4
    replies = [
        await scene.client.send("PUT", "/b/k", body=b"x"),
        await scene.client.send("PUT", "/b/k", credentials=Credentials("CLIENTKEY", "wrong")),
    ]
    told = caplog.text + repr(replies) + repr(scene.settings) + repr(scene.gateway)
    assert "store-secret" not in told
    assert "client-secret" not in told
    assert any("/b/k" in record.getMessage() for record in caplog.records)
